"""Upstreams of a running server as a table for people: a line for each endpoint, and one for what guards it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.markup import escape
from rich.table import Table

_WARN = {"ejected", "unhealthy", "open", "half_open", "recovering"}


def upstream_table(upstreams: Iterable[Mapping[str, Any]], *, by_worker: bool = False) -> Table:
    """All of them; `by_worker` adds a line for each worker's own view."""
    table = Table("upstream", "endpoint", "state", "in flight", "requests", "failures", box=None, pad_edge=False)
    for upstream in upstreams:
        name = upstream["name"]
        guarded = _guards(upstream)
        rows = [_endpoint(each) for each in upstream["endpoints"]] or [("none", "503", "", "", "")]
        for endpoint, row in zip(upstream["endpoints"] or [{"workers": ()}], rows, strict=True):
            table.add_row(name, *row)
            name = ""
            if by_worker:
                for worker in endpoint["workers"]:
                    table.add_row("", f"  worker {worker['number']}", *_own(worker))
        if guarded:
            table.add_row("", *guarded, "", "", "")
        if by_worker:
            for worker in upstream["workers"]:
                if own := _guards(worker):
                    table.add_row("", f"  worker {worker['number']}: {own[0]}", own[1], "", "", "")
    return table


def upstream_notes(upstreams: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """What somebody should look at: why an endpoint is unwell, why none is found."""
    for upstream in upstreams:
        discovery = upstream["discovery"]
        if discovery and discovery["error"]:
            yield f"{upstream['name']}: {discovery['source']}: {discovery['error']}"
        for endpoint in upstream["endpoints"]:
            health = endpoint["health"]
            if health and health["verdict"] == "unhealthy" and health["reason"]:
                yield f"{upstream['name']}: {endpoint['url']}: {health['reason']}"


def _endpoint(found: Mapping[str, Any]) -> tuple[str, ...]:
    return escape(found["url"]), _state(found["state"], found["ejected_for_seconds"]), *_counts(found)


def _own(found: Mapping[str, Any]) -> tuple[str, ...]:
    ejected = found["ejected_for_seconds"]
    state = "usable" if found["usable"] else "ejected" if found["healthy"] else "unhealthy"
    return _state(state, ejected), *_counts(found)


def _state(state: str, ejected_for_seconds: float) -> str:
    text = f"{state}, {ejected_for_seconds:.0f} s left" if state == "ejected" else state
    return f"[red]{text}[/red]" if state in _WARN else text


def _counts(found: Mapping[str, Any]) -> tuple[str, str, str]:
    return str(found["in_flight"]), str(found["requests_total"]), str(found["failures_total"])


def _guards(found: Mapping[str, Any]) -> tuple[str, str] | None:
    """What stands before an upstream, and the breaker's state. None where nothing does."""
    parts = []
    breaker, bulkhead, retries = found["breaker"], found["bulkhead"], found["retries"]
    if breaker:
        parts.append(f"breaker: {breaker['failures']} of {breaker['requests']} failed")
    if bulkhead:
        parts.append(f"bulkhead: {bulkhead['in_flight']} of {bulkhead['max_in_flight']}, {bulkhead['waiting']} waiting")
    if retries:
        parts.append(f"retries: {retries['retries_total']}")
    if not parts:
        return None
    state = breaker["state"].replace("_", "-") if breaker else ""
    return "; ".join(parts), f"[red]{state}[/red]" if breaker and breaker["state"] in _WARN else state
