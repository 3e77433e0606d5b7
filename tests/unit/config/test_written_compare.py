"""The keys that say what is copied and how two sides are compared, and what is said when they are wrong."""

from datetime import date, timedelta

import pytest

from proxy.config.codec import dump_snapshot, load_snapshot
from proxy.config.compare import COMPARED_HEADERS, Compare, IgnoreRule, Shadow, Tolerance
from proxy.config.model import Route, Stage
from proxy.config.place import Place
from tests.support.routes_yaml import BASE, load, problem_at_mark, with_route

ROUTE = "name: r\nmatch: GET /a\nto: orders\n"


def made(lines: str, defaults: str = "") -> Route:
    return load(text(lines, defaults)).routes[0]


def text(lines: str, defaults: str = "") -> str:
    base = BASE.replace("legacy: monolith }", f"legacy: monolith, compare: {{ {defaults} }} }}") if defaults else BASE
    return with_route(ROUTE + lines, base)


def test_every_key_of_shadow() -> None:
    keys = "sample: 12.5%, max_in_flight: 7, queue: 0, timeout: 1s, max_body: 1MiB"
    assert made(f"shadow: {{ {keys} }}").shadow == Shadow(0.125, 7, 0, timedelta(seconds=1), 1024**2)


def test_a_route_at_stage_shadow_is_shadowed_also_without_the_key() -> None:
    assert (made("stage: shadow").stage, made("stage: shadow").shadow) == (Stage.SHADOW, Shadow())
    assert made("stage: legacy").shadow is None
    assert made("stage: cutover").shadow is None
    assert made("stage: cutover\nshadow: {}").shadow == Shadow()


def test_only_what_may_be_asked_twice_is_copied() -> None:
    assert Shadow().methods == {"GET", "HEAD"}
    assert Shadow(allow_writes=True).methods == {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}


def test_every_key_of_compare() -> None:
    found = made(
        """compare:
  sample: 10%
  ignore: [{ path: "$..id", because: new each time, until: 2027-01-31 }, { header: Vary }, { css: .clock }]
  unordered: ["$.tags"]
  tolerance: { "$.price": 0.005, "$.rate": 1% }
  mask: { "$": "[0-9]+ ms" }
  headers: [Content-Type, Vary]
  equal_status: [[200, 204], [301, 302]]
  null_is_missing: true"""
    ).compare
    assert found == Compare(
        sample=0.1,
        ignore=(
            IgnoreRule("$..id", because="new each time", until=date(2027, 1, 31)),
            IgnoreRule(header="Vary"),
            IgnoreRule(css=".clock"),
        ),
        unordered=("$.tags",),
        tolerance={"$.price": Tolerance(absolute=0.005), "$.rate": Tolerance(relative=0.01)},
        mask={"$": "[0-9]+ ms"},
        headers=("Content-Type", "Vary"),
        equal_status=(frozenset({200, 204}), frozenset({301, 302})),
        null_is_missing=True,
    )


def test_without_keys_a_comparison_is_as_the_model_says() -> None:
    assert made("").compare == made("compare: {}").compare == Compare()
    assert Compare().headers == COMPARED_HEADERS


def test_what_a_route_ignores_adds_to_the_defaults_and_the_rest_replaces_them() -> None:
    defaults = 'sample: 5%, ignore: [{ header: Vary }], unordered: ["$.a"], tolerance: { "$.x": 1 }, headers: [Vary]'
    found = made('compare: { ignore: [{ path: "$.b" }], unordered: ["$.c", "$.a"], tolerance: { "$.y": 2 } }', defaults)
    assert [rule.subject for rule in found.compare.ignore] == ["header:Vary", "$.b"]
    assert found.compare.unordered == ("$.a", "$.c")
    assert dict(found.compare.tolerance) == {"$.y": Tolerance(absolute=2)}
    assert (found.compare.sample, found.compare.headers) == (0.05, ("Vary",))
    assert made("", defaults).compare.sample == 0.05


def test_one_cookie_alone_may_be_ignored() -> None:
    (rule,) = made('compare: { ignore: [{ header: "Set-Cookie:sid" }] }').compare.ignore
    assert (rule.header, rule.subject) == ("Set-Cookie:sid", "header:Set-Cookie:sid")


def test_a_rule_remembers_where_it_stands_so_that_a_warning_can_say_so() -> None:
    found = made('compare: { ignore: [{ path: "$.b" }] }', "ignore: [{ header: Vary }]").compare
    assert [rule.place for rule in found.ignore] == [Place("routes.yaml", 5, 51), Place("routes.yaml", 10, 25)]


def test_a_rule_holds_on_its_last_day_and_not_after() -> None:
    rule = IgnoreRule("$.a", until=date(2026, 11, 22))
    assert (rule.holds(date(2026, 11, 22)), rule.holds(date(2026, 11, 23))) == (True, False)
    assert IgnoreRule("$.a").holds(date(2999, 1, 1))


def test_rules_and_copies_survive_the_way_to_another_process() -> None:
    given = load(
        text('shadow: {}\ncompare: { tolerance: { "$.x": 1% }, equal_status: [[200, 204]], ignore: [{css: a}] }')
    )
    assert load_snapshot(dump_snapshot(given)) == given


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("shadow: »10%", '"shadow" must be a mapping of keys (hint: keys here: sample, max_in_flight'),
        ("shadow: { sample: »0% }", '"0%" is not between 0.01% and 100%'),
        ("shadow: { sample: »0.1 }", "0.1 has no % (hint: write 10%)"),
        ("shadow: { max_in_flight: »0 }", "0 is not between 1"),
        ("shadow: { timeout: »5 }", "5 has no unit"),
        ("shadow: { max_body: »1GiB }", '"1GiB" is not between 1KiB and 16MiB'),
        ("shadow: { »allow_write: true }", 'unknown key "allow_write" (hint: did you mean "allow_writes"?)'),
        (
            "compare: { ignore: [»$.a] }",
            'each entry of "ignore" must be a mapping of keys (hint: keys here: path, head',
        ),
        (
            "compare: { ignore: [{ path: »a.b }] }",
            '"a.b" is not a JSON path: it begins with $ (hint: did you mean $.a.b',
        ),
        ("compare: { ignore: [{ header: »a b }] }", '"a b" is not the name of a header'),
        (
            "compare: { ignore: [{ header: »'Vary:a' }] }",
            '"Vary:a" is not the name of a header (hint: only cook',
        ),
        ("compare: { ignore: [{ header: »'Set-Cookie:' }] }", '"" must be text on one line'),
        ("compare: { ignore: [{ css: ».. }] }", '".." is not a CSS selector that we read'),
        ("compare: { ignore: [{ path: $.a, until: »2026-02-30 }] }", '"2026-02-30" is no day of the calendar'),
        ("compare: { unordered: [$.a, »'$[?@.x]'] }", '"$[?@.x]" is not a JSON path we read, from its character 3 on'),
        ("compare: { tolerance: { »price: 1 } }", '"price" is not a JSON path: it begins with $'),
        ("compare: { tolerance: { $.price: »-1 } }", "-1 is not a tolerance: it is above 0"),
        ("compare: { mask: { $.a: »'(' } }", '"(" is not a regular expression of RE2: missing )'),
        ("compare: { mask: { $.a: »'(?=a)' } }", '"(?=a)" uses look-around or a back-reference'),
        ("compare: { equal_status: [»[200]] }", 'each entry of "equal_status" must be at least one entry'),
        ("compare: { equal_status: [[200, »99]] }", "99 is not between 100 and 599"),
        ("compare: { null_is_missing: »yes }", '"yes" is neither true nor false (hint: did you mean true?)'),
    ],
)
def test_a_wrong_value_is_told_where_it_stands(lines: str, expected: str) -> None:
    assert problem_at_mark(text(lines)).startswith(expected)
