"""One handover on its way: does what its state calls for, keeps what came of it, and goes on to the next.

What may follow what is `proxy.rollout.handover`'s; this only acts. It never gives up: a side that does not answer is
asked again until it does, or until somebody else has moved the same. Every state is kept before it is acted on.
"""

import asyncio
import traceback
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from proxy.config.model import Stage
from proxy.config.moving import Handover
from proxy.control.handover_ports import Means
from proxy.control.holder import Held
from proxy.control.sync_peers import STALE_EPOCH, PeerFailure
from proxy.rollout.handover import Event, Record, State, advance, opposite, return_epoch
from proxy.rollout.handover_plan import SIDES, moves_to_follow
from proxy.rollout.ownership import Entity, is_drained, owner_at, pair_up, unheard
from proxy.rollout.ports import Moved, MoveRefused

CALL_SECONDS = 2.0
QUIET_SECONDS = 0.3  # for writes under way to end by themselves, before those that have not begun are refused
POLL_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 1.0  # between calls that are repeated until they are answered
FLIP_TRIES = 3


@dataclass(eq=False)
class HandingOver:
    """A handover under way.

    `keep` writes a record of it down, or raises OSError. `tell` is called with a line for a person, and facts.
    """

    record: Record
    settings: Handover
    means: Means
    keep: Callable[[Record], None]
    tell: Callable[[str, Mapping[str, Any]], None]
    conflicts: Mapping[str, int] = field(default_factory=dict)  # of the side that takes, before
    moved: Moved | None = None
    taken: dict[str, int] = field(default_factory=dict)  # the last position of the side that owns, when it began
    held: Held = field(default_factory=Held)
    resumed: bool = False
    waiting_for: str = ""
    hold: str = ""  # its name; the record's may change on the way

    async def run(self) -> None:
        """Until it is over."""
        steps: Mapping[State, Callable[[], Awaitable[Record]]] = {
            State.HOLDING: self._stop_the_old_side,
            State.FENCED: self._let_the_new_side_hear,
            State.DRAINED: self._let_the_new_side_begin,
            State.OWNED: self._let_the_routes_follow,
            State.RETURNING: self._give_back,
        }
        self.hold = self.record.id
        if self.record.state is State.IDLE:
            self._go(advance(self.record, Event.BEGIN))
        try:
            await self.means.holds.begin(self.hold, self.record.routes, self.settings)
            while self.record.state is not State.RELEASED:
                self._go(await steps[self.record.state]())
        except Exception:  # a defect; not the process's end, after which the next one goes on while workers hold
            await self.means.holds.release(self.hold)
            raise
        self.held = await self.means.holds.release(self.hold)

    # the steps

    async def _stop_the_old_side(self) -> Record:
        record, until = self.record, self.means.now() + self.settings.hold_timeout.total_seconds()
        left = await self.means.holds.wait_until_quiet(self.hold, min(QUIET_SECONDS, until - self.means.now()))
        self.tell("writes are held", {"routes": list(record.routes), "still_under_way": left})
        try:
            fenced = await self._insist(
                self._givers(record.to_move),
                lambda who, what, s: self.means.sides.fence(who, what, record.epoch, seconds=s),
                until,
            )
        except PeerFailure as failure:
            return self._fail(failure)
        self.tell(f"no more writes at {SIDES[opposite(record.to)]}", {"fenced": fenced})
        return advance(record, Event.FENCED, fenced=fenced)

    async def _let_the_new_side_hear(self) -> Record:
        record, until = self.record, self.means.now() + self.settings.drain_timeout.total_seconds()
        problem = "nobody was asked yet"
        if not record.to_move:
            return advance(record, Event.HEARD)
        while True:
            try:
                entities = await self._look()
            except PeerFailure as failure:
                problem = str(failure)
            else:
                if moved := self._moved_by_others(entities):
                    return self._overtaken(moved)
                if conflicts := self._new_conflicts(entities):
                    return self._lead_back(f"the side that takes has new conflicts: {conflicts}")
                behind = self._behind(entities)
                if not behind:
                    self.waiting_for = ""
                    self.tell(f"everything heard by {SIDES[record.to]}", {})
                    return advance(record, Event.HEARD)
                self.waiting_for = f"events to be heard: {behind}"
                problem = f"events not heard within {self.settings.drain_timeout.total_seconds():g} s: {behind}"
            if self.means.now() >= until:
                return self._lead_back(problem)
            await self.means.sleep(POLL_SECONDS)

    async def _let_the_new_side_begin(self) -> Record:
        record = self.record
        takers = self._writers(record.to, record.to_move)
        return await self._let_own(takers, record.epoch, record.fenced, f"writing now: {SIDES[record.to]}")

    async def _give_back(self) -> Record:
        record = self.record
        who = SIDES[opposite(record.to)] if record.to_give_back else "who wrote before"
        return await self._let_own(self._givers(record.to_give_back), return_epoch(record), {}, f"writing again: {who}")

    async def _let_own(
        self, whom: Mapping[str, Sequence[str]], epoch: int, heard: Mapping[str, int], text: str
    ) -> Record:
        def own(who: str, what: Sequence[str], seconds: float) -> Coroutine[Any, Any, dict[str, int]]:
            told = {entity: heard[entity] for entity in what if entity in heard}
            return self.means.sides.own(who, what, epoch, told, seconds=seconds)

        try:
            self.taken = await self._insist(whom, own, None)
        except PeerFailure as failure:
            return self._overtaken(str(failure))
        self.tell(text, {"epoch": epoch})
        return advance(self.record, Event.OWNED)

    async def _let_the_routes_follow(self) -> Record:
        record, tries, pause = self.record, 0, POLL_SECONDS
        while True:
            if (self.resumed or tries) and (moved := await self._owned_by_others()):
                return self._overtaken(moved)
            problem = await self._move()
            if not problem:
                self.waiting_for = ""
                return advance(record, Event.FOLLOWED)
            tries += 1
            if tries == FLIP_TRIES and not record.turned:
                return self._lead_back(problem)
            self._wait_for(problem)
            await self.means.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _move(self) -> str:
        """Move the routes; why they could not be."""
        moves = moves_to_follow(self.record, self.means.snapshot().routes)
        try:
            self.moved = await self.means.mover.move(moves) if moves else None
        except MoveRefused as refusal:
            return f"the routes cannot follow: {refusal.message}"
        except Exception:  # a defect; but one side owns by now, and the routes have to lead there
            self.means.log.failure("routes_not_moved", handover=self.record.id, exception=traceback.format_exc())
            return "the routes cannot follow: a defect of the proxy's, its log says which"
        self.tell("the routes follow", {"routes": [move.route for move in moves]})
        return ""

    # what they need

    def _givers(self, entities: Sequence[str]) -> dict[str, list[str]]:
        return self._writers(opposite(self.record.to), entities)

    def _writers(self, side: Stage, entities: Sequence[str]) -> dict[str, list[str]]:
        """Upstream → those of the entities that it writes when that side owns."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for entity in entities:
            found[self.means.snapshot().legacy if side is Stage.LEGACY else self.record.services[entity]].append(entity)
        return dict(found)

    async def _insist(
        self,
        whom: Mapping[str, Sequence[str]],
        ask: Callable[[str, Sequence[str], float], Coroutine[Any, Any, dict[str, int]]],
        until: float | None,
    ) -> dict[str, int]:
        """Ask all of them until all have answered; by entity, what they said. Raises PeerFailure when time is over, or
        when one has been moved under a higher epoch; without `until` only then."""
        found: dict[str, int] = {}
        left, pause = dict(whom), POLL_SECONDS
        while left:
            seconds = CALL_SECONDS if until is None else max(until - self.means.now(), POLL_SECONDS)
            answers = await asyncio.gather(
                *(ask(who, what, seconds) for who, what in left.items()), return_exceptions=True
            )
            failures = []
            for who, answer in zip(list(left), answers, strict=True):
                if isinstance(answer, PeerFailure):
                    failures.append(answer)
                elif isinstance(answer, BaseException):
                    raise answer
                else:
                    found |= answer
                    del left[who]
            for failure in failures:
                self._wait_for(str(failure))
                is_over = until is not None and (self.means.now() >= until or not failure.passing)
                if failure.kind == STALE_EPOCH or is_over:
                    raise failure
            if failures:
                await self.means.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        self.waiting_for = ""
        return found

    def _wait_for(self, problem: str) -> None:
        if self.waiting_for != problem:
            self.waiting_for = problem
            self.tell(f"trying again: {problem}", {})

    async def _look(self) -> dict[str, Entity]:
        """What both sides say of the entities. Raises PeerFailure."""
        legacy = self.means.snapshot().legacy
        names = [legacy, *dict.fromkeys(self.record.services.values())]
        said = await asyncio.gather(*(self.means.sides.status(name, seconds=CALL_SECONDS) for name in names))
        entities, problems = pair_up(self.record.entities, legacy, dict(zip(names, said, strict=True)))
        if problems:
            raise PeerFailure("; ".join(problems))
        return entities

    def _behind(self, entities: Mapping[str, Entity]) -> str:
        to, fenced = self.record.to, self.record.fenced
        return ", ".join(
            f"{unheard(entity, to, fenced[name])} of {name} ({entity.giver(to).unpublished} not published)"
            for name, entity in entities.items()
            if name in fenced and not is_drained(entity, to, fenced[name])
        )

    def _new_conflicts(self, entities: Mapping[str, Entity]) -> str:
        more = {
            name: entity.taker(self.record.to).conflicts - self.conflicts.get(name, 0)
            for name, entity in entities.items()
            if name in self.conflicts and not self.record.turned
        }
        return ", ".join(f"{count} of {name}" for name, count in more.items() if count > 0)

    def _moved_by_others(self, entities: Mapping[str, Entity]) -> str:
        """Fenced by us means: at our epoch, and not the giver's."""
        to, epoch = self.record.to, self.record.epoch
        for name in self.record.to_move:
            giver = entities[name].giver(to)
            if giver.epoch != epoch or giver.owner == owner_at(opposite(to)):
                return f'"{name}" is at epoch {giver.epoch} there, and this is {epoch}'
        return ""

    async def _owned_by_others(self) -> str:
        """After a restart the databases are asked whether what was written down is still true."""
        try:
            entities = await self._look()
        except PeerFailure:
            return ""
        epochs = {name: entity.taker(self.record.to).epoch for name, entity in entities.items()}
        return ", ".join(f'"{name}" is at epoch {epoch}' for name, epoch in epochs.items() if epoch > self.record.epoch)

    def _fail(self, failure: PeerFailure) -> Record:
        return self._overtaken(str(failure)) if failure.kind == STALE_EPOCH else self._lead_back(str(failure))

    def _lead_back(self, problem: str) -> Record:
        self.tell(f"writing goes back: {problem}", {})
        return advance(self.record, Event.FAILED, problem=problem)

    def _overtaken(self, problem: str) -> Record:
        self.tell(f"somebody else has moved the same: {problem}", {})
        return advance(self.record, Event.OVERTAKEN, problem=problem)

    def _go(self, after: Record) -> None:
        """Keep the record, then go by it. One that cannot be kept leads back where the next call could not be."""
        try:
            self.keep(after)
        except OSError as error:
            problem = f"handovers.json cannot be written: {(error.strerror or str(error)).lower()}"
            self.means.log.failure("handover_not_kept", handover=after.id, detail=problem)
            if self.record.state is State.FENCED and after.state is State.DRAINED:
                after = advance(self.record, Event.FAILED, problem=problem)
            elif self.record.state is State.IDLE:
                raise
        self.means.log.info("handover", handover=after.id, state=after.state.value, to=after.to.value)
        self.record = after
