"""The port on a Kafka-compatible broker."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

from extracted_services.messaging.delivery import Delivering
from extracted_services.messaging.kafka import inspection
from extracted_services.messaging.kafka.connection import Address, administering
from extracted_services.messaging.kafka.publisher import Publisher
from extracted_services.messaging.kafka.subscription import Subscription
from extracted_services.messaging.kafka.topics import check_name, dead_topic
from extracted_services.messaging.ports import (
    RETRY,
    BusUnavailable,
    DeadHandler,
    DeadLetter,
    Handler,
    Message,
    Position,
    Retry,
)

CHECK_SECONDS = 3.0


class KafkaBus:
    """One producer and any number of consumers of this process; nothing is connected before it is needed."""

    def __init__(self, servers: Sequence[str], *, client: str) -> None:
        self._address = Address(tuple(servers), client)
        self._publisher = Publisher(self._address)

    async def publish(self, messages: Sequence[Message]) -> None:
        if any(not message.id for message in messages):
            raise ValueError("a message needs an id")
        await self._publisher.publish(messages)

    @contextlib.asynccontextmanager
    async def subscribe(
        self,
        topics: Sequence[str],
        group: str,
        handler: Handler,
        *,
        dead: DeadHandler | None = None,
        retry: Retry = RETRY,
    ) -> AsyncIterator[None]:
        for topic in topics:
            check_name(dead_topic(topic, group))
        delivering = Delivering(handler, dead, retry)
        subscription = Subscription(self._address, group, topics, delivering, self._publisher)
        task = asyncio.create_task(subscription.run(), name=f"subscription of {group}")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def check(self) -> None:
        try:
            async with asyncio.timeout(CHECK_SECONDS), administering(self._address) as admin:
                await admin.list_topics()
        except TimeoutError as error:
            raise BusUnavailable(f"{self._address}: no answer within {CHECK_SECONDS:g} s") from error

    async def lag(self, group: str, topics: Sequence[str]) -> int:
        return await inspection.lag(self._address, group, topics)

    async def dead_letters(self, topics: Sequence[str], limit: int) -> list[DeadLetter]:
        return await inspection.dead_letters(self._address, topics, limit)

    async def replay(self, group: str, topic: str, *, since: Position) -> int:
        return await inspection.replay(self._address, group, topic, since)

    async def close(self) -> None:
        await self._publisher.close()
