"""Upstreams as a table."""

from io import StringIO
from typing import Any

from rich.console import Console

from proxy.cli.upstream_table import upstream_notes, upstream_table

OWN = {"usable": True, "healthy": True, "ejected_for_seconds": 0.0, "in_flight": 1, "requests_total": 7}


def endpoint(url: str, **more: Any) -> dict[str, Any]:
    workers = [{"number": 0, **OWN, "failures_total": 0}, {"number": 1, **OWN, "failures_total": 2}]
    quiet = {"state": "usable", "ejected_for_seconds": 0.0, "in_flight": 2, "requests_total": 14, "failures_total": 2}
    return {"url": url, "health": None, "workers": workers, **quiet, **more}


def upstream(*endpoints: dict[str, Any], **more: Any) -> dict[str, Any]:
    nothing = {"breaker": None, "bulkhead": None, "retries": None, "discovery": None, "workers": []}
    return {"name": "orders", "endpoints": list(endpoints), **nothing, **more}


def printed(*upstreams: dict[str, Any], by_worker: bool = False) -> list[list[str]]:
    """Lines below the heading, as words."""
    output = StringIO()
    Console(file=output, width=200).print(upstream_table(upstreams, by_worker=by_worker))
    return [line.split() for line in output.getvalue().splitlines()[1:]]


def test_each_endpoint_has_a_line_and_the_upstream_is_named_once() -> None:
    one = endpoint("http://[fd00::1]:8101")
    two = endpoint("http://two:8101", state="ejected", ejected_for_seconds=4.2)
    assert printed(upstream(one, two)) == [
        ["orders", "http://[fd00::1]:8101", "usable", "2", "14", "2"],
        ["http://two:8101", "ejected,", "4", "s", "left", "2", "14", "2"],
    ]


def test_each_workers_view_is_shown_where_it_is_asked_for() -> None:
    assert printed(upstream(endpoint("http://one:8101")), by_worker=True)[1:] == [
        ["worker", "0", "usable", "1", "7", "0"],
        ["worker", "1", "usable", "1", "7", "2"],
    ]


def test_what_guards_an_upstream_has_lines_of_its_own() -> None:
    guards = {
        "breaker": {"state": "half_open", "requests": 30, "failures": 20},
        "bulkhead": {"in_flight": 3, "max_in_flight": 10, "waiting": 1},
        "retries": {"retries_total": 5},
    }
    workers = [{"number": 0, **guards}, {"number": 1, "breaker": None, "bulkhead": None, "retries": None}]
    found = upstream(endpoint("http://one:8101"), **guards, workers=workers)
    assert printed(found)[1:] == [
        ["breaker", "half-open", "30", "20"],
        ["bulkhead", "1", "waiting", "3", "of", "10"],
        ["retries", "5"],
    ]
    assert printed(found, by_worker=True)[3:5] == [
        ["breaker", "half-open", "30", "20"],
        ["worker", "0", "half-open", "30", "20"],
    ]


def test_an_upstream_without_endpoints_says_what_requests_get() -> None:
    assert printed(upstream()) == [["orders", "none", "503"]]


def test_reasons_are_given_for_what_is_unwell_and_for_what_was_not_found() -> None:
    unwell = endpoint("http://one:8101", health={"verdict": "unhealthy", "reason": "status 503"})
    well = endpoint("http://two:8101", health={"verdict": "healthy", "reason": None})
    discovery = {"source": "dns://orders:8101", "error": "orders does not exist", "last_answer_seconds": None}
    assert list(upstream_notes([upstream(unwell, well, discovery=discovery)])) == [
        "orders: dns://orders:8101: orders does not exist",
        "orders: http://one:8101: status 503",
    ]
