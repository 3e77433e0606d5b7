"""The keys that say how a route moves, and what is said when they are wrong."""

from datetime import timedelta

import pytest

from proxy.config.codec import dump_snapshot, load_snapshot
from proxy.config.model import Route, Stage
from proxy.config.moving import (
    DEFAULT_GATES,
    DEFAULT_MOVING,
    Bound,
    Canary,
    Gate,
    GateKind,
    Gates,
    Handover,
    Hooks,
    Limit,
    OnBreach,
    Relation,
    Sync,
    Writes,
)
from proxy.config.policy import Key, KeyKind
from tests.support.routes_yaml import BASE, load, problem_at_mark, with_route

ROUTE = "name: r\nmatch: GET /a\nto: orders\n"


def made(lines: str, defaults: str = "") -> Route:
    return load(text(lines, defaults)).routes[0]


def text(lines: str, defaults: str = "") -> str:
    base = BASE.replace("legacy: monolith }", f"legacy: monolith, {defaults} }}") if defaults else BASE
    return with_route(ROUTE + lines, base)


def test_every_key_of_canary() -> None:
    keys = """weight: 12.34%, steps: [1%, 5%, 100%], hold: 2m, sticky: { header: X-Customer }, allow: [ann, "7"],
      deny: [bob], paused: true, dry_run: true"""
    assert made(f"canary: {{ {keys} }}").moving.canary == Canary(
        weight=0.1234,
        steps=(0.01, 0.05, 1.0),
        hold=timedelta(minutes=2),
        sticky=Key(KeyKind.HEADER, "x-customer"),
        allow=("ann", "7"),
        deny=("bob",),
        paused=True,
        dry_run=True,
    )


def test_a_weight_that_is_not_written_is_the_first_step_or_one_percent() -> None:
    assert made("canary: { steps: [5%, 50%] }").moving.canary == Canary(weight=0.05, steps=(0.05, 0.5))
    assert made("canary: {}").moving.canary == Canary(weight=0.01)
    assert made("canary: { weight: 0%, steps: [5%] }").moving.canary == Canary(weight=0.0, steps=(0.05,))


def test_a_route_at_canary_has_one_and_is_shadowed_also_without_the_keys() -> None:
    found = made("stage: canary")
    assert (found.stage, found.moving.canary) == (Stage.CANARY, Canary())
    assert found.shadow is not None
    assert made("").moving.canary is None


def test_every_gate_and_what_else_there_is_for_a_rollout() -> None:
    moving = made(
        """gates:
  window: 2m
  samples: ">= 20"
  match_rate: ">= 95%"
  error_rate: "<= 1%"
  latency_p95: "<= legacy + 20ms"
  orders-lost: { query: sum(lost), url: "http://127.0.0.1:9090/prometheus/", limit: "<= 0.5" }
on_breach: pause
hooks: { before_step: "http://127.0.0.1:1/step", after_rollback: "https://hooks.example/back", timeout: 1s }
pin: 250ms
handover: { hold_timeout: 2s, queue: 7, drain_timeout: 1s }"""
    ).moving
    assert moving.gates == Gates(
        timedelta(minutes=2),
        (
            Gate("samples", GateKind.SAMPLES, Limit(Bound.AT_LEAST, 20)),
            Gate("match_rate", GateKind.MATCH_RATE, Limit(Bound.AT_LEAST, 0.95)),
            Gate("error_rate", GateKind.ERROR_RATE, Limit(Bound.AT_MOST, 0.01)),
            Gate("latency_p95", GateKind.LATENCY_P95, Limit(Bound.AT_MOST, 0.02, Relation.PLUS)),
            Gate(
                "orders-lost",
                GateKind.CUSTOM,
                Limit(Bound.AT_MOST, 0.5),
                "sum(lost)",
                "http://127.0.0.1:9090/prometheus",
            ),
        ),
    )
    assert moving.on_breach is OnBreach.PAUSE
    assert moving.hooks == Hooks("http://127.0.0.1:1/step", "https://hooks.example/back", timedelta(seconds=1))
    assert moving.pin == timedelta(milliseconds=250)
    assert moving.handover == Handover(timedelta(seconds=2), 7, timedelta(seconds=1))


def test_a_route_of_which_nothing_is_said_shares_the_models_defaults() -> None:
    assert made("").moving is DEFAULT_MOVING
    assert made("gates: {}\nhooks: {}\nhandover: {}").moving is DEFAULT_MOVING
    assert DEFAULT_MOVING.gates.gates == DEFAULT_GATES


def test_gates_join_the_defaults_one_by_one_and_the_rest_replaces_them() -> None:
    defaults = """gates: { window: 5m, samples: ">= 7", x: { query: q, url: "http://h", limit: ">= 1" } },
      on_breach: alert, pin: 1s, hooks: { before_step: "http://h/a" }"""
    moving = made('gates: { samples: ">= 8" }\nhooks: { after_rollback: "http://h/b" }', defaults).moving
    by_name = {gate.name: gate.limit.number for gate in moving.gates.gates}
    assert by_name == {"samples": 8, "match_rate": 0.999, "error_rate": 0.001, "latency_p95": 1.2, "x": 1}
    assert (moving.gates.window, moving.on_breach) == (timedelta(minutes=5), OnBreach.ALERT)
    assert moving.hooks == Hooks(after_rollback="http://h/b")
    assert moving.pin == timedelta(seconds=1)
    assert made("pin: 0s", defaults).moving.pin == timedelta(0)


def test_what_a_route_writes_and_where_that_is_told() -> None:
    found = made("writes: { entities: [order, stock, order], point_of_no_return: true }").moving
    assert found.writes == Writes(("order", "stock"), point_of_no_return=True)
    sync = "sync: { path: /internal/sync, token: s3cret }"
    upstream = load(BASE.replace('8101" }', f'8101", {sync} }}')).upstreams["orders"]
    assert upstream.sync == Sync("/internal/sync", "s3cret")
    assert "s3cret" not in repr(upstream)


def test_all_of_it_survives_the_way_to_another_process() -> None:
    given = load(text('canary: { sticky: ip }\ngates: { samples: ">= 1" }\npin: 1s'))
    assert load_snapshot(dump_snapshot(given)) == given


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("canary: »10%", '"canary" must be a mapping of keys (hint: keys here: weight, steps'),
        ("canary: { weight: »10 }", "10 has no % (hint: write 10%)"),
        ("canary: { weight: »101% }", '"101%" is not between 0% and 100%'),
        ("canary: { steps: [»0%] }", '"0%" is not between 0.01% and 100%'),
        ("canary: { steps: [5%, »5%] }", "5% is not above the step before, 5%"),
        ("canary: { sticky: »user }", '"user" is not a key: the proxy does not know users yet'),
        ("canary: { allow: [ann, bob], deny: [»bob] }", '"bob" stands under allow too'),
        ("canary: { allow: [»1.10] }", "1.1 is a number; text is expected"),
        ("canary: { »wieght: 1% }", 'unknown key "wieght" (hint: did you mean "weight"?)'),
        ("gates: { samples: »500 }", "500 is not a limit: >= or <=, then a number"),
        ('gates: { samples: »"<= 5" }', '"<= 5" is no limit of samples: it must be >='),
        ('gates: { samples: »">= 5%" }', '">= 5%" has the unit %, not no unit'),
        ('gates: { match_rate: »">= 99" }', '">= 99" needs %'),
        ('gates: { match_rate: »">= legacy * 1" }', '">= legacy * 1" compares match_rate with the monolith'),
        ('gates: { error_rate: »"< 1%" }', '"< 1%" compares with <; a limit is >= or <='),
        ('gates: { error_rate: »"<= 101%" }', '"<= 101%" is above 100%'),
        ('gates: { latency_p95: »"<= legacy * 1.2s" }', '"<= legacy * 1.2s" multiplies by a number of s'),
        ("gates: { latency: »5 }", '"latency" must be a mapping of keys'),
        ('gates: { x: { query: q, url: »"ftp://h", limit: "<= 1" } }', '"ftp://h" begins with neither http'),
        ("on_breach: »stop", '"stop" is not one of: rollback, pause, alert'),
        ("hooks: { before_step: »h/a }", '"h/a" is not a URL'),
        ("writes: { entities: »[] }", '"entities" must be at least one entry'),
        ("writes: { entities: [»Order] }", '"Order" is not a name'),
        ("pin: »5", "5 has no unit"),
        ("handover: { hold_timeout: »0s }", '"0s" is shorter than 100ms'),
    ],
)
def test_a_wrong_value_is_told_where_it_stands(lines: str, expected: str) -> None:
    assert problem_at_mark(text(lines)).startswith(expected)
