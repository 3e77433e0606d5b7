"""Where every route stands, where the file has it, and what holds beside the file: for status, health and diff."""

from typing import Any

from proxy.config.model import Route, Snapshot
from proxy.control.plane import ControlPlane
from proxy.rollout.ledger import place_as_json
from proxy.rollout.overrides import Override
from proxy.rollout.ports import position


def positions(plane: ControlPlane) -> list[dict[str, Any]]:
    """A route each, in the order of the file; `file` is there where the file says something else."""
    resting = _resting(plane)
    return [_one(route, resting.get(route.name)) for route in plane.active.snapshot.routes]


def overrides(plane: ControlPlane) -> list[dict[str, Any]]:
    """What holds beside the file, and what it survives."""
    return [] if plane.file is None else [as_json(each, plane.file.kept.value) for each in plane.file.overrides]


def as_json(override: Override, survives: str) -> dict[str, Any]:
    return {
        "route": override.route,
        **place_as_json(override.after),
        "since": override.at,
        "who": override.who,
        "because": override.because,
        "survives": survives,
    }


def _resting(plane: ControlPlane) -> dict[str, Route]:
    said: Snapshot | None = plane.file.current.snapshot if plane.file and plane.file.current else None
    return {route.name: route for route in said.routes} if said else {}


def _one(route: Route, in_file: Route | None) -> dict[str, Any]:
    found = {"route": route.name, **place_as_json(position(route)), "group": route.group}
    if in_file is not None and position(in_file) != position(route):
        found["file"] = place_as_json(position(in_file))
    return found
