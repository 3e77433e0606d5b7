"""Where each rollout stands: since when its step is held, what was decided and told, what keeps it back. Pure.

Times of the hold are of a clock that never goes back; the time of day is only written down. What is remembered is one
`Progress` a route, which outlives the process; the rest begins anew with it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from proxy.config.model import Route, Stage
from proxy.observability.windows import Answers
from proxy.rollout.decide import Action, Status, in_words
from proxy.rollout.plan import Plan, next_weight, plan_of
from proxy.rollout.ports import GateReading, Move, Outcome, position
from proxy.rollout.progress import Progress, reading_as_json

FIRST_PAUSE: Final = 2.0  # seconds, after a hook or a mover refused a step; doubled each time
LONGEST_PAUSE: Final = 60.0


@dataclass(slots=True)
class KeptBack:
    """Until when a step is kept back, after a pause of how long, and why."""

    until: float
    pause: float
    why: str


@dataclass(slots=True)
class Book:
    """Of all routes, by name."""

    progress: dict[str, Progress] = field(default_factory=dict)
    _since: dict[str, float] = field(default_factory=dict)  # when the hold of a step would have begun
    _kept: dict[str, KeptBack] = field(default_factory=dict)

    def open(self, progress: Mapping[str, Progress]) -> None:
        """Go on from what was remembered."""
        self.progress = dict(progress)
        self._since.clear()
        self._kept.clear()

    def forget_all_but(self, routes: Mapping[str, Route]) -> None:
        """Routes that are no more are forgotten; of those that are not at canary the notes stay."""
        self.progress = {
            name: one if routes[name].stage is Stage.CANARY else _at_rest(one, routes[name])
            for name, one in self.progress.items()
            if name in routes
        }
        held = {name for name, one in self.progress.items() if one.weight is not None}
        self._since = {name: since for name, since in self._since.items() if name in held}
        self._kept = {name: kept for name, kept in self._kept.items() if name in held}

    def status(self, route: Route, plan: Plan, now: float, at: datetime) -> Status:
        """Where the route stands. A weight that is not the one that was held begins a hold of its own."""
        name, weight = route.name, position(route).weight
        assert weight is not None
        if not plan.rolls:
            self.progress[name] = replace(self._of(name), weight=None, held=0.0, told=())
            return Status(weight, now)
        if self._of(name).weight != weight:
            self.begin(name, weight, now, at)
        since = self._since.setdefault(name, now - self._of(name).held)
        kept = self._kept.get(name)
        return Status(weight, since, kept.until, kept.why) if kept else Status(weight, since)

    def begin(self, name: str, weight: float, now: float, at: datetime) -> None:
        """A hold begins."""
        since = at.isoformat(timespec="seconds")
        self.progress[name] = replace(self._of(name), weight=weight, since=since, held=0.0, told=())
        self._since[name] = now
        self._kept.pop(name, None)

    def decided(
        self, name: str, action: Action, readings: Sequence[GateReading], baseline: Answers | None, now: float
    ) -> None:
        """What was measured and decided at one look. When all gates pass, a breach is news again."""
        one = self._of(name)
        good = bool(readings) and all(reading.outcome is Outcome.PASS for reading in readings)
        self.progress[name] = replace(
            one,
            held=max(0.0, now - self._since[name]) if one.weight is not None else 0.0,
            doing=type(action).__name__.lower(),
            why=in_words(action),
            told=tuple(key for key in one.told if not (good and key.startswith("breach"))),
            readings=tuple(map(reading_as_json, readings)),
            baseline=baseline,
        )

    def holds(self, name: str, why: str) -> None:
        """What was decided waits, for this reason."""
        self.progress[name] = replace(self._of(name), doing="hold", why=why)

    def keep_back(self, name: str, why: str, now: float) -> bool:
        """Not before a pause, longer each time. True the first time."""
        before = self._kept.get(name)
        pause = min(before.pause * 2, LONGEST_PAUSE) if before else FIRST_PAUSE
        self._kept[name] = KeptBack(now + pause, pause, f"kept back: {why}")
        self.holds(name, self._kept[name].why)
        return before is None

    def left(self, move: Move, did: str, at: datetime) -> None:
        """It was rolled back, or paused."""
        one = replace(self._of(move.route), weight=None, held=0.0, told=(), doing=did, why=move.because)
        self.progress[move.route] = one.noting(at, did, move.because)

    def note(self, name: str, did: str, why: str, at: datetime) -> None:
        self.progress[name] = self._of(name).noting(at, did, why)

    def is_news(self, name: str, key: str) -> bool:
        """Whether this was not told yet of the step that is held; from now on it was."""
        one = self._of(name)
        self.progress[name] = replace(one, told=tuple(dict.fromkeys((*one.told, key))))
        return key not in one.told

    def readings(self, name: str) -> list[Mapping[str, Any]]:
        """Of the last look, JSON-able."""
        return list(self._of(name).readings)

    def _of(self, name: str) -> Progress:
        return self.progress.get(name) or Progress()


def _at_rest(one: Progress, route: Route) -> Progress:
    baseline = one.baseline if route.stage is Stage.CUTOVER else None
    return replace(one, weight=None, held=0.0, told=(), readings=(), baseline=baseline)


def describe(route: Route, one: Progress) -> dict[str, Any]:
    """A route that rolls, or did, JSON-able."""
    plan, weight = plan_of(route), position(route).weight
    return {
        "route": route.name,
        "group": route.group,
        "stage": route.stage.value,
        "weight": weight,
        "next": next_weight(plan.steps, weight) if plan and weight is not None else None,
        "steps": list(plan.steps) if plan else [],
        "on_breach": route.moving.on_breach.value,
        "paused": plan.paused if plan else False,
        "dry_run": plan.dry_run if plan else False,
        "since": one.since if one.weight is not None else None,
        "held_seconds": round(one.held, 1),
        "hold_seconds": plan.hold if plan else None,
        "doing": one.doing,
        "why": one.why,
        "gates": list(one.readings),
        "notes": [{"at": note.at, "did": note.did, "why": note.why} for note in one.notes],
    }


def describe_all(routes: Iterable[Route], progress: Mapping[str, Progress]) -> list[dict[str, Any]]:
    return [describe(route, progress[route.name]) for route in routes if route.name in progress]
