"""Sends messages: each partition's share of a call in order, as few batches, stored by all replicas in sync.

One call at a time, so that calls keep their order too. A call that fails or times out may have stored a part: whoever
publishes again writes that part twice, never in another order.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Iterator, Sequence

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    BrokerResponseError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    RequestTimedOutError,
)
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.producer.message_accumulator import BatchBuilder

from extracted_services.messaging.delivery import GivenUp
from extracted_services.messaging.kafka.connection import Address, translated
from extracted_services.messaging.kafka.records import Headers, dead_headers, message_headers
from extracted_services.messaging.kafka.topics import Topics, dead_topic
from extracted_services.messaging.ports import Message

log = logging.getLogger(__name__)

PUBLISH_SECONDS = 5.0
STOP_SECONDS = 2.0
BATCH_BYTES = 512 * 1024  # half of what a broker takes by default; the largest event fits twice
Record = tuple[bytes, bytes, Headers]
PARTITIONER = DefaultPartitioner()


class Publisher:
    """A producer that is made when it is needed, and made anew when it broke."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._topics = Topics(address)
        self._producer: AIOKafkaProducer | None = None
        self._idempotent = True
        self._turn = asyncio.Lock()

    async def publish(self, messages: Sequence[Message]) -> None:
        """See `Bus.publish`."""
        topics = dict.fromkeys(message.topic for message in messages)
        async with self._turn:
            await self._topics.ensure(topics)
            await self._send([(m.topic, (m.key.encode(), m.value, message_headers(m))) for m in messages])

    async def bury(self, letter: GivenUp, group: str) -> None:
        """Keep a dead letter in a topic of its own, of one partition: they are read in the order of their deaths."""
        message = letter.delivery.message
        topic = dead_topic(message.topic, group)
        async with self._turn:
            await self._topics.ensure([topic], partitions=1)
            await self._send([(topic, (message.key.encode(), message.value, dead_headers(letter, group)))])

    async def close(self) -> None:
        await self._drop()

    async def _send(self, records: Sequence[tuple[str, Record]]) -> None:
        with translated(self._address):
            try:
                async with asyncio.timeout(PUBLISH_SECONDS):
                    producer = await self._started()
                    shares = await by_partition(producer, records)
                    sending = [send_in_order(producer, place, share) for place, share in shares.items()]
                    outcomes = await asyncio.gather(*sending, return_exceptions=True)
                for error in filter(None, outcomes):
                    raise error
            except MessageSizeTooLargeError as error:
                raise ValueError(f"larger than the broker takes: {error}") from error
            except (KafkaTimeoutError, RequestTimedOutError, TimeoutError):
                self._topics.forget()  # a broker that lost its memory says no more than this
                raise  # the producer goes on trying what it has, in order
            except KafkaError:
                self._topics.forget()
                await self._drop()
                raise

    async def _started(self) -> AIOKafkaProducer:
        """The producer, idempotent unless the broker cannot: then a retried request may store a batch twice."""
        if self._producer is None:
            try:
                self._producer = await start(self._address, idempotent=self._idempotent)
            except BrokerResponseError as error:
                if not self._idempotent or error.retriable:
                    raise
                log.info("The broker at %s has no idempotent producer (%s): publishing without", self._address, error)
                self._idempotent = False
                self._producer = await start(self._address, idempotent=False)
        return self._producer

    async def _drop(self) -> None:
        """Stop the producer; a broker that is away is not waited for long."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with contextlib.suppress(KafkaError, OSError, TimeoutError):
                async with asyncio.timeout(STOP_SECONDS):
                    await producer.stop()


async def start(address: Address, *, idempotent: bool) -> AIOKafkaProducer:
    """A producer that is connected. Raises KafkaError."""
    producer = AIOKafkaProducer(
        acks="all", enable_idempotence=idempotent, max_batch_size=BATCH_BYTES, **address.settings()
    )
    try:
        await producer.start()
    except BaseException:
        await producer.stop()
        raise
    return producer


async def by_partition(
    producer: AIOKafkaProducer, records: Iterable[tuple[str, Record]]
) -> dict[TopicPartition, list[Record]]:
    """Records of one key under the partition that every Kafka client gives that key, in order."""
    sorted_out: dict[TopicPartition, list[Record]] = {}
    for topic, record in records:
        partitions = sorted(await producer.partitions_for(topic))
        place = TopicPartition(topic, PARTITIONER(record[0], partitions, partitions))
        sorted_out.setdefault(place, []).append(record)
    return sorted_out


async def send_in_order(producer: AIOKafkaProducer, place: TopicPartition, records: Sequence[Record]) -> None:
    """One batch after the other: the second is not sent before the first is stored."""
    for batch in batches(producer, records):
        stored = await producer.send_batch(batch, place.topic, partition=place.partition)
        stored.add_done_callback(look_at)
        await asyncio.wait([stored])  # which leaves it alone when the call has to end: the producer goes on trying
        stored.result()


def look_at(stored: asyncio.Future[object]) -> None:
    """What becomes of a batch after its call ended is nobody's error: it is published again."""
    if not stored.cancelled():
        stored.exception()


def batches(producer: AIOKafkaProducer, records: Sequence[Record]) -> Iterator[BatchBuilder]:
    """The records in as few batches as take them."""
    batch = producer.create_batch()
    for key, value, headers in records:
        if batch.append(key=key, value=value, headers=headers, timestamp=None) is None:
            yield batch
            batch = producer.create_batch()
            batch.append(key=key, value=value, headers=headers, timestamp=None)
    batch.close()
    yield batch
