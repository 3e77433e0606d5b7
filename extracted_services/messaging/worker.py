"""Handles one partition: fetch, deliver in order, commit. Both buses run it; each gives it a `Source`.

A position is committed only after its handler returned or its dead letter is kept. A bus that is away is waited for.
The worker ends when it is stopped or when its claim on the partition is lost.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Protocol, TypeVar

from extracted_services.messaging.delivery import Delivering, GivenUp, backoff, describe
from extracted_services.messaging.ports import Delivery, Retry

log = logging.getLogger(__name__)

Result = TypeVar("Result")

COMMIT_SECONDS = (
    0.1  # a kill repeats at most so much work; a commit for each message would cost more than most handlers
)
STOP_SECONDS = 5.0
LAST_COMMIT_SECONDS = 1.0
AWAY = Retry(most=timedelta(seconds=1))


class Lost(Exception):
    """The partition is another consumer's now, or its position was moved: nothing more may be committed."""


class Source(Protocol):
    """One claimed partition."""

    async def fetch(self) -> Sequence[Delivery]:
        """The next messages, waiting for some; may be none after a while. Raises Lost, BusUnavailable."""

    async def commit(self, next_offset: int) -> None:
        """All before `next_offset` is handled. Raises Lost, BusUnavailable."""

    async def bury(self, letter: GivenUp) -> None:
        """Keep the dead letter, durably. Raises BusUnavailable."""


class PartitionWorker:
    """A task of its own, from `start` until it `ended`."""

    def __init__(self, name: str, source: Source, delivering: Delivering) -> None:
        self._name = name
        self._source = source
        self._delivering = replace(delivering, sleep=self._sleep)
        self._stopping = asyncio.Event()
        self._handling = False
        self._handled: int | None = None  # the offset behind the last message handled and not committed
        self._committed_at = 0.0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"partition {self._name}")

    @property
    def ended(self) -> bool:
        return self._task is not None and self._task.done()

    async def stop(self, within: float = STOP_SECONDS) -> None:
        """Let the handler at work end, commit, and end. What takes longer is cancelled, and handled again elsewhere."""
        if self._task is None:
            return
        self._stopping.set()
        if self._handling:
            await asyncio.wait({self._task}, timeout=within)
        if not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                await self._handle_all(await self._patiently(self._source.fetch))
        except Lost:
            self._handled = None
            log.info("%s is no longer this consumer's", self._name)
        finally:
            with contextlib.suppress(Exception):  # then the messages come again
                async with asyncio.timeout(LAST_COMMIT_SECONDS):
                    await self._commit()

    async def _handle_all(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            await self._handle(delivery)
            self._handled = delivery.offset + 1
            if self._stopping.is_set():
                return
            if time.monotonic() - self._committed_at > COMMIT_SECONDS:
                await self._patiently(self._commit)
        await self._patiently(self._commit)

    async def _handle(self, delivery: Delivery) -> None:
        self._handling = True
        try:
            letter = await self._delivering.deliver(delivery)
            if letter is not None:
                await self._patiently(lambda: self._source.bury(letter))
        finally:
            self._handling = False

    async def _commit(self) -> None:
        if self._handled is not None:
            await self._source.commit(self._handled)
            self._handled = None
        self._committed_at = time.monotonic()

    async def _patiently(self, act: Callable[[], Awaitable[Result]]) -> Result:
        """`act`, as often as it takes; Lost goes through. The partition must not stand still for any other reason."""
        for turn in count(1):
            try:
                result = await act()
            except Lost:
                raise
            except Exception as error:
                if turn == 1:
                    log.warning("%s waits for the bus: %s", self._name, describe(error))
                    log.debug("What the bus said", exc_info=error)
                await self._sleep(backoff(AWAY, turn, self._delivering.chance()))
            else:
                if turn > 1:
                    log.info("%s goes on after %d failures of the bus", self._name, turn - 1)
                return result
        raise AssertionError("count does not end")

    async def _sleep(self, seconds: float) -> None:
        """Wait, but end the task when it is to stop: what waits holds up nobody's shutdown."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        if self._stopping.is_set():
            raise asyncio.CancelledError
