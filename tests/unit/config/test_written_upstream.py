"""The keys of an upstream that say what happens when it does not answer, and what is said when they are wrong."""

from datetime import timedelta

import pytest

from proxy.config.model import Address, Discover, DiscoverKind, Endpoint, Timeouts, Upstream
from proxy.config.policy import (
    Balance,
    BalanceBy,
    Breaker,
    Bulkhead,
    Conditions,
    Eject,
    ErrorCondition,
    HealthCheck,
    Key,
    KeyKind,
    Retry,
)
from proxy.config.written_upstream import BreakerSection, EjectSection, RetrySection, UpstreamSection
from tests.support.routes_yaml import BASE, load, one_problem, problem_at_mark, problems


def upstream(lines: str) -> Upstream:
    return load(text(lines)).upstreams["orders"]


def text(lines: str) -> str:
    return BASE.replace('url: "http://127.0.0.1:8101" }', f'targets: ["http://h1", "http://h2"], {lines} }}')


def discovered(written: str) -> Upstream:
    return load(BASE.replace('url: "http://127.0.0.1:8101"', f"discover: {written}")).upstreams["orders"]


def test_without_a_key_an_upstream_is_as_the_model_says() -> None:
    assert load(BASE).upstreams["orders"] == Upstream(
        "orders", (Endpoint("http", "127.0.0.1", 8101),), place=load(BASE).upstreams["orders"].place
    )


def test_an_empty_section_has_the_models_defaults() -> None:
    found = upstream("retry: {}, breaker: {}, eject: {}, balance: {}, bulkhead: { max_in_flight: 7 }")
    assert (found.retry, found.breaker, found.eject, found.balance) == (Retry(), Breaker(), Eject(), Balance())
    assert found.bulkhead == Bulkhead(7)
    assert upstream("health: { path: /healthz }").health == HealthCheck("/healthz")


def test_every_key_of_resilience() -> None:
    found = upstream(
        """timeout: { total: 9s },
    retry: { attempts: 3, backoff: 0s, budget: 12.5%, on: [timeout, connect_error, 503, 5xx] },
    breaker: { open_at: 30%, window: 20s, min_requests: 5, try_again_after: 250ms, on: [reset, 500] },
    eject: { after: 2, base: 1s, max_share: 0% },
    bulkhead: { max_in_flight: 200, queue: 400, max_wait: 2s },
    balance: { by: consistent_hash, key: { header: X-Customer } },
    slow_start: 30s,
    health: { path: /ok/, every: 1s, timeout: 500ms, rise: 1, fall: 2, expect: [2xx, 404, 300-301] }"""
    )
    seconds = timedelta(seconds=1)
    assert found.timeouts == Timeouts(total=9 * seconds)
    errors = (ErrorCondition.CONNECT_ERROR, ErrorCondition.TIMEOUT)
    assert found.retry == Retry(3, 0 * seconds, 0.125, Conditions(errors, tuple(range(500, 600))))
    assert found.breaker == Breaker(0.3, 20 * seconds, 5, seconds / 4, Conditions((ErrorCondition.RESET,), (500,)))
    assert found.eject == Eject(2, seconds, 0.0)
    assert found.bulkhead == Bulkhead(200, 400, 2 * seconds)
    assert found.balance == Balance(BalanceBy.CONSISTENT_HASH, Key(KeyKind.HEADER, "x-customer"))
    assert found.slow_start == 30 * seconds
    assert found.health == HealthCheck("/ok/", seconds, seconds / 2, 1, 2, ((200, 299), (404, 404), (300, 301)))


def test_one_word_is_short_for_the_balance_and_one_range_for_a_list() -> None:
    assert upstream("balance: round_robin").balance == Balance(BalanceBy.ROUND_ROBIN)
    assert upstream("health: { path: /, expect: 204 }").health == HealthCheck("/", expect=((204, 204),))


def test_discovery_short_and_long() -> None:
    assert discovered("srv://_http._tcp.orders").discover == Discover(DiscoverKind.SRV, "_http._tcp.orders")
    long = discovered('{ url: "dns://orders:81", resolver: "127.0.0.1:5353" }').discover
    assert long == Discover(DiscoverKind.DNS, "orders", 81, resolver=Address("127.0.0.1", 5353))
    assert discovered('"dns://orders:81"').endpoints == ()


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("retry: { attempts: »0 }", "0 is not between 1 and 10"),
        ("retry: { attempts: »11 }", "11 is not between 1 and 10"),
        ("retry: »3", '"retry" must be a mapping of keys (hint: keys here: attempts, backoff, budget, on)'),
        ("retry: { budget: »20 }", "20 has no % (hint: write 20%)"),
        ("retry: { budget: »0.2 }", "0.2 has no % (hint: write 20%)"),
        ("retry: { budget: »120% }", '"120%" is not between 0% and 100%'),
        ("retry: { on: »[] }", '"on" must be at least one entry'),
        ("retry: { on: [»conect_error] }", '"conect_error" is not a condition'),
        ("retry: { on: [timeout, »200] }", "200 is not the status of a failure"),
        ("retry: { »tries: 2 }", 'unknown key "tries"'),
        ("breaker: { open_at: »0% }", '"0%" is not between 0.01% and 100%'),
        ("breaker: { window: »100ms }", '"100ms" is shorter than 1s'),
        ("breaker: { window: »11m }", '"11m" is longer than 10m'),
        ("breaker: { min_requests: »0 }", "0 is not between 1 and"),
        ("breaker: { try_again_after: »0s }", '"0s" is shorter than 100ms'),
        ("eject: { after: »0 }", "0 is not between 1 and 1000"),
        ("eject: { max_share: »101% }", '"101%" is not between 0% and 100%'),
        ("bulkhead: »{}", '"max_in_flight" is missing'),
        ("bulkhead: { max_in_flight: »0 }", "0 is not between 1"),
        ("balance: »random", '"random" is not one of: least_requests, round_robin, consistent_hash'),
        ("balance: { by: consistent_hash, key: »user }", '"user" is not a key: the proxy does not know users yet'),
        ("health: »{}", '"path" is missing'),
        ("health: { path: »healthz }", '"healthz" does not begin with / (hint: did you mean /healthz?)'),
        (
            'health: { path: »"/healthz?full=1" }',
            '"/healthz?full=1" has a ? in it: an endpoint is asked for a path alone',
        ),
        ("health: { path: /, every: »50ms }", '"50ms" is shorter than 100ms'),
        ("health: { path: /, expect: »399-200 }", '"399-200" ends before it begins (hint: did you mean 200-399?)'),
        ("health: { path: /, expect: [200, »ok] }", '"ok" is not a status'),
        ("slow_start: »30", "30 has no unit"),
        ("timeout: { total: »0s }", '"0s" is shorter than 1ms'),
    ],
)
def test_a_wrong_value_is_told_where_it_stands(lines: str, expected: str) -> None:
    assert problem_at_mark(text(lines)).startswith(expected)


def test_an_empty_list_of_targets_is_no_upstream() -> None:
    assert problems(BASE.replace('url: "http://127.0.0.1:8101"', "targets: []")) == [
        'routes.yaml:4:22: "targets" must be at least one entry'
    ]


def test_an_unknown_key_of_discovery_is_told_the_known_ones() -> None:
    found = one_problem(
        BASE.replace('url: "http://127.0.0.1:8101"', 'discover: { ulr: "dns://h:1", url: "dns://h:1" }')
    )
    assert found == 'routes.yaml:4:25: unknown key "ulr" (hint: did you mean "url"?)'


def test_no_default_is_said_twice() -> None:
    for section, settings in ((RetrySection, Retry()), (BreakerSection, Breaker()), (EjectSection, Eject())):
        written = section()
        for key in section.model_fields:
            value = getattr(written, key)
            assert (value[0] if key == "on" else value) == getattr(settings, key)
    assert UpstreamSection().slow_start == timedelta(0)
