"""What a running server is doing: read-only views, as JSON-able values.

They name addresses, routes and counts; never the value of a header edit, which may hold a credential.
"""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from proxy import __version__, clock
from proxy.config.model import DEFAULT_ROUTE, Route, RouteMatch, Stage, ValuePredicate
from proxy.control.plane import ControlPlane
from proxy.observability.metrics import Totals
from proxy.operations import positions
from proxy.operations.inventory import legacy_of
from proxy.rollout.ledger import place_as_json
from proxy.rollout.ports import position


def readiness(plane: ControlPlane) -> dict[str, Any]:
    """Whether this server should be sent requests, and what is wrong with the file as it is now."""
    return {
        "ready": plane.ready,
        "revision": plane.active.snapshot.revision,
        "config_error": plane.config_error,
        "overrides": positions.overrides(plane),
    }


def status(plane: ControlPlane) -> dict[str, Any]:
    """The server, its processes and its configuration."""
    launch, snapshot = plane.launch, plane.active.snapshot
    return {
        "version": __version__,
        "ready": plane.ready,
        "draining": plane.family.draining,
        "started_at": _time(launch.started_at),
        "uptime_seconds": round(clock.now().timestamp() - launch.started_at, 3),
        "listen": {
            "public": [str(address) for address in launch.public_bound],
            "console": [str(address) for address in launch.console_bound],
            "tls": snapshot.listen.tls is not None,
        },
        "config": {
            "file": str(Path(launch.config).absolute()),
            "revision": snapshot.revision,
            "taken_at": _time(plane.active.since),
            "error": plane.config_error,
            "problems": [problem.as_json() for problem in plane.problems],
            "routes": len(snapshot.routes),
            "upstreams": len(snapshot.upstreams),
        },
        "workers": {
            "wanted": launch.workers,
            "restarts": sum(plane.family.worker_restarts),
            "connected": _workers(plane),
        },
        "routes": positions.positions(plane),
        "overrides": positions.overrides(plane),
        "control": {"pid": os.getpid(), "restarts": plane.family.control_restarts},
        "left": [
            {"route": route.name, "stage": route.stage.value, **legacy_of(route.name, plane.traffic.observed)}
            for route in snapshot.routes
            if route.stage in (Stage.CUTOVER, Stage.RETIRED)
        ],
    }


def _workers(plane: ControlPlane) -> list[dict[str, Any]]:
    return [
        {
            "number": peer.worker,
            "pid": peer.pid,
            "generation": peer.generation,
            "revision": peer.revision,
            "connected_at": _time(peer.since),
            "restarts": plane.family.worker_restarts[peer.worker],
            "requests": sum(row[-1] for row in batch.get("requests", ())),
            "gauges": _gauges(batch),
        }
        for peer, batch in plane.hub.batches()
    ]


def _gauges(batch: Mapping[str, Any]) -> dict[str, float]:
    """Gauges that stand for the whole worker, by name."""
    return {name.removeprefix("strangler_"): value for name, labels, value in batch.get("gauges", ()) if not labels}


def routes(plane: ControlPlane) -> dict[str, Any]:
    """Routes in the order of the file, with what was answered by each side since the server began to count."""
    snapshot = plane.active.snapshot
    requests = _requests(plane.hub.totals())
    return {
        "revision": snapshot.revision,
        "legacy": snapshot.legacy,
        "default": {"name": DEFAULT_ROUTE, "requests": requests.get(DEFAULT_ROUTE, {})},
        "routes": [
            _route(route, requests.get(route.name, {})) | {"legacy": legacy_of(route.name, plane.traffic.observed)}
            for route in snapshot.routes
        ],
    }


def _requests(totals: Totals) -> dict[str, dict[str, int]]:
    """By route, then by side."""
    table: dict[str, dict[str, int]] = {}
    for (route, side, _, _), n in totals.requests.items():
        by_side = table.setdefault(route, {})
        by_side[side] = by_side.get(side, 0) + n
    return table


def _route(route: Route, requests: Mapping[str, int]) -> dict[str, Any]:
    return {
        "name": route.name,
        **place_as_json(position(route)),
        "to": route.to,
        "group": route.group,
        "owner": route.owner,
        "priority": route.priority,
        "match": [_match(match) for match in route.matches],
        "place": str(route.place) if route.place else None,
        "requests": dict(requests),
    }


def _match(match: RouteMatch) -> dict[str, Any]:
    written: dict[str, Any] = {
        "path": match.path and {"kind": match.path.kind.value, "text": match.path.text},
        "host": match.host,
        "methods": list(match.methods),
        "headers": _names(match.headers),
        "query": _names(match.query),
        "cookies": _names(match.cookies),
    }
    return {key: value for key, value in written.items() if value}


def _names(predicates: tuple[ValuePredicate, ...]) -> list[str]:
    return [predicate.name for predicate in predicates]


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
