"""What a rollout does next, from where it stands and what its gates say. Pure; it moves nothing.

                          the hold runs   a gate waits, or    all gates pass   a gate is
                                          is not measured                      broken
    below the last step   hold            hold                step             breach
    kept back             hold            hold                hold             breach
    at the last step      hold            hold                finish           breach
    left to people        hold            hold                hold             hold

Kept back: a hook, or a move that was refused, wants a pause. Left to people: paused, or without steps. `finish` moves
nothing either: at the last step the gates are watched on, and `promote` is a person's word. A breach does what
`on_breach` says. A step is the next larger one of the file, but from below 95 % never above 95 %: the last gates before
that need answers of the monolith to compare with.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from proxy.config.moving import OnBreach
from proxy.config.values import format_share
from proxy.rollout.plan import Plan, next_weight
from proxy.rollout.ports import GateReading, Outcome


@dataclass(frozen=True, slots=True)
class Status:
    """Where it stands: the weight, since when, and until when it is kept back. Times are of the monotonic clock."""

    weight: float
    since: float
    kept_until: float = 0.0
    kept_why: str = ""


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing moves, and why."""

    why: str


@dataclass(frozen=True, slots=True)
class Step:
    """The weight goes up."""

    weight: float


@dataclass(frozen=True, slots=True)
class Finish:
    """There is no further step."""


@dataclass(frozen=True, slots=True)
class Breach:
    """A gate is broken, and that is done."""

    do: OnBreach
    gate: str
    why: str


Action = Hold | Step | Finish | Breach


class Place(StrEnum):
    BELOW = "below the last step"
    KEPT_BACK = "kept back"
    AT_THE_LAST = "at the last step"
    LEFT_TO_PEOPLE = "left to people"


class Evidence(StrEnum):
    EARLY = "the hold runs"
    OPEN = "a gate waits, or is not measured"
    GOOD = "all gates pass"
    BAD = "a gate is broken"


TABLE: Final[Mapping[tuple[Place, Evidence], type[Action]]] = {
    (Place.BELOW, Evidence.GOOD): Step,
    (Place.AT_THE_LAST, Evidence.GOOD): Finish,
    (Place.BELOW, Evidence.BAD): Breach,
    (Place.KEPT_BACK, Evidence.BAD): Breach,
    (Place.AT_THE_LAST, Evidence.BAD): Breach,
}
"""Everywhere else: hold."""


def decide(plan: Plan, status: Status, readings: Sequence[GateReading], now: float) -> Action:
    """What is to be done with one route. `now` and the status' times are seconds of one clock."""
    further = next_weight(plan.steps, status.weight)
    place, evidence = _place(plan, status, further, now), _evidence(plan, status, readings, now)
    kind = TABLE.get((place, evidence), Hold)
    if kind is Step and further is not None:
        return Step(further)
    if kind is Finish:
        return Finish()
    if kind is Breach:
        broken = next(reading for reading in readings if reading.outcome is Outcome.BREACH)
        return Breach(plan.on_breach, broken.gate, broken.why)
    return Hold(_why(plan, status, place, readings, now))


def _place(plan: Plan, status: Status, further: float | None, now: float) -> Place:
    if not plan.rolls:
        return Place.LEFT_TO_PEOPLE
    if now < status.kept_until:
        return Place.KEPT_BACK
    return Place.AT_THE_LAST if further is None else Place.BELOW


def _evidence(plan: Plan, status: Status, readings: Sequence[GateReading], now: float) -> Evidence:
    outcomes = {reading.outcome for reading in readings}
    if Outcome.BREACH in outcomes:
        return Evidence.BAD
    if now - status.since < plan.hold:
        return Evidence.EARLY
    return Evidence.GOOD if outcomes == {Outcome.PASS} else Evidence.OPEN


def _why(plan: Plan, status: Status, place: Place, readings: Sequence[GateReading], now: float) -> str:
    if place is Place.LEFT_TO_PEOPLE:
        return "paused" if plan.paused else "it has no steps: people move it"
    if (left := plan.hold - (now - status.since)) > 0:
        return f"held for {plan.hold:g} s at this step, {max(1, round(left))} s to go"
    for outcome, words in ((Outcome.UNMEASURED, "cannot be measured"), (Outcome.WAIT, "waits")):
        if found := [f"{one.gate} {words}: {one.why}" for one in readings if one.outcome is outcome]:
            return "; ".join(found)
    if place is Place.KEPT_BACK:
        return status.kept_why
    return "no gate was read yet"


def together(actions: Mapping[str, Action]) -> dict[str, Action]:
    """What the routes of a group do: the slowest decides, and a breach of one is one of all.

    They step when each of them would, or is at its last step. A breach that only alerts leaves the others alone.
    """
    for name, action in actions.items():
        if isinstance(action, Breach) and action.do is not OnBreach.ALERT:
            elsewhere = Breach(action.do, action.gate, f"route {name} of its group: {action.why}")
            return {each: action if each == name else elsewhere for each in actions}
    slow = next((name for name, action in actions.items() if isinstance(action, Hold | Breach)), None)
    if slow is None:
        return dict(actions)
    waits = Hold(f"route {slow} of its group is not ready")
    return {name: waits if isinstance(action, Step) else action for name, action in actions.items()}


def in_words(action: Action) -> str:
    match action:
        case Hold(why):
            return why
        case Step(weight):
            return f"all gates pass: to {format_share(weight)}"
        case Finish():
            return "every step is done: strangler promote takes it to cutover"
        case Breach(_, gate, why):
            return f"{gate} is broken: {why}"
