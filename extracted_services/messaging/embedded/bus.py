"""The port on a SQLite file. Publishing and consuming have a lane each, so that neither waits for the other's queue."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from extracted_services.messaging.delivery import Delivering
from extracted_services.messaging.embedded import dead, groups, log
from extracted_services.messaging.embedded.file import Lane
from extracted_services.messaging.embedded.log import Retention
from extracted_services.messaging.embedded.subscription import Subscription
from extracted_services.messaging.ports import RETRY, DeadHandler, DeadLetter, Handler, Message, Position, Retry

TRIM_SECONDS = 60.0
KEPT = Retention()


class EmbeddedBus:
    """Any number of processes of one machine may open the same file, and be killed at any point.

    A full disk: `publish` raises BusUnavailable and has stored nothing, positions stay where they were; both go on
    when there is room. The file grows until retention holds it level, and keeps its size from then on.
    """

    def __init__(self, path: Path, *, retention: Retention = KEPT) -> None:
        self._path = path
        self._publishing = Lane(path, "FULL")  # an outbox row is marked published on the strength of it
        self._consuming = Lane(path, "NORMAL")  # a position lost in a power cut only repeats messages
        self._retention = retention
        self._trimmed_at = time.monotonic()

    async def publish(self, messages: Sequence[Message]) -> None:
        if any(not message.id for message in messages):
            raise ValueError("a message needs an id")
        now = time.time()
        await self._publishing.run(lambda c: log.append(c, messages, now))
        if time.monotonic() - self._trimmed_at > TRIM_SECONDS:
            self._trimmed_at = time.monotonic()
            await self.trim()

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
        subscription = Subscription(self._path, self._consuming, group, topics, Delivering(handler, dead, retry))
        task = asyncio.create_task(subscription.run(), name=f"subscription of {group}")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def check(self) -> None:
        await self._consuming.run(lambda c: c.execute("SELECT count(*) FROM partition").fetchone())

    async def lag(self, group: str, topics: Sequence[str]) -> int:
        return await self._consuming.run(lambda c: groups.lag(c, group, topics))

    async def dead_letters(self, topics: Sequence[str], limit: int) -> list[DeadLetter]:
        return await self._consuming.run(lambda c: dead.newest(c, topics, limit))

    async def replay(self, group: str, topic: str, *, since: Position) -> int:
        return await self._consuming.run(lambda c: groups.replay(c, group, topic, since))

    async def trim(self) -> None:
        """Let go what retention lets go; `publish` does it once a minute. Raises BusUnavailable."""
        now = time.time()
        await self._publishing.run(lambda c: log.trim(c, self._retention, now))
        await self._publishing.run(dead.trim_dead_letters)

    async def close(self) -> None:
        await self._publishing.close()
        await self._consuming.close()
