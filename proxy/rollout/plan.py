"""What the file wants of a route's rollout: its steps, how long each is held, and who moves together. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from proxy.config.model import Route, Stage
from proxy.config.moving import OnBreach

LAST_SPLIT: Final = 0.95
"""The largest share before the gates have passed a last time with both sides answering."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the file wants of a route's rollout. `hold` in seconds, at every step."""

    steps: tuple[float, ...]
    hold: float
    on_breach: OnBreach = OnBreach.ROLLBACK
    paused: bool = False
    dry_run: bool = False

    @property
    def rolls(self) -> bool:
        """Whether it moves by itself."""
        return bool(self.steps) and not self.paused


def plan_of(route: Route) -> Plan | None:
    """None for a route that is not at canary. A step is held for a window at least, so that it is judged by its own
    answers alone."""
    moving = route.moving
    if route.stage is not Stage.CANARY or moving.canary is None:
        return None
    hold = max(moving.canary.hold, moving.gates.window).total_seconds()
    return Plan(moving.canary.steps, hold, moving.on_breach, moving.canary.paused, moving.canary.dry_run)


def next_weight(steps: Sequence[float], weight: float) -> float | None:
    """The next larger step; None at the last."""
    larger = next((step for step in steps if step > weight), None)
    return LAST_SPLIT if larger is not None and weight < LAST_SPLIT < larger else larger


def teams(routes: Iterable[Route]) -> list[list[Route]]:
    """Routes at canary: those of a group that roll by themselves in one team, every other alone."""
    found: dict[tuple[str, str], list[Route]] = {}
    for route in routes:
        plan = plan_of(route)
        if plan is not None:
            together = plan.rolls and route.group is not None
            found.setdefault(("group", route.group or "") if together else ("route", route.name), []).append(route)
    return list(found.values())
