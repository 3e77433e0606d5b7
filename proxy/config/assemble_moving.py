"""The sections of moving that passed every rule → their immutable form. What a route says goes before the defaults."""

from collections.abc import Iterable

from proxy.config.model import Stage
from proxy.config.moving import (
    DEFAULT_GATES,
    DEFAULT_MOVING,
    Canary,
    Gate,
    GateKind,
    Gates,
    Handover,
    Hooks,
    Moving,
    Writes,
)
from proxy.config.written import DefaultsSection
from proxy.config.written_moving import CanarySection, GatesSection
from proxy.config.written_route import RouteSection

FIRST_WEIGHT = Canary().weight

_BUILT_IN = (GateKind.SAMPLES, GateKind.MATCH_RATE, GateKind.ERROR_RATE, GateKind.LATENCY_P95)


def assemble_moving(route: RouteSection, defaults: DefaultsSection) -> Moving:
    """The model's own defaults, shared, for a route of which nothing is said here or there."""
    said = {name: getattr(section, name) for section in (defaults, route) for name in section.model_fields_set}
    hooks, handover = said.get("hooks"), said.get("handover")
    found = Moving(
        canary=_canary(route.canary, route.stage),
        gates=_gates([section.gates for section in (defaults, route) if section.gates is not None]),
        on_breach=said.get("on_breach", DEFAULT_MOVING.on_breach),
        hooks=Hooks(hooks.before_step, hooks.after_rollback, hooks.timeout) if hooks else DEFAULT_MOVING.hooks,
        writes=_writes(route),
        pin=said.get("pin", DEFAULT_MOVING.pin),
        handover=(
            Handover(handover.hold_timeout, handover.queue, handover.drain_timeout)
            if handover
            else DEFAULT_MOVING.handover
        ),
    )
    return DEFAULT_MOVING if found == DEFAULT_MOVING else found


def _canary(written: CanarySection | None, stage: Stage) -> Canary | None:
    if written is None:
        return Canary() if stage is Stage.CANARY else None
    return Canary(
        weight=first_weight(written.steps) if written.weight is None else written.weight,
        steps=tuple(written.steps),
        hold=written.hold,
        sticky=written.sticky,
        allow=tuple(written.allow),
        deny=tuple(written.deny),
        paused=written.paused,
        dry_run=written.dry_run,
    )


def first_weight(steps: Iterable[float]) -> float:
    """The share of users with which a canary begins when its weight is not written."""
    return next(iter(steps), FIRST_WEIGHT)


def _gates(sections: list[GatesSection]) -> Gates:
    """The model's gates, with those of the sections in place of, or behind, them."""
    gates = {gate.name: gate for gate in DEFAULT_GATES}
    window = Gates().window
    for section in sections:
        if "window" in section.model_fields_set:
            window = section.window
        for kind in _BUILT_IN:
            if (limit := getattr(section, kind)) is not None:
                gates[kind] = Gate(kind.value, kind, limit)
        for name, custom in section.custom.items():
            gates[name] = Gate(name, GateKind.CUSTOM, custom.limit, custom.query, custom.url)
    return Gates(window, tuple(gates.values()))


def _writes(route: RouteSection) -> Writes | None:
    if route.writes is None:
        return None
    return Writes(tuple(dict.fromkeys(route.writes.entities)), route.writes.point_of_no_return)
