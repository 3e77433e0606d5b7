"""Upstreams of a running server as a table for people: a line for each endpoint, and each thing that guards them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from rich.markup import escape
from rich.table import Table

Row = tuple[str, ...]
"""Endpoint or guard, state, in flight, requests, failures."""

_WARN = {"ejected", "unhealthy", "open", "half_open", "recovering"}


def upstream_table(upstreams: Iterable[Mapping[str, Any]], *, by_worker: bool = False) -> Table:
    """All of them; `by_worker` adds a line for each worker's own view."""
    table = Table("upstream", "endpoint", "state", "in flight", "requests", "failures", box=None, pad_edge=False)
    for upstream in upstreams:
        name = upstream["name"]
        for row in _rows(upstream, by_worker):
            table.add_row(name, *row)
            name = ""
    return table


def _rows(upstream: Mapping[str, Any], by_worker: bool) -> Iterator[Row]:
    if not upstream["endpoints"]:
        yield "none", "503", "", "", ""
    for endpoint in upstream["endpoints"]:
        yield _endpoint(endpoint)
        for worker in endpoint["workers"] if by_worker else ():
            yield f"  worker {worker['number']}", *_own(worker)
    for guard, row_of in GUARDS.items():
        if upstream[guard]:
            yield row_of(guard, upstream[guard])
            for worker in upstream["workers"] if by_worker else ():
                if worker[guard]:
                    yield row_of(f"  worker {worker['number']}", worker[guard])


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


def _endpoint(found: Mapping[str, Any]) -> Row:
    return escape(found["url"]), _state(found["state"], found["ejected_for_seconds"]), *_counts(found)


def _own(found: Mapping[str, Any]) -> Row:
    ejected = found["ejected_for_seconds"]
    state = "usable" if found["usable"] else "ejected" if found["healthy"] else "unhealthy"
    return _state(state, ejected), *_counts(found)


def _state(state: str, ejected_for_seconds: float) -> str:
    text = f"{state}, {ejected_for_seconds:.0f} s left" if state == "ejected" else state
    return f"[red]{text}[/red]" if state in _WARN else text


def _counts(found: Mapping[str, Any]) -> tuple[str, str, str]:
    return str(found["in_flight"]), str(found["requests_total"]), str(found["failures_total"])


def _breaker(name: str, found: Mapping[str, Any]) -> Row:
    """Requests and failures are those in its window."""
    state = found["state"]
    text = state.replace("_", "-")
    return name, f"[red]{text}[/red]" if state in _WARN else text, "", str(found["requests"]), str(found["failures"])


def _bulkhead(name: str, found: Mapping[str, Any]) -> Row:
    waiting = f"{found['waiting']} waiting" if found["waiting"] else ""
    return name, waiting, f"{found['in_flight']} of {found['max_in_flight']}", "", ""


def _retries(name: str, found: Mapping[str, Any]) -> Row:
    return name, "", "", str(found["retries_total"]), ""


GUARDS: Final[Mapping[str, Callable[[str, Mapping[str, Any]], Row]]] = {
    "breaker": _breaker,
    "bulkhead": _bulkhead,
    "retries": _retries,
}
