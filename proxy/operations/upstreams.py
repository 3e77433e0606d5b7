"""Upstreams of a running server, as JSON-able values: what is set, what discovery and probes say, what workers see.

Each worker judges for itself: numbers are summed, of states the worst is shown, and each worker's own stand beside.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from proxy.config.model import Upstream
from proxy.control.plane import ControlPlane
from proxy.observability.metrics import Labels, Sample, Totals

WORST_FIRST: Final = ("open", "half_open", "recovering", "closed")

Place = tuple[int, int]
"""A worker's number and generation: during a rolling restart two bear the same number."""

Views = Mapping[Place, Mapping[str, Any]]
"""By worker: what its last batch said of one upstream."""


def upstreams(plane: ControlPlane) -> dict[str, Any]:
    """All upstreams of the snapshot that serves."""
    snapshot, totals, watched = plane.active.snapshot, plane.hub.totals(), plane.endpoints.describe()
    views = by_upstream(((peer.worker, peer.generation), batch) for peer, batch in plane.hub.batches())
    return {
        "revision": snapshot.revision,
        "upstreams": [
            describe(upstream, views.get(name, {}), watched.get(name), totals)
            for name, upstream in snapshot.upstreams.items()
        ],
    }


def by_upstream(batches: Iterable[tuple[Place, Mapping[str, Any]]]) -> dict[str, dict[Place, Mapping[str, Any]]]:
    """What workers said, by upstream and worker."""
    found: dict[str, dict[Place, Mapping[str, Any]]] = {}
    for worker, batch in batches:
        for each in batch.get("upstreams", ()):
            found.setdefault(each["name"], {})[worker] = each
    return found


def describe(upstream: Upstream, views: Views, watched: Mapping[str, Any] | None, totals: Totals) -> dict[str, Any]:
    """One upstream. `watched` is what discovery and probes say of it, if they run."""
    urls = watched["endpoints"] if watched else [endpoint.url for endpoint in upstream.endpoints]
    health = watched["health"] if watched else {}
    timeouts = upstream.timeouts
    return {
        "name": upstream.name,
        "host": upstream.host.value,
        "tls_verify": upstream.tls.verify,
        "timeouts_seconds": {
            "connect": timeouts.connect.total_seconds(),
            "response": timeouts.response.total_seconds(),
            "idle": timeouts.idle.total_seconds(),
            "total": timeouts.total and timeouts.total.total_seconds(),
        },
        "discovery": {"source": watched["source"], **watched["discovery"]}
        if watched and watched["discovery"]
        else None,
        "breaker": _worst(_parts(views, "breaker")),
        "bulkhead": _sum(_parts(views, "bulkhead")),
        "retries": _sum(_parts(views, "retries")),
        "endpoints": [_endpoint(url, _of_endpoint(views, url), health.get(url)) for url in urls],
        "workers": [
            {"number": number, **{key: view.get(key) for key in ("breaker", "bulkhead", "retries")}}
            for (number, _), view in sorted(views.items())
        ],
        "gauges": [
            {"name": name.removeprefix("strangler_"), "labels": dict(labels), "value": value}
            for (name, labels), value in sorted(totals.gauges.items())
            if ("upstream", upstream.name) in labels
        ],
    }


def _parts(views: Views, key: str) -> list[Mapping[str, Any]]:
    return [view[key] for _, view in sorted(views.items()) if view.get(key)]


def _of_endpoint(views: Views, url: str) -> dict[Place, Mapping[str, Any]]:
    return {
        place: each
        for place, view in sorted(views.items())
        for each in view.get("endpoints", ())
        if each["endpoint"] == url
    }


def _endpoint(url: str, views: Views, health: Mapping[str, Any] | None) -> dict[str, Any]:
    """`state` is unhealthy by the probes' word, ejected where any worker leaves it out, else usable."""
    ejected = max((view["ejected_for_seconds"] for view in views.values()), default=0.0)
    unhealthy = any(not view["healthy"] for view in views.values())
    return {
        "url": url,
        "state": "unhealthy" if unhealthy else "ejected" if ejected else "usable",
        "ejected_for_seconds": ejected,
        "health": health,
        **{
            name: sum(view[name] for view in views.values())
            for name in ("in_flight", "requests_total", "failures_total", "ejected_total")
        },
        "workers": [
            {"number": number, **{key: value for key, value in view.items() if key != "endpoint"}}
            for (number, _), view in views.items()
        ],
    }


def _worst(breakers: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Sums, and the worst state that any worker's breaker is in."""
    found = _sum(breakers)
    if found is None:
        return None
    states = {breaker["state"] for breaker in breakers}
    return {"state": next((state for state in WORST_FIRST if state in states), "closed"), **found}


def _sum(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Counts are added up; times are each worker's own, and left out."""
    if not parts:
        return None
    names = [name for name, value in parts[0].items() if isinstance(value, int) and not name.endswith("_seconds")]
    return {name: sum(part.get(name, 0) for part in parts) for name in names}


def samples(plane: ControlPlane) -> Iterator[Sample]:
    """What is so now, as metrics. Names of upstreams label them, never addresses: those come and go without end."""
    for name, labels, value in plane.endpoints.rows():
        yield Sample(name, value, tuple(sorted(labels.items())))
    for name, views in by_upstream(
        ((peer.worker, peer.generation), batch) for peer, batch in plane.hub.batches()
    ).items():
        yield from _samples(views, (("upstream", name),))


def _samples(views: Views, label: Labels) -> Iterator[Sample]:
    if breakers := _parts(views, "breaker"):
        for state in WORST_FIRST:
            count = sum(breaker["state"] == state for breaker in breakers)
            yield Sample("strangler_breakers", count, (("state", state), *label))
    if bulkheads := _sum(_parts(views, "bulkhead")):
        yield Sample("strangler_bulkhead_in_flight", bulkheads["in_flight"], label)
        yield Sample("strangler_bulkhead_waiting", bulkheads["waiting"], label)
    out = sum(each["ejected_for_seconds"] > 0 for view in views.values() for each in view.get("endpoints", ()))
    yield Sample("strangler_endpoints_ejected", out, label)
