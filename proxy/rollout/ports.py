"""What the parts of a move say to each other: where a route stands, what was measured, who moves it, who remembers it.

Plain values and protocols. Whoever decides (`decide`) knows no file, no worker and no clock; whoever acts
(`proxy.control`) decides nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from proxy.config.model import Route, Stage


class Verb(StrEnum):
    """What an operator, or the rollout, does to a route. The words of the command line, the API and the ledger."""

    PROMOTE = "promote"
    SHADOW = "shadow"
    PAUSE = "pause"
    RESUME = "resume"
    ROLLBACK = "rollback"
    RETIRE = "retire"
    HANDOVER = "handover"


class Outcome(StrEnum):
    """What a gate says. Only `PASS` of all gates lets a route move on, and only `BREACH` moves it back."""

    PASS = "pass"
    BREACH = "breach"  # certain: also the favourable bound lies outside
    WAIT = "wait"  # not enough data, or not certain
    UNMEASURED = "unmeasured"  # it cannot be known at the moment


@dataclass(frozen=True, slots=True)
class GateReading:
    """One gate, measured. Values are in the gate's own unit: a count, a share (0..1), seconds, or a custom number.

    `limit` is as the file says it. `low` and `high` bound a share's 95 % interval. `why` is for a person.
    """

    gate: str
    outcome: Outcome
    limit: str
    value: float | None = None
    legacy: float | None = None
    low: float | None = None
    high: float | None = None
    samples: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a route stands. `weight` (0..1) is there at canary, and only there."""

    stage: Stage
    weight: float | None = None
    paused: bool = False


ROAD = (Stage.LEGACY, Stage.SHADOW, Stage.CANARY, Stage.CUTOVER, Stage.RETIRED)


def reach(place: Position) -> tuple[int, float]:
    """How far along the road a position is; positions compare by it."""
    return ROAD.index(place.stage), place.weight or 0.0


def position(route: Route) -> Position:
    """Where `route` stands as its snapshot has it."""
    canary = route.moving.canary
    if route.stage is not Stage.CANARY or canary is None:
        return Position(route.stage, paused=canary is not None and canary.paused)
    return Position(route.stage, canary.weight, canary.paused)


@dataclass(frozen=True, slots=True)
class Move:
    """A route that is to go from one place to another. `evidence` is JSON: what was measured when it was decided.

    `respond` is what a retired route says besides: see, sunset, deprecated, as the file writes them.
    """

    route: str
    verb: Verb
    before: Position
    after: Position
    who: str
    because: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    respond: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def is_back(self) -> bool:
        """Whether the service gets less than before. Such a move waits for no file and no store."""
        return reach(self.after) < reach(self.before)


@dataclass(frozen=True, slots=True)
class Moved:
    """What came of moves. `override`: the file could not be written, so they hold beside it, as drift.

    `notes` are what a person should know besides: a worker that was late, a ledger that could not be written.
    """

    revision: str
    diff: str
    override: bool = False
    notes: tuple[str, ...] = ()


class MoveRefused(Exception):
    """The moves were not made, none of them; says why, and what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Unfinished(MoveRefused):
    """It is still under way, and goes on by itself; says what it waits for."""


class Mover(Protocol):
    """Makes moves: in the file, or beside it; in every worker; in the ledger."""

    async def move(self, moves: Sequence[Move]) -> Moved:
        """All of them at once. Returns when every connected worker goes by them. Raises MoveRefused."""
        ...


class Gatekeeper(Protocol):
    """Measures."""

    async def read_gates(self, route: Route) -> Sequence[GateReading]:
        """Every gate of the route, over its window up to now."""
        ...


@dataclass(frozen=True, slots=True)
class HandoverOrder:
    """What somebody wants handed over, and why.

    `to` is cutover (the services write) or legacy (the monolith does). `force` goes back behind a point of no return,
    `despite_conflicts` although both sides have changed something. `evidence` is for the ledger, by route. A dry run
    is planned, and not begun.
    """

    routes: Sequence[Route]
    to: Stage
    who: str
    because: str = ""
    dry_run: bool = False
    force: bool = False
    despite_conflicts: bool = False
    evidence: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class Handovers(Protocol):
    """Moves the writing of entities, and the routes that write them, from one side to the other."""

    def moving(self) -> frozenset[str]:
        """Routes that a handover moves now, and that nobody else may."""
        ...

    async def hand_over(self, order: HandoverOrder) -> Moved:
        """Raises MoveRefused, and then the side that owned still does; Unfinished, and then it goes on."""
        ...
