"""What a route's gates say of what was measured: pass, breach, not enough data, or cannot be measured.

Pure. A gate passes by its point estimate once there are enough samples; it is broken only when chance cannot explain
it (`certainty`). Nothing is ever taken for good, or for bad, because it is unknown.

    gate         samples                        value
    samples      answers of the service         the same; it waits, and is never broken
    match_rate   pairs of answers compared      share of pairs that do not differ, but for what is noise
    error_rate   answers of the service, and    share with a status of 500 or above, or none
    latency_p95  of legacy where compared with  seconds within which 95 % were answered
    others       one number                     as Prometheus has it; outside of the limit it is broken
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Final

from proxy.comparison.noise import Z, wilson
from proxy.comparison.verdict import MIN_COMPARED
from proxy.config.gates import format_limit
from proxy.config.moving import Bound, Gate, GateKind, Gates, Relation
from proxy.observability.windows import Answers
from proxy.rollout.certainty import (
    CERTAIN,
    FEWEST_TIMED,
    certainly_above,
    certainly_more,
    certainly_times,
    quantile_bounds,
)
from proxy.rollout.ports import GateReading, Outcome

P95: Final = 0.95
_SLACK: Final = 1e-9  # a limit that is met exactly is met, whatever binary fractions make of it


@dataclass(frozen=True, slots=True)
class Matches:
    """What the pairs of a window came to. `differing` ones are not explained by noise, `certain` ones surely are not.

    `sampled` is the share of answers of which there is a pair at all.
    """

    compared: int
    differing: int
    certain: int
    sampled: float = 1.0
    where: str = ""  # ", mostly in $.price"


@dataclass(frozen=True, slots=True)
class Unknown:
    """Why something cannot be measured."""

    why: str


@dataclass(frozen=True, slots=True)
class Measured:
    """What is known of a route over its window.

    `partial` says why the window is not whole yet, and is empty once it is. `custom` is by the gate's name.
    """

    service: Answers | Unknown
    legacy: Answers | Unknown
    matches: Matches | Unknown
    custom: Mapping[str, float | Unknown] = field(default_factory=dict)
    partial: str = ""


def check(gates: Gates, measured: Measured) -> tuple[GateReading, ...]:
    """Every gate's reading, in the order of the file. Where the service answers nobody (shadow), what takes its
    answers to users is left out, and pairs are the samples."""
    least = next((int(gate.limit.number) for gate in gates.gates if gate.kind is GateKind.SAMPLES), 0)
    return tuple(
        _unless_partial(_CHECKS[gate.kind](gate, measured, least), gate, measured)
        for gate in gates.gates
        if isinstance(measured.service, Answers) or gate.kind not in _OF_USERS
    )


def unmeasured(gates: Gates, why: str) -> tuple[GateReading, ...]:
    """Where none can be known."""
    return tuple(_unmeasured(_new(gate), why) for gate in gates.gates)


def _unless_partial(reading: GateReading, gate: Gate, measured: Measured) -> GateReading:
    """Nothing that has a window passes before that is whole."""
    if measured.partial and reading.outcome is Outcome.PASS and gate.kind is not GateKind.CUSTOM:
        return _wait(reading, measured.partial)
    return reading


def _new(gate: Gate) -> GateReading:
    return GateReading(gate.name, Outcome.WAIT, format_limit(gate.limit, gate.kind))


def _pass(reading: GateReading) -> GateReading:
    return replace(reading, outcome=Outcome.PASS)


def _wait(reading: GateReading, why: str) -> GateReading:
    return replace(reading, outcome=Outcome.WAIT, why=why)


def _breach(reading: GateReading, why: str) -> GateReading:
    return replace(reading, outcome=Outcome.BREACH, why=why)


def _unmeasured(reading: GateReading, why: str) -> GateReading:
    return replace(reading, outcome=Outcome.UNMEASURED, why=why)


def _samples(gate: Gate, measured: Measured, least: int) -> GateReading:
    service, matches = measured.service, measured.matches
    if isinstance(service, Answers):
        found, what = service.requests, "answers of the service"
    elif isinstance(matches, Matches):
        found, what = matches.compared, "pairs"
    else:
        return _unmeasured(_new(gate), matches.why)
    reading = replace(_new(gate), value=found, samples=found)
    return _pass(reading) if found >= least else _wait(reading, f"{found} of {least} {what}")


def _match_rate(gate: Gate, measured: Measured, least: int) -> GateReading:
    matches, limit, reading = measured.matches, gate.limit.number, _new(gate)
    if isinstance(matches, Unknown):
        return _unmeasured(reading, matches.why)
    if matches.compared == 0:
        return _wait(reading, "no pair was compared")
    compared, wanted = matches.compared, pairs_wanted(least, matches.sampled)
    rate = wilson(compared - matches.differing, compared)
    reading = replace(reading, value=rate.share, low=rate.low, high=rate.high, samples=compared)
    if certainly_above(matches.certain, compared, 1 - limit):
        return _breach(reading, f"{matches.certain} of {compared} pairs differ{matches.where}")
    if compared < wanted:
        return _wait(reading, f"{compared} of {wanted} pairs")
    if rate.share >= limit - _SLACK:
        return _pass(reading)
    return _wait(reading, f"{matches.differing} of {compared} pairs differ{matches.where}, and chance may explain it")


def pairs_wanted(least: int, sampled: float) -> int:
    """As many pairs as `least` answers bring when that share of them is compared: no fewer than 100, or `least`."""
    return min(least, max(MIN_COMPARED, round(least * sampled)))


def _error_rate(gate: Gate, measured: Measured, least: int) -> GateReading:
    service, legacy, relation = measured.service, measured.legacy, gate.limit.relation
    assert isinstance(service, Answers)
    if service.requests == 0:
        return _wait(_new(gate), "the service has answered nothing")
    rate = wilson(service.errors, service.requests)
    reading = replace(_new(gate), value=rate.share, low=rate.low, high=rate.high, samples=service.requests)
    counts, limit = (service.errors, service.requests), gate.limit.number
    if relation is Relation.ABSOLUTE:
        broken = certainly_above(*counts, limit)
    elif isinstance(legacy, Unknown):
        return _unmeasured(reading, legacy.why)
    else:
        other = wilson(legacy.errors, legacy.requests).share
        surely = certainly_more if relation is Relation.PLUS else certainly_times
        broken = surely(*counts, legacy.errors, legacy.requests, limit)
        reading, limit = replace(reading, legacy=other), _beside(gate, other)
    if broken:
        return _breach(reading, f"{service.errors} of {service.requests} answers failed")
    return _within(gate, measured, least, reading, rate.share <= limit + _SLACK)


def _latency(gate: Gate, measured: Measured, least: int) -> GateReading:
    service, legacy, relation = measured.service, measured.legacy, gate.limit.relation
    assert isinstance(service, Answers)
    value = service.quantile(P95)
    if value is None:
        return _wait(_new(gate), "the service has answered nothing")
    low, high = quantile_bounds(service, P95, Z)
    reading = replace(_new(gate), value=value, low=low, high=high if isfinite(high) else None, samples=service.requests)
    limit = most = gate.limit.number
    if relation is not Relation.ABSOLUTE:
        if isinstance(legacy, Unknown):
            return _unmeasured(reading, legacy.why)
        other = legacy.quantile(P95)
        reading, limit = replace(reading, legacy=other), _beside(gate, other or 0.0)
        most = _beside(gate, quantile_bounds(legacy, P95, CERTAIN)[1])
    surely, _ = quantile_bounds(service, P95, CERTAIN)
    if surely > most and sum(service.durations) >= FEWEST_TIMED:
        return _breach(reading, f"more than one answer in twenty took longer than {surely * 1000:g} ms")
    return _within(gate, measured, least, reading, value <= limit + _SLACK)


def _beside(gate: Gate, legacy: float) -> float:
    """The limit, where that is what legacy shows and something on top."""
    number = gate.limit.number
    return legacy + number if gate.limit.relation is Relation.PLUS else legacy * number


def _within(gate: Gate, measured: Measured, least: int, reading: GateReading, holds: bool) -> GateReading:
    """A gate that is not broken: whether there is enough of both sides, and the estimate within."""
    service, legacy = measured.service, measured.legacy
    assert isinstance(service, Answers)
    if service.requests < least:
        return _wait(reading, f"{service.requests} of {least} answers of the service")
    wanted = max(least, 1)
    if gate.limit.relation is not Relation.ABSOLUTE and isinstance(legacy, Answers) and legacy.requests < wanted:
        return _wait(reading, f"{legacy.requests} of {wanted} answers of the monolith in the same time")
    if holds:
        return _pass(reading)
    reasons = "chance, or the histogram's buckets," if gate.kind is GateKind.LATENCY_P95 else "chance"
    return _wait(reading, f"outside of the limit, and {reasons} may explain it")


def _custom(gate: Gate, measured: Measured, _least: int) -> GateReading:
    found, number = measured.custom.get(gate.name, Unknown("it was not asked for yet")), gate.limit.number
    if isinstance(found, Unknown):
        return _unmeasured(_new(gate), found.why)
    reading = replace(_new(gate), value=found, samples=1)
    holds = found <= number if gate.limit.bound is Bound.AT_MOST else found >= number
    return _pass(reading) if holds else _breach(reading, f"it is {found:g}")


_OF_USERS: Final = (GateKind.ERROR_RATE, GateKind.LATENCY_P95)
_CHECKS: Final[Mapping[GateKind, Callable[[Gate, Measured, int], GateReading]]] = {
    GateKind.SAMPLES: _samples,
    GateKind.MATCH_RATE: _match_rate,
    GateKind.ERROR_RATE: _error_rate,
    GateKind.LATENCY_P95: _latency,
    GateKind.CUSTOM: _custom,
}
