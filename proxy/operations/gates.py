"""What gates measured, for people and for programs: value beside limit, and what came of it."""

from collections.abc import Sequence
from typing import Any

from proxy.config.moving import GateKind
from proxy.config.values import format_share
from proxy.rollout.ports import GateReading, Outcome

_SHARES = (GateKind.MATCH_RATE, GateKind.ERROR_RATE)


def as_json(reading: GateReading) -> dict[str, Any]:
    """What is not known is left out."""
    found: dict[str, Any] = {"gate": reading.gate, "outcome": reading.outcome.value, "limit": reading.limit}
    for name in ("value", "legacy", "low", "high"):
        if (number := getattr(reading, name)) is not None:
            found[name] = round(number, 6)
    return found | {"samples": reading.samples} | ({"why": reading.why} if reading.why else {})


def all_pass(readings: Sequence[GateReading]) -> bool:
    return all(reading.outcome is Outcome.PASS for reading in readings)


def lines(route: str, readings: Sequence[GateReading]) -> list[str]:
    """A line a gate, in columns: route, gate, value, limit, outcome and why."""
    rows = [
        (route, reading.gate, told(reading.gate, reading.value), f"must be {reading.limit}", _outcome(reading))
        for reading in readings
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)] if rows else []
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def told(gate: str, value: float | None) -> str:
    """A measured value as the file writes such a limit."""
    if value is None:
        return "-"
    if gate in _SHARES:
        return format_share(value)
    return f"{value * 1000:.0f}ms" if gate == GateKind.LATENCY_P95 else f"{value:g}"


def _outcome(reading: GateReading) -> str:
    return f"{reading.outcome}{f': {reading.why}' if reading.why else ''}"
