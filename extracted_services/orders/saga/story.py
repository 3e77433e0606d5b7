"""How a saga is told: steps in order, each with what undoes it.

    Saga("fulfil order", undone_by=Act("cancel", cancel))
        .step("reserve", reserve, timeout=seconds(3)).compensated_by("release", release)
        .step("charge", charge, timeout=seconds(8)).compensated_by("refund", refund)
        .step("confirm", confirm)

A story is a value: it can be drawn, compared and run by any runner, and holds no state of a run.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Self

from .outcomes import Json, Outcome, Refused

NO_LIMIT = timedelta(seconds=30)  # for acts in our own database, which has limits of its own


@dataclass(frozen=True, slots=True)
class Call:
    """What an act is told: for which subject, under which key, and what was done so far.

    `key` is the same however often the act is tried: whoever is called with it does its work once.
    """

    saga: str
    subject: str
    key: str
    results: Mapping[str, Json]
    refusal: Refused | None = None


Perform = Callable[[Call], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class Act:
    """Something to do, by name; the name is part of the key and of the log."""

    name: str
    perform: Perform
    timeout: timedelta = NO_LIMIT


@dataclass(frozen=True, slots=True)
class Step:
    """`is_remote`: it acts on another service, so it is asked beforehand whether it is still wanted; a step in our own
    database sees that in its own transaction."""

    act: Act
    is_remote: bool
    undo: Act | None = None


async def _always_wanted(_subject: str) -> Refused | None:
    return None


@dataclass(frozen=True, slots=True)
class Saga:
    """`undone_by` undoes what began the saga, last of all. `unwanted` says before a remote step why it should not be
    taken any more; a cheap local read."""

    name: str
    undone_by: Act | None = None
    steps: tuple[Step, ...] = ()
    unwanted: Callable[[str], Awaitable[Refused | None]] = _always_wanted

    def step(self, name: str, perform: Perform, *, timeout: timedelta | None = None) -> Self:
        """`timeout` makes it a step on another service."""
        if any(name == step.act.name for step in self.steps):
            raise ValueError(f"{self.name} has two steps {name}")
        return replace(self, steps=(*self.steps, Step(Act(name, perform, timeout or NO_LIMIT), timeout is not None)))

    def compensated_by(self, name: str, perform: Perform, *, timeout: timedelta | None = None) -> Self:
        """What undoes the last step."""
        *before, last = self.steps
        undo = Act(name, perform, timeout or last.act.timeout)
        return replace(self, steps=(*before, replace(last, undo=undo)))

    def find(self, name: str) -> Step:
        return next(step for step in self.steps if step.act.name == name)
