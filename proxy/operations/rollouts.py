"""Rollouts of a running server: where each stands, what its gates measured, what is done next; and as metrics."""

from collections.abc import Iterator
from typing import Any

from proxy.control.plane import ControlPlane
from proxy.observability.metrics import Sample


def rollouts(plane: ControlPlane) -> dict[str, Any]:
    """Every route that is at canary, or has been moved by a rollout."""
    return {"revision": plane.active.snapshot.revision, **plane.rolling.describe()}


def samples(plane: ControlPlane) -> Iterator[Sample]:
    """Nothing while no route is at canary."""
    found = plane.rolling.describe()
    at_canary = [one for one in found["rollouts"] if one["weight"] is not None]
    if at_canary:
        yield Sample("strangler_rollout_leads", float(found["leads"]))
        yield Sample("strangler_rollout_state_failing", float(found["file_failing"] is not None))
    for one in at_canary:
        route = one["route"]
        yield Sample("strangler_rollout_weight", one["weight"], (("route", route),))
        for gate in one["gates"]:
            label = (("gate", gate["gate"]), ("route", route))
            yield Sample("strangler_gate", 1, (label[0], ("outcome", gate["outcome"]), label[1]))
            if gate["value"] is not None:
                yield Sample("strangler_gate_value", gate["value"], label)
