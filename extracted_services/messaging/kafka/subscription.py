"""One consumer of a Kafka group: the group gives it partitions, a worker handles each, offsets are committed by hand.

A consumer that aiokafka cannot go on with is taken down and made anew. Before partitions are given up in a rebalance,
their handlers may end and their offsets are committed; what is too late for that is refused by the group, and comes
again at whoever has the partition then.
"""

import asyncio
import contextlib
import logging
from collections.abc import Collection, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, ConsumerStoppedError, IllegalStateError
from aiokafka.structs import ConsumerRecord

from extracted_services.messaging.delivery import Delivering, GivenUp
from extracted_services.messaging.kafka.connection import Address, translated
from extracted_services.messaging.kafka.publisher import Publisher
from extracted_services.messaging.kafka.records import delivery_of
from extracted_services.messaging.kafka.topics import Topics
from extracted_services.messaging.kafka.tuning import evict_dead_leader, keep_membership, pace
from extracted_services.messaging.ports import BusUnavailable, Delivery
from extracted_services.messaging.worker import Lost, PartitionWorker

log = logging.getLogger(__name__)

GROUP_SETTINGS: dict[str, Any] = {
    "enable_auto_commit": False,
    "auto_offset_reset": "earliest",  # a new group, and one whose offsets a broker lost, begin at the oldest message
    "session_timeout_ms": 6_000,  # the least that brokers allow: a killed consumer's partitions wait so long
    "heartbeat_interval_ms": 1_000,
    "rebalance_timeout_ms": 6_000,  # for which a group may wait for a member that was killed, before it shares anew
    "request_timeout_ms": 20_000,  # longer than that: the answer to a join comes when the group has shared
    "max_poll_interval_ms": 2**31 - 1,  # a partition may wait for its handler's database as long as it takes
}
POLL_MILLISECONDS = 500
WAITING = 100  # records of a partition beyond which no more are fetched until its worker has taken them
REVOKE_SECONDS = 3.0  # well within the rebalance time-out
STOP_SECONDS = 3.0
AWAY_SECONDS = 0.5


class AssignedPartition:
    """The worker's view of one partition: records put in at one end, taken out at the other."""

    def __init__(self, consumer: AIOKafkaConsumer, place: TopicPartition, publisher: Publisher, group: str) -> None:
        self._consumer = consumer
        self._place = place
        self._publisher = publisher
        self._group = group
        self._waiting: list[ConsumerRecord] = []
        self._filled = asyncio.Event()

    def put(self, records: Sequence[ConsumerRecord]) -> None:
        self._waiting.extend(records)
        self._filled.set()
        if len(self._waiting) >= WAITING:
            self._consumer.pause(self._place)

    async def fetch(self) -> Sequence[Delivery]:
        await self._filled.wait()
        self._filled.clear()
        taken, self._waiting = self._waiting, []
        with contextlib.suppress(IllegalStateError):  # no longer assigned: the worker is about to be stopped
            self._consumer.resume(self._place)
        return [delivery_of(record) for record in taken]

    async def commit(self, next_offset: int) -> None:
        try:
            await self._consumer.commit({self._place: next_offset})
        except (CommitFailedError, IllegalStateError, ConsumerStoppedError) as error:
            raise Lost from error

    async def bury(self, letter: GivenUp) -> None:
        await self._publisher.bury(letter, self._group)


@ConsumerRebalanceListener.register
class Subscription:
    """From `run` until it is cancelled, one member of its group."""

    def __init__(
        self, address: Address, group: str, topics: Sequence[str], delivering: Delivering, publisher: Publisher
    ) -> None:
        self._address = address
        self._group = group
        self._topics = tuple(dict.fromkeys(topics))
        self._delivering = delivering
        self._publisher = publisher
        self._consumer: AIOKafkaConsumer | None = None
        self._partitions: dict[TopicPartition, tuple[AssignedPartition, PartitionWorker]] = {}

    async def run(self) -> None:
        """Be a member until cancelled."""
        away = False
        while True:
            try:
                async with self._joined() as consumer:
                    if away:
                        log.info("Group %s reads the bus again", self._group)
                    away = False
                    await self._dispatch(consumer)
            except (BusUnavailable, ConsumerStoppedError) as error:
                if not away:
                    log.warning("Group %s waits for the bus: %s", self._group, error)
                away = True
                await asyncio.sleep(AWAY_SECONDS)

    @contextlib.asynccontextmanager
    async def _joined(self) -> Any:
        """A consumer that is a member; afterwards its handlers have ended, and it has left."""
        await Topics(self._address).ensure(self._topics)
        consumer = AIOKafkaConsumer(group_id=self._group, **self._address.settings() | GROUP_SETTINGS)
        self._consumer = consumer
        try:
            with translated(self._address):
                await consumer.start()
            pace(consumer)
            keep_membership(consumer)
            evict_dead_leader(consumer, GROUP_SETTINGS["rebalance_timeout_ms"] / 2000)
            consumer.subscribe(self._topics, listener=self)  # only now does it join
            yield consumer
        finally:
            await self._stop_workers(REVOKE_SECONDS)
            with contextlib.suppress(Exception):  # a broker that is away is told nothing
                async with asyncio.timeout(STOP_SECONDS):
                    await consumer.stop()

    async def _dispatch(self, consumer: AIOKafkaConsumer) -> None:
        """Records to the workers of their partitions, for ever."""
        while True:
            with translated(self._address):
                fetched = await consumer.getmany(timeout_ms=POLL_MILLISECONDS)
            for place, records in fetched.items():
                self._partition(consumer, place).put(records)

    def _partition(self, consumer: AIOKafkaConsumer, place: TopicPartition) -> AssignedPartition:
        """Made with its first records: they may come before the group has said that the partition is assigned."""
        if place not in self._partitions:
            partition = AssignedPartition(consumer, place, self._publisher, self._group)
            worker = PartitionWorker(f"{place.topic}/{place.partition}", partition, self._delivering)
            self._partitions[place] = (partition, worker)
            worker.start()
        return self._partitions[place][0]

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """The group is about to share anew; all partitions are given back, and what was handled is committed."""
        await self._stop_workers(REVOKE_SECONDS)

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Nothing to do: workers start with their first records."""

    async def _stop_workers(self, within: float) -> None:
        workers = [worker for _, worker in self._partitions.values()]
        self._partitions.clear()
        await asyncio.gather(*(worker.stop(within) for worker in workers))
