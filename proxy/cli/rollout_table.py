"""Rollouts of a running server for people: a line for each route at canary, and one for each of its gates."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from rich.markup import escape
from rich.table import Table

from proxy.config.moving import GateKind
from proxy.config.values import format_share

Row = tuple[str, str, str, str]

_STYLES: Final = {"pass": "green", "breach": "red", "wait": "", "unmeasured": "yellow"}
_SHARES: Final = (GateKind.MATCH_RATE, GateKind.ERROR_RATE)


def rollout_table(rollouts: Iterable[Mapping[str, Any]]) -> Table | None:
    """None when no route is at canary."""
    table = Table("rollout", "gate", "measured", "limit", "outcome", box=None, pad_edge=False)
    for one in rollouts:
        if one["weight"] is not None:
            table.add_row(escape(one["route"]), *_head(one))
            for gate in one["gates"]:
                table.add_row("", *_gate(gate))
    return table if table.rows else None


def rollout_notes(found: Mapping[str, Any]) -> Iterator[str]:
    """What somebody should know: who leads, and what was last done to routes that rolled."""
    rolling = any(one["weight"] is not None and one["steps"] and not one["paused"] for one in found["rollouts"])
    if rolling and not found["leads"]:
        yield f"rollouts: only watched: {found['lease']}"
    if found["file_failing"]:
        yield f"rollouts: what they come to cannot be written: {found['file_failing']}"
    for one in found["rollouts"]:
        if one["weight"] is not None:
            yield f"{one['route']}: {'dry run: ' if one['dry_run'] else ''}{one['why']}"
        if one["notes"]:
            last = one["notes"][-1]
            yield f"{one['route']}: {last['did']} at {last['at']}: {last['why']}"


def _head(one: Mapping[str, Any]) -> Row:
    weight = format_share(one["weight"])
    further = f", next {format_share(one['next'])}" if one["next"] is not None else ""
    since = f"since {one['since'][11:19]}" if one["since"] else ""
    return f"{weight}{further}", since, "", one["doing"]


def _gate(gate: Mapping[str, Any]) -> Row:
    style = _STYLES.get(gate["outcome"], "")
    said = escape(gate["outcome"] + (f": {gate['why']}" if gate["why"] else ""))
    measured = _value(gate["gate"], gate["value"])
    if gate["legacy"] is not None:
        measured += f" (legacy {_value(gate['gate'], gate['legacy'])})"
    return escape(gate["gate"]), measured, escape(gate["limit"]), f"[{style}]{said}[/{style}]" if style else said


def _value(gate: str, value: float | None) -> str:
    if value is None:
        return "-"
    if gate in _SHARES:
        return f"{value * 100:.4g}%"
    return f"{value * 1000:.4g}ms" if gate == GateKind.LATENCY_P95 else f"{value:g}"
