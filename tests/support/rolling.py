"""Routes that roll out, and a world in which a controller may be watched: readings, a mover, a clock."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from proxy.config.model import Route, Stage
from proxy.config.moving import Canary, Gates, Hooks, Moving, OnBreach
from proxy.observability.log import Log
from proxy.observability.windows import Answers
from proxy.rollout.asking import Answer, NoAnswer
from proxy.rollout.controller import Controller
from proxy.rollout.hooks import Hooks as AskedHooks
from proxy.rollout.ports import GateReading, Move, Moved, MoveRefused, Outcome
from proxy.rollout.progress import Progress, as_json, from_json
from tests.support.routing import route

NO_HOOKS = Hooks()
STEPS = (0.01, 0.05, 0.25, 1.0)
GOOD = (GateReading("samples", Outcome.PASS, ">= 500", 900.0), GateReading("error_rate", Outcome.PASS, "<= 1%", 0.0))
WAITS = (GateReading("samples", Outcome.WAIT, ">= 500", 3.0, why="3 of 500 answers of the service"),)
BLIND = (GateReading("match_rate", Outcome.UNMEASURED, ">= 99.9%", why="nothing is compared"),)
BAD = (GateReading("error_rate", Outcome.BREACH, "<= 1%", 0.4, why="40 of 100 answers failed"), GOOD[0])


def rolling(
    name: str = "r",
    weight: float = 0.01,
    *,
    steps: tuple[float, ...] = STEPS,
    hold: float = 60.0,
    window: float = 10.0,
    paused: bool = False,
    dry_run: bool = False,
    group: str | None = None,
    on_breach: OnBreach = OnBreach.ROLLBACK,
    hooks: Hooks = NO_HOOKS,
    stage: str = "canary",
    **more: Any,
) -> Route:
    canary = Canary(weight, steps, timedelta(seconds=hold), paused=paused, dry_run=dry_run)
    gates = replace(more.pop("gates", Gates()), window=timedelta(seconds=window))
    moving = Moving(canary, gates, on_breach, hooks)
    return route(name, f"/{name}", stage=stage, moving=moving, group=group, **more)


class FakeGates:
    """Says what it is told to; `GOOD` of every route else."""

    def __init__(self) -> None:
        self.said: dict[str, Sequence[GateReading]] = {}

    async def read_gates(self, route: Route) -> Sequence[GateReading]:
        return self.said.get(route.name, GOOD)


@dataclass
class FakeMover:
    """Moves routes in `routes`, as the file would; remembers every move, and refuses while `refuses` says why."""

    routes: dict[str, Route]
    moves: list[Move] = field(default_factory=list)
    refuses: str | None = None
    mistake: bool = False

    async def move(self, moves: Sequence[Move]) -> Moved:
        if self.mistake:
            raise RuntimeError("a mistake of ours")
        if self.refuses is not None:
            raise MoveRefused(self.refuses)
        self.moves += moves
        for move in moves:
            self.set(move.route, move.after.stage, move.after.weight, paused=move.after.paused)
        return Moved("r2", "")

    def set(self, name: str, stage: Stage, weight: float | None, *, paused: bool = False) -> None:
        """Also what a person does to the file."""
        old = self.routes[name]
        assert old.moving.canary is not None
        canary = replace(old.moving.canary, weight=weight or 0.01, paused=paused)
        self.routes[name] = replace(old, stage=stage, moving=replace(old.moving, canary=canary))

    @property
    def made(self) -> list[tuple[str, str, str, float | None]]:
        return [(move.route, move.verb.value, move.after.stage.value, move.after.weight) for move in self.moves]


class FakeAsks:
    """Answers what it is told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer | NoAnswer] = {}
        self.asked: list[tuple[str, dict[str, Any] | None]] = []

    async def ask(self, url: str, *, seconds: float, body: bytes | None = None) -> Answer:
        self.asked.append((url, json.loads(body) if body else None))
        found = self.answers.get(url, Answer(204, b""))
        if isinstance(found, NoAnswer):
            raise found
        return found


class FakeKeeper:
    """A file in memory, in the form in which it is written."""

    def __init__(self) -> None:
        self.text = json.dumps(as_json({}))
        self.saves = 0

    def load(self) -> dict[str, Progress]:
        return from_json(json.loads(self.text))

    def save(self, progress: Mapping[str, Progress]) -> None:
        self.saves += 1
        self.text = json.dumps(as_json(progress))


@dataclass
class FakeLease:
    ours: bool = True
    why: str = "another server on this state folder moves routes"

    def take(self) -> bool:
        return self.ours


class World:
    """A controller over routes, with all that is outside of it."""

    def __init__(self, *routes: Route) -> None:
        self.seconds = 1000.0
        self.day = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
        self.output = io.StringIO()
        self.gates, self.asks, self.keeper, self.lease = FakeGates(), FakeAsks(), FakeKeeper(), FakeLease()
        self.baselines: dict[str, Answers] = {}
        self.mover = FakeMover({route.name: route for route in routes})
        self.controller = self.a_controller()

    def a_controller(self) -> Controller:
        log = Log("t", self.output)
        return Controller(
            gatekeeper=self.gates,
            mover=lambda: self.mover,
            keeper=self.keeper,
            lease=self.lease,
            hooks=AskedHooks(self.asks, log),
            log=log,
            baselines=self.baselines,
            monotonic=lambda: self.seconds,
            now=lambda: self.day,
        )

    def restart(self, *, seconds: float = 0.0) -> None:
        """The process ends as by kill -9; another one begins, whose clock begins anywhere."""
        self.seconds = 5.0 + seconds
        self.controller = self.a_controller()

    async def passes(self, seconds: float) -> None:
        """Time passes, with a look each second."""
        for _ in range(int(seconds)):
            self.seconds += 1
            self.day += timedelta(seconds=1)
            await self.look()

    async def look(self) -> None:
        self.controller.follow(self.mover.routes.values())
        await self.controller.tick()

    def shown(self, name: str = "r") -> dict[str, Any]:
        return next(one for one in self.controller.describe() if one["route"] == name)

    @property
    def events(self) -> list[str]:
        return [json.loads(line)["event"] for line in self.output.getvalue().splitlines()]
