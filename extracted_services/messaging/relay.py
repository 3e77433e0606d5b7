"""Outbox rows → bus: whatever was committed with a state change is published, in order, at least once.

One relay per outbox is active, by a lease in the outbox's database; another process takes over when it ends. A row is
marked only after the bus has it, so a crash in between publishes it again, and never loses it.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from extracted_services.messaging.delivery import backoff
from extracted_services.messaging.ports import Message, Retry

log = logging.getLogger(__name__)

LEASE_SECONDS = 5.0  # how long events wait when the active relay's process is killed
BATCH = 500
BACKOFF = Retry()


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One unpublished message; ids grow in the order in which rows of one key were written."""

    id: int
    message: Message


class OutboxStore(Protocol):
    """The outbox's database, as far as a relay needs it. Each call is one transaction of its own."""

    async def take_lease(self, holder: str, seconds: float) -> bool:
        """Take the lease, or prolong one's own, for `seconds` (0 gives it back); False while another holds it."""

    async def unpublished(self, limit: int) -> Sequence[OutboxRow]:
        """The oldest rows whose published_at is NULL, in id order; never by a high-water mark."""

    async def mark_published(self, ids: Sequence[int]) -> None:
        """Set published_at of these rows."""


class Publishing(Protocol):
    """The part of a bus that a relay needs."""

    async def publish(self, messages: Sequence[Message]) -> None:
        """See `Bus.publish`."""


@dataclass
class Relay:
    """Publishes one outbox. `run` is a task of the process; `poke` after a commit spares its rows the wait for `poll`.

    `holder` names this process in the lease, and is unique among all that share the outbox.
    """

    store: OutboxStore
    bus: Publishing
    holder: str = field(kw_only=True)
    poll: timedelta = field(default=timedelta(milliseconds=250), kw_only=True)
    clock: Callable[[], float] = field(default=time.monotonic, kw_only=True)
    chance: Callable[[], float] = field(default=random.random, kw_only=True)

    def __post_init__(self) -> None:
        self._poked = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._held_until = 0.0
        self._failures = 0

    def poke(self) -> None:
        """There is something to publish. From any thread; nothing happens when the relay does not run."""
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop was closed just now
                loop.call_soon_threadsafe(self._poked.set)

    async def run(self) -> None:
        """Publish until cancelled. Errors are waited out, and logged when they begin and when they end."""
        self._loop = asyncio.get_running_loop()
        try:
            while True:
                self._poked.clear()
                try:
                    full = await self._round()
                except Exception as error:
                    await self._failed(error)
                else:
                    self._recovered()
                    if not full:
                        await self._rest()
        finally:
            self._loop = None
            await self._release()

    async def _round(self) -> bool:
        """Publish one batch; whether there may be more at once."""
        if not await self._active():
            return False
        rows = await self.store.unpublished(BATCH)
        if not rows:
            return False
        async with asyncio.timeout(max(0.0, self._held_until - self.clock())):  # another relay may be active after that
            await self.bus.publish([row.message for row in rows])
        await self.store.mark_published([row.id for row in rows])
        return len(rows) == BATCH

    async def _active(self) -> bool:
        """Hold the lease, asking for it again when half of it has passed."""
        now = self.clock()
        if self._held_until - now > LEASE_SECONDS / 2:
            return True
        held = await self.store.take_lease(self.holder, LEASE_SECONDS)
        self._held_until = now + LEASE_SECONDS if held else 0.0
        return held

    async def _release(self) -> None:
        """Let another process take over at once; when this fails, the lease runs out by itself."""
        if self._held_until > self.clock():
            with contextlib.suppress(Exception):
                await self.store.take_lease(self.holder, 0.0)
        self._held_until = 0.0

    async def _rest(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.poll.total_seconds()):
                await self._poked.wait()

    async def _failed(self, error: Exception) -> None:
        self._failures += 1
        if self._failures == 1:
            reason = str(error) or type(error).__name__
            log.warning("The relay cannot publish; it goes on trying: %s", reason)
            log.debug("The error of the relay", exc_info=error)
        await asyncio.sleep(backoff(BACKOFF, self._failures, self.chance()))

    def _recovered(self) -> None:
        if self._failures:
            log.info("The relay publishes again, after %d failures", self._failures)
            self._failures = 0
