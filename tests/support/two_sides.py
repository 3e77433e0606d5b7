"""Both sides of a shop in memory, as a handover meets them: who owns what, which events were heard, what goes wrong.

Each call may be made to fail before or after it had its effect, or to never come back because the caller has died. What
must always hold is looked at in every call: never do two sides own an entity, and nobody begins to own who has not
heard everything.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import StringIO
from pathlib import Path
from typing import Any

from proxy.config.model import Snapshot, Stage
from proxy.config.moving import Handover, Moving, Writes
from proxy.control.handover_ports import Means
from proxy.control.handovers import Handovers
from proxy.control.holder import Held
from proxy.control.sync_peers import STALE_EPOCH, PeerFailure
from proxy.observability.log import Log
from proxy.rollout.ownership import Standing
from proxy.rollout.ports import Move, Moved, MoveRefused
from tests.support.processes import PATIENCE_S
from tests.support.routing import route, snapshot

SERVICES = {"order": "orders", "stock": "inventory"}
LEGACY = "legacy"
Fault = str
"""`before` (nothing was done), `after` (the answer was lost), `refuse`, or `die`/`die after`: the caller is gone."""


@dataclass
class Row:
    """One side's row of one entity, and how far its events and the other side's have come."""

    owner: str = LEGACY
    epoch: int = 1
    told: int = 0
    heard: int = 0
    conflicts: int = 0


@dataclass
class TwoSides:
    """`faults` are by number of the call, counted over all calls. `calls` is what was asked.

    `before` is told of each call first, and what it raises is the answer; `after`, when all that follows has happened.
    """

    faults: dict[int, Fault] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    bus_works: bool = True
    dead: set[str] = field(default_factory=set)  # upstreams that do not answer
    died: asyncio.Event = field(default_factory=asyncio.Event)
    rows: dict[str, dict[str, Row]] = field(default_factory=dict)
    accepted: int = 0
    before: Callable[[str], None] = lambda _: None
    after: Callable[[str], None] = lambda _: None

    def __post_init__(self) -> None:
        for side in ("legacy", "service"):
            self.rows[side] = {entity: Row() for entity in SERVICES}

    def side_of(self, upstream: str) -> str:
        return "legacy" if upstream == "monolith" else "service"

    def owners(self, entity: str) -> list[str]:
        return [side for side in self.rows if self.rows[side][entity].owner == side]

    def everybody_writes(self) -> None:
        """Whoever may, does; and events arrive."""
        for side, rows in self.rows.items():
            for row in rows.values():
                if row.owner == side:
                    row.told += 1
                    self.accepted += 1

    def deliver(self) -> None:
        for entity in SERVICES if self.bus_works else ():
            self.rows["legacy"][entity].heard = self.rows["service"][entity].told
            self.rows["service"][entity].heard = self.rows["legacy"][entity].told

    # what a handover asks

    def with_sync(self) -> list[str]:
        return ["monolith", "orders", "inventory"]

    async def status(self, upstream: str, *, seconds: float) -> dict[str, Standing]:
        found: dict[str, Standing] = await self._called(f"status {upstream}", upstream, lambda: self._stand(upstream))
        return found

    async def fence(self, upstream: str, entities: Iterable[str], epoch: int, *, seconds: float) -> dict[str, int]:
        other = "service" if self.side_of(upstream) == "legacy" else "legacy"
        told: dict[str, int] = await self._called(
            f"fence {upstream} {epoch}", upstream, lambda: self._move(upstream, entities, other, epoch)
        )
        return told

    async def own(
        self, upstream: str, entities: Iterable[str], epoch: int, heard: Mapping[str, int], *, seconds: float
    ) -> dict[str, int]:
        def do() -> dict[str, int]:
            side = self.side_of(upstream)
            for entity, position in heard.items():
                if self.rows[side][entity].heard < position:
                    raise PeerFailure("behind", kind="behind", passing=False)
            return self._move(upstream, entities, side, epoch)

        told: dict[str, int] = await self._called(f"own {upstream} {epoch}", upstream, do)
        return told

    async def _called(self, name: str, upstream: str, do: Callable[[], Any]) -> Any:
        self.before(name)
        self.calls.append(name)
        fault = self.faults.get(len(self.calls))
        self.everybody_writes()
        if upstream in self.dead or fault == "before":
            raise PeerFailure(f"{upstream} does not answer")
        if fault == "refuse":
            raise PeerFailure(f"{upstream} says 401", passing=False)
        if fault == "die":
            await self._die()
        done = do()
        self.check()
        self.deliver()
        self.after(name)
        if fault == "after":
            raise PeerFailure(f"the answer of {upstream} was lost")
        if fault == "die after":
            await self._die()
        await asyncio.sleep(0)
        return done

    async def _die(self) -> None:
        self.died.set()
        await asyncio.Event().wait()

    def _stand(self, upstream: str) -> dict[str, Standing]:
        rows = self.rows[self.side_of(upstream)]
        mine = [entity for entity in SERVICES if upstream in ("monolith", SERVICES[entity])]
        return {
            entity: Standing(row.owner, row.epoch, row.told, 0 if self.bus_works else 1, 0.5, row.heard, row.conflicts)
            for entity, row in rows.items()
            if entity in mine
        }

    def _move(self, upstream: str, entities: Iterable[str], owner: str, epoch: int) -> dict[str, int]:
        side = self.side_of(upstream)
        other = "service" if side == "legacy" else "legacy"
        rows = {entity: self.rows[side][entity] for entity in entities}
        for entity, row in rows.items():
            if epoch < row.epoch or (epoch == row.epoch and owner != row.owner):
                raise PeerFailure(f"{entity} is at epoch {row.epoch}", kind=STALE_EPOCH, passing=False)
        for entity, row in rows.items():
            if owner == side and row.owner != side:
                assert row.heard == self.rows[other][entity].told, f"{side} begins and has not heard all of {entity}"
            row.owner, row.epoch = owner, epoch
        return {entity: row.told for entity, row in rows.items()}

    def check(self) -> None:
        for entity in SERVICES:
            assert len(self.owners(entity)) < 2, f"both write {entity} after {self.calls}"


@dataclass
class FakeHolds:
    """Notes what is held. The next to let go waits for `gate`, where there is one, and says so by `at_gate`."""

    holds: set[str] = field(default_factory=set)
    diary: list[str] = field(default_factory=list)
    gate: asyncio.Event | None = None
    at_gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def begin(self, name: str, routes: tuple[str, ...], settings: Handover) -> Held:
        self.diary.append(f"hold {','.join(routes)}")
        self.holds.add(name)
        return Held()

    async def wait_until_quiet(self, name: str, seconds: float) -> int:
        return 0

    async def release(self, name: str) -> Held:
        gate, self.gate = self.gate, None
        if gate is not None:
            self.at_gate.set()
            await gate.wait()
        self.diary.append("release")
        self.holds.discard(name)
        return Held(released=3, longest=0.25)

    async def hold_nothing(self) -> None:
        self.diary.append("nothing")


@dataclass
class Scene:
    """A server's handovers over these sides. `restart` is what a control process does that starts anew."""

    folder: Path
    sides: TwoSides = field(default_factory=TwoSides)
    holds: FakeHolds = field(default_factory=FakeHolds)
    log: StringIO = field(default_factory=StringIO)
    settings: Handover = field(default_factory=Handover)
    refusals: list[str | Exception] = field(default_factory=list)  # of the mover, one a move
    moved: list[Move] = field(default_factory=list)
    time: float = 1000.0
    on_sleep: Callable[[], None] = lambda: None
    more: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        moving = [Moving(writes=Writes((entity,)), handover=self.settings) for entity in ("order", "stock")]
        both = Moving(writes=Writes(("order", "stock")), handover=self.settings)
        self.snapshot: Snapshot = replace(
            snapshot(
                route("orders", "/orders/**", to="orders", stage="legacy", group="shop", moving=both),
                route("stock", "/stock/**", to="inventory", stage="legacy", group="shop", moving=moving[1]),
                route("look", "GET /look", to="orders", stage="legacy", group="shop"),
                *self.more,
            ),
            legacy="monolith",
        )
        self.handovers = self._make()
        self.task: asyncio.Task[None] | None = None

    def _make(self) -> Handovers:
        means = Means(
            self.sides, self.holds, self, lambda: self.snapshot, Log("control", self.log),
            now=lambda: self.time, sleep=self._sleep,
        )  # fmt: skip
        return Handovers(means, str(self.folder))

    async def _sleep(self, seconds: float) -> None:
        self.time += seconds
        self.on_sleep()
        self.sides.deliver()
        await asyncio.sleep(0)

    async def start(self) -> None:
        self.task = asyncio.create_task(self.handovers.run())
        await self.handovers.taken_up.wait()

    async def stop(self) -> None:
        assert self.task is not None
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def restart(self) -> None:
        """The process is gone, and another one begins with what was kept."""
        await self.stop()
        self.handovers = self._make()
        await self.start()

    async def settle(self) -> None:
        """Until nothing is under way."""
        async with asyncio.timeout(PATIENCE_S):
            while self.handovers.under_way():  # noqa: ASYNC110 - one may end and let another begin
                await asyncio.sleep(0)

    async def move(self, moves: Sequence[Move]) -> Moved:
        self.holds.diary.append(f"move {','.join(f'{each.route}:{each.after.stage}' for each in moves)}")
        if self.refusals:
            refusal = self.refusals.pop(0)
            raise MoveRefused(refusal) if isinstance(refusal, str) else refusal
        self.moved += moves
        after = {each.route: each.after.stage for each in moves}
        routes = tuple(replace(each, stage=after.get(each.name, each.stage)) for each in self.snapshot.routes)
        self.snapshot = replace(self.snapshot, routes=routes, revision=f"r{len(self.sides.calls)}")
        return Moved(self.snapshot.revision, "diff")

    def routes(self, *names: str) -> tuple[Any, ...]:
        return tuple(each for each in self.snapshot.routes if each.name in (names or ("orders",)))

    def stages(self) -> dict[str, Stage]:
        return {each.name: each.stage for each in self.snapshot.routes}

    def writer(self) -> str:
        """The side that writes everything, and that the routes lead to; anything else is said."""
        owners = {entity: self.sides.owners(entity) for entity in SERVICES}
        sides = {tuple(each) for each in owners.values()}
        leads = {"service" if self.stages()[name] is Stage.CUTOVER else "legacy" for name in ("orders", "stock")}
        if len(sides) == 1 and len(leads) == 1 and sides == {tuple(leads)}:
            return leads.pop()
        return f"written by {owners}, routes lead to {leads}"


def play(folder: Path, story: Callable[[Scene], Awaitable[None]], **scene: Any) -> None:
    """Tell a story of a server whose handovers run."""

    async def told() -> None:
        one = Scene(folder, **scene)
        await one.start()
        try:
            await story(one)
        finally:
            await one.stop()
        assert "handover_failed" not in one.log.getvalue(), "these sides have seen what must never be"

    asyncio.run(told())
