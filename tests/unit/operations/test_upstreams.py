"""Upstreams as operators see them: summed over the workers, and each worker's own view."""

import asyncio
from pathlib import Path
from typing import Any

from proxy.config.model import Discover, DiscoverKind, Endpoint, Upstream
from proxy.observability.metrics import Totals
from proxy.operations.upstreams import by_upstream, describe, samples, upstreams
from tests.support.control import stage, until

ONE, TWO = (Endpoint("http", "127.0.0.1", port) for port in (8101, 8102))
ORDERS = Upstream("orders", (ONE, TWO))


def endpoint(url: str, **more: Any) -> dict[str, Any]:
    """What a worker says of an endpoint that nothing has happened to."""
    quiet = {
        "endpoint": url,
        "usable": True,
        "healthy": True,
        "ejected_for_seconds": 0.0,
        "ejected_total": 0,
        "in_flight": 0,
        "failures_in_a_row": 0,
        "last_failure_seconds": None,
        "requests_total": 0,
        "failures_total": 0,
    }
    return {**quiet, **more}


def view(*endpoints: dict[str, Any], **more: Any) -> dict[str, Any]:
    nothing = {"name": "orders", "breaker": None, "bulkhead": None, "retries": None, "endpoints": list(endpoints)}
    return {**nothing, **more}


def breaker(state: str, **more: Any) -> dict[str, Any]:
    quiet = {"since_seconds": 1.5, "requests": 0, "failures": 0, "retry_after_seconds": 0.0}
    return {"state": state, **quiet, "opened_total": 0, "refused_total": 0, **more}


def shown(*views: dict[str, Any], watched: dict[str, Any] | None = None) -> dict[str, Any]:
    return describe(ORDERS, {(n, n + 1): each for n, each in enumerate(views)}, watched, Totals())


def test_counts_are_summed_over_the_workers_and_shown_for_each() -> None:
    found = shown(
        view(endpoint(ONE.url, in_flight=2, requests_total=10, failures_total=1)),
        view(endpoint(ONE.url, in_flight=1, requests_total=5)),
    )
    one = found["endpoints"][0]
    assert (one["in_flight"], one["requests_total"], one["failures_total"]) == (3, 15, 1)
    assert [(each["number"], each["requests_total"]) for each in one["workers"]] == [(0, 10), (1, 5)]


def test_an_endpoint_that_one_worker_leaves_out_is_ejected_for_the_longest_of_their_times() -> None:
    out = {"usable": False, "ejected_for_seconds": 4.5}
    found = shown(view(endpoint(ONE.url, **out), endpoint(TWO.url)), view(endpoint(ONE.url), endpoint(TWO.url)))
    assert [(each["state"], each["ejected_for_seconds"]) for each in found["endpoints"]] == [
        ("ejected", 4.5),
        ("usable", 0.0),
    ]


def test_the_probes_word_goes_before_an_ejection() -> None:
    found = shown(view(endpoint(ONE.url, usable=False, healthy=False, ejected_for_seconds=4.5)))
    assert found["endpoints"][0]["state"] == "unhealthy"


def test_of_breakers_the_worst_state_is_shown_and_what_guards_nothing_is_none() -> None:
    found = shown(
        view(breaker=breaker("closed", requests=20, failures=2)),
        view(breaker=breaker("open", requests=4, failures=4, opened_total=1)),
    )
    assert found["breaker"] == {"state": "open", "requests": 24, "failures": 6, "opened_total": 1, "refused_total": 0}
    assert [worker["breaker"]["state"] for worker in found["workers"]] == ["closed", "open"]
    assert found["bulkhead"] is found["retries"] is None


def test_what_was_discovered_stands_with_its_source_and_its_health() -> None:
    health = {ONE.url: {"verdict": "unhealthy", "since_seconds": 3.0, "reason": "status 503"}}
    discovery = {"error": None, "last_answer_seconds": 0.5}
    watched = {"source": "dns://orders:8101", "endpoints": [ONE.url], "discovery": discovery, "health": health}
    upstream = Upstream("orders", (), discover=Discover(DiscoverKind.DNS, "orders", 8101))
    found = describe(upstream, {}, watched, Totals())
    assert found["discovery"] == {"source": "dns://orders:8101", **discovery}
    assert [(each["url"], each["health"]) for each in found["endpoints"]] == [(ONE.url, health[ONE.url])]


def test_two_processes_of_one_number_are_both_counted_during_a_rolling_restart() -> None:
    views = by_upstream([((0, 1), {"upstreams": [view()]}), ((0, 5), {"upstreams": [view()]}), ((1, 2), {})])
    assert list(views["orders"]) == [(0, 1), (0, 5)]


def test_a_running_server_is_shown_and_measured(tmp_path: Path) -> None:
    async def story() -> None:
        async with stage(tmp_path) as scene:
            worker = await scene.worker()
            told = view(endpoint("http://127.0.0.1:8000", ejected_for_seconds=1.0), breaker=breaker("half_open"))
            told["name"] = "monolith"
            worker.link.send({"type": "counters", "batch": {"upstreams": [told]}})
            await until(lambda: any(batch for _, batch in scene.hub.batches()))
            (monolith,) = upstreams(scene.plane)["upstreams"]
            assert monolith["breaker"]["state"] == "half_open"
            measured = {
                (each.name, dict(each.labels).get("state")): each.value
                for each in samples(scene.plane)
                if ("upstream", "monolith") in each.labels
            }
            assert measured["strangler_breakers", "half_open"] == 1
            assert measured["strangler_breakers", "open"] == 0
            assert measured["strangler_endpoints_ejected", None] == 1

    asyncio.run(story())
