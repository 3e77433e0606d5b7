"""Moves the writing of entities, and the routes that write them, between the monolith and the services.

Whether that may be is asked first (`handover_checks`). Then one `HandingOver` goes its way; it outlives whoever asked
for it, and this process: what is not finished is taken up again at the next start.
"""

import asyncio
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from proxy import clock
from proxy.config.model import Stage
from proxy.config.moving import Handover
from proxy.control.handing_over import HandingOver
from proxy.control.handover_checks import Checks, Plan, refuse
from proxy.control.handover_file import HandoverFile, KeptHandovers, LastMove
from proxy.control.handover_ports import Means
from proxy.control.lease import HANDOVERS, Lease
from proxy.rollout.handover import Ending, Record, State, resume
from proxy.rollout.handover_plan import Circle, draw_circle, object_to_routes, object_to_sides
from proxy.rollout.ownership import Entity, next_epoch, unheard
from proxy.rollout.ports import HandoverOrder, Moved, MoveRefused, Unfinished

LOOK_SECONDS = 1.0  # between looks whether another server, that leads, has ended
PATIENCE_SECONDS = 60.0  # for whoever asked; the handover itself goes on
MOST_LINES = 1000


@dataclass(eq=False)
class Running:
    """A handover under way, as those see it who asked for it or look at it."""

    now: Callable[[], float]
    began: float
    lines: list[dict[str, Any]] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    handing: HandingOver | None = None
    failure: str = ""
    seconds: float = 0.0

    def tell(self, text: str, facts: Mapping[str, Any]) -> None:
        if len(self.lines) < MOST_LINES:
            self.lines.append({"seconds": round(self.now() - self.began, 3), "text": text, **facts})
        self.news.set()

    @property
    def record(self) -> Record:
        assert self.handing is not None
        return self.handing.record


class Handovers:
    """All of a server's. `folder` is its state's."""

    def __init__(self, means: Means, folder: str) -> None:
        self._means = means
        self._snapshot = means.snapshot
        self._checks = Checks(means)
        self._file = HandoverFile(folder, means.log)
        self._lease = Lease(folder, HANDOVERS, "leads its handovers")
        self._log = means.log
        self._kept = KeptHandovers()
        self._running: set[Running] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._starting = asyncio.Lock()
        self.taken_up = asyncio.Event()  # what another process began
        self.endings: dict[tuple[str, Ending], int] = {}

    # taking up what another process began

    async def run(self) -> None:
        """Go on with what is not finished, once no other server leads; then keep all of them going until cancelled."""
        try:
            await self._wait_to_lead()
            await self._take_up()
            await asyncio.Event().wait()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._lease.give_back()

    async def _wait_to_lead(self) -> None:
        if self._lease.take():
            return
        self._log.warning("handovers_led_elsewhere", detail=self._lease.why)
        await self._means.holds.hold_nothing()
        while not self._lease.take():
            await self._means.sleep(LOOK_SECONDS)

    async def _take_up(self) -> None:
        self._kept = await asyncio.to_thread(self._file.read)
        for record in self._kept.running.values():
            self._log.warning("handover_resumed", handover=record.id, state=record.state.value)
            circle = self._circle_of(record)
            self._start(resume(record), circle.settings if circle.routes else Handover(), {}, resumed=True)
        if not self._running:
            await self._means.holds.hold_nothing()
        self.taken_up.set()

    def _circle_of(self, record: Record) -> Circle:
        routes = [route for route in self._snapshot().routes if route.name in record.routes]
        return Circle(tuple(routes), record.entities)

    # what may be

    def under_way(self) -> Sequence[Running]:
        return sorted(self._running, key=lambda one: one.began)

    def moving(self) -> frozenset[str]:
        """Routes that nobody else may move now."""
        return frozenset(name for one in self._running for name in one.record.routes)

    async def plan(self, order: HandoverOrder) -> Plan:
        """What would move. Raises MoveRefused with all that speaks against it."""
        if not self._lease.take():
            raise MoveRefused(self._lease.why, "ask that one, or end it: then this one leads")
        await self.taken_up.wait()
        to = order.to
        circle = draw_circle(self._snapshot().routes, order.routes)
        refuse(object_to_routes(circle, order.routes, to))
        if together := self.moving().intersection(route.name for route in circle.routes):
            raise MoveRefused(
                f"a handover of {', '.join(sorted(together))} is under way", "see what it waits for: strangler status"
            )
        entities = await self._checks.look(circle.entities)
        refuse(object_to_sides(circle, entities, to, force=order.force, despite_conflicts=order.despite_conflicts))
        return Plan(
            to=to,
            circle=circle,
            entities=entities,
            epoch=next_epoch(list(entities.values()), *self._kept.epochs),
            lag={name: unheard(one, to, one.giver(to).outbox_last) for name, one in entities.items()},
            since_cutover=self.since_cutover(entities),
        )

    def since_cutover(self, entities: Mapping[str, Entity]) -> dict[str, int]:
        """Events the services wrote since writing was handed over to them: what would come back with it."""
        kept = self._kept.moved
        return {
            name: max(one.service.outbox_last - kept[name].position, 0)
            for name, one in entities.items()
            if name in kept and kept[name].to == Stage.CUTOVER.value
        }

    async def look(self) -> dict[str, Entity]:
        """What both sides say of every entity that routes write. Raises MoveRefused."""
        circle = draw_circle(self._snapshot().routes, self._snapshot().routes)
        return await self._checks.look(circle.entities) if circle.entities else {}

    # doing it

    async def begin(self, order: HandoverOrder) -> Running:
        """Start, and return while it is on its way. Raises MoveRefused, and then nothing was touched."""
        async with self._starting:
            plan = await self.plan(order)
            entities = await self._checks.rehearse(plan)
            record = Record(
                to=order.to,
                epoch=plan.epoch,
                routes=tuple(route.name for route in plan.circle.routes),
                services={name: one.upstream for name, one in entities.items()},
                owners={name: one.owner for name, one in entities.items()},
                who=order.who,
                because=order.because,
                began=clock.now().timestamp(),
                evidence={
                    route.name: {**order.evidence.get(route.name, {}), **_insisted(order)}
                    for route in plan.circle.routes
                },
            )
            conflicts = {name: one.taker(order.to).conflicts for name, one in entities.items()}
            return self._start(record, plan.circle.settings, conflicts, resumed=False)

    async def hand_over(self, order: HandoverOrder) -> Moved:
        """Move, and return when it is over. Raises MoveRefused, and then the side that owned still does; Unfinished
        when a side does not answer for long, and then it goes on."""
        running = await self.begin(order)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await running.over.wait()
        except TimeoutError:
            waiting_for = running.handing.waiting_for if running.handing else ""
            raise Unfinished(f"the handover is {running.record.state.value}: {waiting_for}") from None
        return result(running, self._snapshot().revision)

    def _start(self, record: Record, settings: Handover, conflicts: Mapping[str, int], *, resumed: bool) -> Running:
        running = Running(self._means.now, self._means.now())
        running.handing = HandingOver(
            record,
            settings,
            self._means,
            keep=lambda after: self._keep(running, after),
            tell=running.tell,
            conflicts=conflicts,
            resumed=resumed,
        )
        self._running.add(running)
        task = asyncio.create_task(self._drive(running))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return running

    async def _drive(self, running: Running) -> None:
        assert running.handing is not None
        try:
            await running.handing.run()
            self._finish(running)
        except OSError as error:
            running.failure = f"handovers.json cannot be written: {(error.strerror or str(error)).lower()}"
        except Exception:  # a defect: what was reached is written down, and the databases say who writes
            running.failure = "it ended by a defect of the proxy's; its log says which"
            self._log.failure("handover_failed", handover=running.record.id, exception=traceback.format_exc())
        finally:
            running.seconds = running.now() - running.began
            self._running.discard(running)
            running.over.set()
            running.news.set()

    def _finish(self, running: Running) -> None:
        record, handing = running.record, running.handing
        assert handing is not None
        key = (record.to.value, record.ending)
        self.endings[key] = self.endings.get(key, 0) + 1
        held = handing.held
        self._log.info(
            "handover_ended", handover=record.id, to=record.to.value, ending=record.ending.value,
            problem=record.problem, held=held.released, refused=held.expired + held.full, longest_hold=held.longest,
        )  # fmt: skip

    def _keep(self, running: Running, after: Record) -> None:
        """Raises OSError, and then what was kept before still is."""
        now = clock.now().timestamp()
        others = [one.record for one in self._running if one is not running]
        records = [each for each in others if each.state not in (State.IDLE, State.RELEASED)]
        moved = dict(self._kept.moved)
        if after.state is not State.RELEASED:
            records.append(after)
        elif after.ending is Ending.DONE and running.handing is not None:
            moved |= {
                entity: LastMove(after.to.value, after.epoch, position, now)
                for entity, position in running.handing.taken.items()
            }
        kept = KeptHandovers({record.id: record for record in records}, moved)
        self._file.write(kept)
        self._kept = kept


def _insisted(order: HandoverOrder) -> dict[str, bool]:
    """For the ledger: every route of the circle moves because somebody insisted, also those that nobody named."""
    said = {"forced": order.force, "despite_conflicts": order.despite_conflicts}
    return {key: True for key, is_so in said.items() if is_so}


def result(running: Running, revision: str) -> Moved:
    """What came of one that is over. Raises MoveRefused where the side that owned still does."""
    if running.failure:
        raise MoveRefused(running.failure, "look at strangler status")
    record, handing = running.record, running.handing
    assert handing is not None
    if record.ending is not Ending.DONE:
        raise MoveRefused(record.problem, "nothing was lost; look at strangler status, and try again")
    return replace(handing.moved) if handing.moved else Moved(revision, "")
