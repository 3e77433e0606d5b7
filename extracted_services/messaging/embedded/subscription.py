"""One consumer of the embedded log: beats, claims its share of the partitions, and runs a worker on each.

New messages are seen by asking SQLite's change counter every few milliseconds, which reads no table. With the beats,
that costs an idle consumer one or two per cent of a core.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from sqlite3 import Connection
from typing import TypeVar
from uuid import uuid4

from extracted_services.messaging.delivery import Delivering, GivenUp
from extracted_services.messaging.embedded import dead, groups
from extracted_services.messaging.embedded.file import Lane, Watch
from extracted_services.messaging.embedded.groups import Claim, Member
from extracted_services.messaging.embedded.log import Place, ends, read
from extracted_services.messaging.ports import BusUnavailable, Delivery
from extracted_services.messaging.worker import Lost, PartitionWorker

log = logging.getLogger(__name__)

Result = TypeVar("Result")

BEAT_SECONDS = 0.4
POLL_SECONDS = 0.02
AWAY_SECONDS = 0.5
FETCHED = 50  # messages of a partition in memory at once: at most 50 × the largest event


class ClaimedPartition:
    """The worker's view of one claim."""

    def __init__(self, lane: Lane, group: str, claim: Claim) -> None:
        self._lane = lane
        self._group = group
        self.claim = claim
        self._file = lane.file
        self._next = claim.next
        self._news = asyncio.Event()
        self._news.set()

    def tell(self, end: int) -> None:
        """The offset to come of the partition is `end`."""
        if end > self._next:
            self._news.set()

    async def fetch(self) -> Sequence[Delivery]:
        await self._news.wait()
        self._news.clear()
        first = self._next
        try:
            deliveries = await self._run(lambda c: read(c, self.claim.place, first, FETCHED))
        except BaseException:
            self._news.set()
            raise
        if deliveries:
            self._next = deliveries[-1].offset + 1
            self._news.set()  # there may be more
        return deliveries

    async def commit(self, next_offset: int) -> None:
        if not await self._run(lambda c: groups.commit(c, self._group, self.claim, next_offset)):
            raise Lost

    async def bury(self, letter: GivenUp) -> None:
        now = time.time()
        await self._lane.run(lambda c: dead.bury(c, self._group, letter.delivery, letter.reason, now))

    async def release(self) -> None:
        with contextlib.suppress(Lost):
            await self._run(lambda c: groups.release(c, self._group, self.claim))

    async def _run(self, act: Callable[[Connection], Result]) -> Result:
        """On the file that the claim is in: offsets and epochs mean nothing in one that took its place."""

        def there(connection: Connection) -> Result:
            if self._lane.file != self._file:
                raise Lost
            return act(connection)

        return await self._lane.run(there)


class Subscription:
    """From `run` until it is cancelled, one member of its group."""

    def __init__(self, path: Path, lane: Lane, group: str, topics: Sequence[str], delivering: Delivering) -> None:
        self._lane = lane
        self._watch = Watch(path)
        self._news_due = True
        self._member = Member(group, tuple(dict.fromkeys(topics)), uuid4().hex)
        self._delivering = delivering
        self._partitions: dict[Place, tuple[ClaimedPartition, PartitionWorker]] = {}
        self._leaving: dict[Place, asyncio.Task[None]] = {}
        self._beaten_at = -BEAT_SECONDS

    async def run(self) -> None:
        """Be a member until cancelled; then let the handlers at work end, and leave the group."""
        away = False
        try:
            while True:
                try:
                    await self._turn()
                except BusUnavailable as error:
                    if not away:
                        log.warning("Group %s waits for the bus: %s", self._member.group, error)
                    away = True
                    await asyncio.sleep(AWAY_SECONDS)
                else:
                    if away:
                        log.info("Group %s reads the bus again", self._member.group)
                    away = False
                    await asyncio.sleep(POLL_SECONDS)
        finally:
            await self._leave()

    async def _turn(self) -> None:
        if time.monotonic() - self._beaten_at >= BEAT_SECONDS:
            await self._beat()
        if self._watch.changed() or self._news_due:
            self._news_due = True  # until it has been read
            news = await self._lane.run(ends)
            self._news_due = False
            for place, (partition, _) in self._partitions.items():
                partition.tell(news.get(place, 0))

    async def _beat(self) -> None:
        """Say that this member lives, and follow what became of its share."""
        for place in [place for place, (_, worker) in self._partitions.items() if worker.ended]:
            del self._partitions[place]
        held = {place: partition.claim.epoch for place, (partition, _) in self._partitions.items()}
        standing = await self._lane.run(lambda c: groups.beat(c, self._member, held, time.monotonic()))
        self._beaten_at = time.monotonic()
        for place in held.keys() - standing.held:
            _, worker = self._partitions.pop(place)
            await worker.stop(within=0.0)
        for claim in standing.claimed:
            partition = ClaimedPartition(self._lane, self._member.group, claim)
            worker = PartitionWorker("{}/{}".format(*claim.place), partition, self._delivering)
            self._partitions[claim.place] = (partition, worker)
            worker.start()
        for place in standing.surplus - self._leaving.keys():
            self._leaving[place] = asyncio.create_task(self._hand_over(place))

    async def _hand_over(self, place: Place) -> None:
        """Let another member have the partition, once the handler at work has ended; until then it is held on to."""
        partition, worker = self._partitions[place]
        try:
            await worker.stop()
            with contextlib.suppress(BusUnavailable):  # then the claim runs out
                await partition.release()
        finally:
            del self._leaving[place]

    async def _leave(self) -> None:
        """End the workers, holding on to their claims for as long as their handlers take."""
        ending = {asyncio.create_task(worker.stop()) for _, worker in self._partitions.values()}
        while ending:
            _, ending = await asyncio.wait(ending, timeout=BEAT_SECONDS)
            with contextlib.suppress(BusUnavailable):
                await self._lane.run(lambda c: groups.keep(c, self._member, time.monotonic()))
        for task in list(self._leaving.values()):
            await asyncio.wait({task})
        with contextlib.suppress(BusUnavailable):
            await self._lane.run(lambda c: groups.leave(c, self._member))
        self._watch.close()
