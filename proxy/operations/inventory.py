"""The inventory, as JSON-able values: of a running server, or of what one has left in its state folder.

It names templates and programs; no path as it was sent, no query, no client.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from proxy.config.model import DEFAULT_ROUTE, Route, Snapshot, Stage
from proxy.control.plane import ControlPlane
from proxy.control.traffic import read_traffic, this_minute, traffic_path
from proxy.inventory.join import Joined, Line, join
from proxy.inventory.observed import DAYS, Observed
from proxy.inventory.patterns import Urlconf
from proxy.inventory.ranking import candidates, progress
from proxy.inventory.ties import ties
from proxy.observability.metrics import Sample
from proxy.operations.errors import Code, OperationError
from proxy.routing.reserved import is_internal
from proxy.routing.table import RouteTable, compile_table

MOST_CALLERS: Final = 8  # of a line; the rest is added up


@dataclass(frozen=True, slots=True)
class Observation:
    """What is known of traffic. `problem` is why it is not kept on the disk, if so."""

    observed: Observed
    problem: str | None = None


def of_server(plane: ControlPlane) -> dict[str, Any]:
    """The view of a running server, with `observed`: what a caller needs to join it with a URLconf of its own."""
    known = Observation(plane.traffic.observed, plane.traffic.problem)
    return {**view(plane.active.snapshot, known, None), "observed": known.observed.as_json()}


def from_answer(answer: dict[str, Any]) -> Observation:
    """What `of_server` said, as it was. Raises OperationError."""
    try:
        return Observation(Observed.from_json(answer.get("observed")), answer.get("not_kept"))
    except ValueError as error:
        raise OperationError(Code.REFUSED, f"the server's inventory cannot be read: {error}") from None


def from_folder(snapshot: Snapshot) -> Observation:
    """What the last server has kept; nothing, where there was none. Raises OperationError."""
    path = traffic_path(snapshot.state_dir)
    try:
        return Observation(read_traffic(path) or Observed(this_minute()))
    except (OSError, ValueError) as error:
        raise OperationError(Code.REFUSED, f"{path} cannot be read: {error}") from None


def view(snapshot: Snapshot, known: Observation, urlconf: Urlconf | None) -> dict[str, Any]:
    """Everything `strangler inventory` shows. Shares are of all requests in the window."""
    table, observed = compile_table(snapshot), known.observed
    patterns = [each for each in urlconf.patterns if not is_internal(each.template)] if urlconf else None
    joined = join(snapshot, table, observed.sightings(), patterns)
    asked = [line for line in joined.lines if line.requests]
    return {
        "revision": snapshot.revision,
        "since": _time(observed.counted_since),
        "window_days": DAYS,
        "requests": joined.requests,
        "not_kept": known.problem,
        "urlconf": urlconf.settings or "yes" if urlconf else None,
        "progress": asdict(progress(joined, snapshot.routes)),
        "next": [asdict(each) for each in candidates(joined, snapshot.routes)],
        "lines": [_line(line, joined.requests) for line in asked],
        "dead": _dead(joined, snapshot.routes, observed),
        "unrouted": {
            "no_route": [line.template for line in asked if line.route is None],
            "no_pattern": [line.template for line in asked if line.pattern is None] if urlconf else None,
        },
        "not_found": {"requests": joined.not_found.total(), "callers": _callers(joined.not_found)},
        "without_template": dict(joined.untold),
        "leaving": [_leaving(route, snapshot, table, known) for route in snapshot.routes if _has_left(route)],
    }


def _line(line: Line, total: int) -> dict[str, Any]:
    return {
        "template": line.template,
        "route": line.route_name,
        "stage": line.route.stage.value if line.route else None,
        "requests": line.requests,
        "share": line.requests / total,
        "methods": dict(line.methods.most_common()),
        "classes": dict(sorted(line.classes.items())),
        "callers": _callers(line.products),
        "first_seen": _time(line.first),
        "last_seen": _time(line.last),
        "view": line.pattern.view if line.pattern else None,
    }


def _callers(products: Counter[str]) -> dict[str, int]:
    found = dict(products.most_common(MOST_CALLERS))
    rest = products.total() - sum(found.values())
    return {**found, "others": rest} if rest else found


def _dead(joined: Joined, routes: Sequence[Route], observed: Observed) -> dict[str, Any]:
    """What nobody asked for since anything is observed. A route's own counts are known also without templates."""
    asked = {line.route_name for line in joined.lines if line.requests} | set(joined.untold)
    return {
        "since": _time(observed.counted_since),
        "patterns": [
            {"template": line.template, "route": line.route_name, "view": line.pattern.view}
            for line in sorted(joined.lines, key=lambda line: (line.template, line.route_name))
            if line.pattern is not None and not line.requests
        ],
        "routes": [{"route": route.name, "stage": route.stage.value} for route in routes if route.name not in asked],
    }


def _has_left(route: Route) -> bool:
    return route.stage in (Stage.CUTOVER, Stage.RETIRED)


def _leaving(route: Route, snapshot: Snapshot, table: RouteTable, known: Observation) -> dict[str, Any]:
    """Whether the monolith's code for a route may go, and who still calls a route that is retired."""
    mine = [each for each in known.observed.sightings() if each.key.route == route.name and each.key.side == "none"]
    callers: Counter[str] = Counter()
    for each in mine:
        callers[each.key.product] += each.requests
    return {
        "route": route.name,
        "stage": route.stage.value,
        "legacy": legacy_of(route.name, known.observed),
        "ties": ties(snapshot, table, route),
        "retired": {
            "requests": callers.total(),
            "callers": _callers(callers),
            "last_seen": _time(max((each.last for each in mine), default=None)),
        }
        if route.stage is Stage.RETIRED
        else None,
    }


def legacy_of(route: str, observed: Observed) -> dict[str, Any]:
    """When the monolith last answered for a route, and since when it has not: to the minute, as far as is known."""
    last = observed.last_legacy.get(route)
    return {"last_request": _time(last), "none_since": _time(observed.since if last is None else last)}


def samples(plane: ControlPlane) -> Iterable[Sample]:
    """Metrics of what is observed."""
    observed, names = plane.traffic.observed, {route.name for route in plane.active.snapshot.routes}
    yield Sample("strangler_traffic_unkept", float(plane.traffic.problem is not None))
    for route, minute in observed.last_legacy.items():
        if route in names or route == DEFAULT_ROUTE:
            yield Sample("strangler_last_legacy_request_timestamp_seconds", minute * 60.0, (("route", route),))


def _time(minute: int | None) -> str | None:
    return None if minute is None else f"{datetime.fromtimestamp(minute * 60, UTC):%Y-%m-%dT%H:%MZ}"
