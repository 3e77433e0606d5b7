"""The keys of a route that say who answers in whose place, how often, and of what an answer is composed."""

from datetime import timedelta

import pytest

from proxy.config.model import Route, Stage
from proxy.config.policy import AggregatePart, Conditions, ErrorCondition, Fallback, Key, KeyKind, RateLimit
from proxy.config.written_kinds import Section
from proxy.config.written_route import MAX_PARTS, PartSection
from tests.support.routes_yaml import load, one_problem, problem_at_mark, with_route

MOVED = "name: r\nmatch: /a/**\nto: orders\nstage: cutover\n"
SUMMARY = 'name: r\nmatch: "/orders/{id}/summary"\naggregate:\n'


def route(lines: str) -> Route:
    return load(with_route(lines)).routes[0]


def test_a_fallback_without_keys_has_the_models_defaults() -> None:
    assert route(MOVED + "fallback: {}").fallback == Fallback()
    assert route(MOVED).fallback is None


def test_every_key_of_a_fallback() -> None:
    found = route(MOVED + "fallback: { on: [timeout, 404, 5xx], methods: [GET, OPTIONS, GET], budget: 50% }").fallback
    on = Conditions((ErrorCondition.TIMEOUT,), (404, *range(500, 600)))
    assert found == Fallback(on, ("GET", "OPTIONS"), 0.5)


@pytest.mark.parametrize(
    ("written", "limit"),
    [
        ("50/s", RateLimit(50.0, 50)),
        ("300/m", RateLimit(5.0, 5)),
        ("90/m", RateLimit(1.5, 2)),
        ("10/h", RateLimit(10 / 3600, 1)),
        (
            "{ rate: 50/s, burst: 100, key: { header: X-Api-Key } }",
            RateLimit(50, 100, Key(KeyKind.HEADER, "x-api-key")),
        ),
        ("{ rate: 0.5/s, key: ip }", RateLimit(0.5, 1)),
    ],
)
def test_a_rate_limit_is_a_rate_or_a_mapping(written: str, limit: RateLimit) -> None:
    assert route(f"name: r\nmatch: /a\nrate_limit: {written}").rate_limit == limit


def test_every_key_of_an_aggregate_in_the_order_of_the_file() -> None:
    found = route(
        SUMMARY
        + """\
  order: { from: orders, get: "/api/orders/{id}", required: true, timeout: 2s }
  payment: { from: monolith, get: "/api/payments?order_id={id}&page={query.page}" }
  Stock_1: { from: orders, get: /s, default: { a: null, b: [1.5, off, true, ""] } }"""
    )
    assert found.aggregate == (
        AggregatePart("order", "orders", "/api/orders/{id}", True, timedelta(seconds=2)),
        AggregatePart("payment", "monolith", "/api/payments?order_id={id}&page={query.page}"),
        AggregatePart("Stock_1", "orders", "/s", default={"a": None, "b": [1.5, "off", True, ""]}),
    )
    assert (found.to, found.stage) == (None, Stage.CUTOVER)
    assert [match.methods for match in found.matches] == [("GET",)]


@pytest.mark.parametrize("written", ["null", "~", "", "[]", "0", '"x"'])
def test_a_default_may_be_any_json_also_null(written: str) -> None:
    values = {"null": None, "~": None, "": None, "[]": [], "0": 0, '"x"': "x"}
    found = route(SUMMARY + f"  a:\n    from: orders\n    get: /a\n    default: {written}")
    assert found.aggregate[0].default == values[written]


def test_an_aggregate_may_wait_at_legacy_and_name_its_methods() -> None:
    found = route("name: r\nstage: legacy\nmatch: GET,HEAD /a\naggregate: { a: { from: orders, get: /a } }")
    assert (found.stage, found.matches[0].methods) == (Stage.LEGACY, ("GET", "HEAD"))


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("fallback: { methods: [GET, »POST] }", '"POST" never falls back: it may have changed something'),
        ("fallback: { methods: »[] }", '"methods" must be at least one entry'),
        ("fallback: { on: [»gone] }", '"gone" is not a condition'),
        ("fallback: »true", '"fallback" must be a mapping of keys (hint: keys here: on, methods, budget)'),
        ("fallback: { budget: »0% }", '"0%" is not between 0.01% and 100%'),
        ("rate_limit: »50", "50 has no unit (hint: write 50/s or 50/m)"),
        ("rate_limit: »50/d", '"50/d" is not a rate'),
        ("rate_limit: »0/s", '"0/s" is not above 0'),
        ("rate_limit: »{ burst: 5 }", '"rate" is missing'),
        ("rate_limit: { rate: 5/s, burst: »0 }", "0 is not between 1"),
        ("rate_limit: { rate: 5/s, key: »user }", '"user" is not a key: the proxy does not know users yet'),
        ("rate_limit: { rate: 5/s, key: »{ query: q } }", '"query" tells no clients apart'),
    ],
)
def test_a_wrong_value_is_told_where_it_stands(lines: str, expected: str) -> None:
    assert problem_at_mark(with_route(MOVED + lines)).startswith(expected)


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("a: »{ from: orders }", '"get" is missing'),
        ("a: »{ get: /a }", '"from" is missing'),
        ("a: »/a", '"a" must be a mapping of keys (hint: keys here: from, get, required, timeout, default)'),
        ("a: { »form: orders, get: /a, from: orders }", 'unknown key "form" (hint: did you mean "from"?)'),
        ("»_errors: { from: orders, get: /a }", '"_errors" is not the name of a part'),
        ("»a-b: { from: orders, get: /a }", '"a-b" is not the name of a part'),
        ("a: { from: orders, get: »a }", '"a" does not begin with /'),
        ("a: { from: orders, get: /a, required: »yes }", '"yes" is neither true nor false'),
        ("a: { from: orders, get: /a, timeout: »5 }", "5 has no unit"),
        ("a: { from: orders, get: /a, default: ».nan }", "JSON has no infinity and no not-a-number"),
    ],
)
def test_a_wrong_part_is_told_where_it_stands(part: str, expected: str) -> None:
    assert problem_at_mark(with_route(f"name: r\nmatch: /a\naggregate:\n  {part}")).startswith(expected)


def test_an_answer_is_composed_of_at_least_one_part_and_not_of_too_many() -> None:
    parts = "".join(f"  p{number}: {{ from: orders, get: /a }}\n" for number in range(MAX_PARTS + 1))
    assert '"aggregate" has more than 16 entries' in one_problem(with_route(SUMMARY + parts))
    assert '"aggregate" must be at least one entry' in one_problem(with_route("name: r\nmatch: /a\naggregate: {}"))


def test_a_section_knows_its_keys_as_they_are_written() -> None:
    assert issubclass(PartSection, Section)
    assert PartSection.keys() == ["from", "get", "required", "timeout", "default"]
