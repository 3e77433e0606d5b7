"""How far a route's rollout has come, in the form in which it outlives the control process. Pure.

A step's hold is counted in seconds that a process watched, never between two times of day: a clock that jumps, and the
time in which nobody looked, bring no step nearer.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from proxy.observability.windows import Answers
from proxy.rollout.ports import GateReading

VERSION: Final = 1
MAX_NOTES: Final = 20


@dataclass(frozen=True, slots=True)
class Note:
    """Something that was done, or would have been (`dry_run`), and when."""

    at: str
    did: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """Of one route. `weight` is that of the step being held, None while nothing rolls; `held` seconds of it are over.

    `doing` and `why` are the last decision in words. `told`: what was said of this step, and is not to be said again.
    `baseline`: what the monolith answered in the last window in which it answered enough.
    """

    weight: float | None = None
    since: str = ""
    held: float = 0.0
    doing: str = ""
    why: str = ""
    told: tuple[str, ...] = ()
    readings: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[Note, ...] = field(default=())
    baseline: Answers | None = None

    def noting(self, at: datetime, did: str, why: str = "") -> "Progress":
        """With one more note; the oldest go."""
        return replace(self, notes=(*self.notes, Note(at.isoformat(timespec="seconds"), did, why))[-MAX_NOTES:])


def reading_as_json(reading: GateReading) -> dict[str, Any]:
    return {**asdict(reading), "outcome": reading.outcome.value}


def as_json(progress: Mapping[str, Progress]) -> dict[str, Any]:
    """By route."""
    return {"version": VERSION, "routes": {route: asdict(one) for route, one in progress.items()}}


def from_json(found: Any) -> dict[str, Progress]:
    """Raises ValueError for what `as_json` never gave."""
    try:
        if found["version"] != VERSION:
            raise ValueError(f"it has version {found['version']}, and this release reads {VERSION}")
        return {str(route): _progress(one) for route, one in found["routes"].items()}
    except (TypeError, KeyError, AttributeError, OverflowError) as error:
        raise ValueError(f"it does not hold rollouts: {error!r}") from error


def _progress(one: Mapping[str, Any]) -> Progress:
    baseline, held, weight = one["baseline"], float(one["held"]), one["weight"]
    if not 0 <= held < float("inf"):
        raise ValueError("it holds a time that is none")
    return Progress(
        weight=None if weight is None else float(weight),
        since=str(one["since"]),
        held=held,
        doing=str(one["doing"]),
        why=str(one["why"]),
        told=tuple(map(str, one["told"])),
        readings=tuple(dict(each) for each in one["readings"]),
        notes=tuple(Note(str(each["at"]), str(each["did"]), str(each["why"])) for each in one["notes"]),
        baseline=None if baseline is None else _answers(baseline),
    )


def _answers(one: Mapping[str, Any]) -> Answers:
    bounds, durations = tuple(map(float, one["bounds"])), tuple(map(int, one["durations"]))
    if durations and len(durations) != len(bounds) + 1:
        raise ValueError("its durations do not fit their bounds")
    return Answers(int(one["requests"]), int(one["errors"]), bounds, durations)
