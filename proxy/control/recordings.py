"""The recording of live traffic in the control process: from all workers, to one reader.

What comes is as it was on the wire, with its secrets; the reader masks it before it goes anywhere. A reader that is
too slow loses exchanges, and is told how many; nothing here waits for it, and nothing is kept once it has gone.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from typing import Final

from proxy.control.hub import Hub
from proxy.forwarding.recording import Wanted
from proxy.wire.exchange import Exchange

MAX_WAITING: Final = 1000
MAX_WAITING_BYTES: Final = 32 * 1024 * 1024
READER_SLOW: Final = "reader_slow"


class Busy(Exception):
    """A recording is under way, and there is one at a time."""


class Recording:
    """What one reader has not read yet. Not shared."""

    def __init__(self) -> None:
        self._waiting: deque[Exchange] = deque()
        self._bytes = 0
        self._slow = 0
        self._lost: dict[int, Mapping[str, int]] = {}  # by worker process
        self._came = asyncio.Event()

    def take(self, exchange: Exchange, generation: int, lost: Mapping[str, int]) -> None:
        self._lost[generation] = lost
        size = _size(exchange)
        if len(self._waiting) >= MAX_WAITING or self._bytes + size > MAX_WAITING_BYTES:
            self._slow += 1
            return
        self._waiting.append(exchange)
        self._bytes += size
        self._came.set()

    async def read(self, within_seconds: float) -> Exchange | None:
        """The next exchange; None if none has come in that time."""
        if not self._waiting:
            self._came.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(within_seconds):
                    await self._came.wait()
        if not self._waiting:
            return None
        exchange = self._waiting.popleft()
        self._bytes -= _size(exchange)
        return exchange

    def lost(self) -> dict[str, int]:
        """How many are missing so far, by reason."""
        total: Counter[str] = Counter()
        for one in self._lost.values():
            total.update(one)
        if self._slow:
            total[READER_SLOW] = self._slow
        return dict(total)


class Recordings:
    """Lets one reader at a time record."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._busy = False

    @contextlib.contextmanager
    def recording(self, wanted: Wanted) -> Iterator[Recording]:
        """Record for as long as the block lasts. Raises Busy."""
        if self._busy:
            raise Busy
        recording = Recording()
        self._busy = True
        self._hub.take_recorded = recording.take
        self._hub.settle_on_recording(wanted)
        try:
            yield recording
        finally:
            self._busy = False
            self._hub.take_recorded = lambda *_: None
            self._hub.settle_on_recording(None)


def _size(exchange: Exchange) -> int:
    return len(exchange.request.body) + sum(len(answer.body) for answer in exchange.answers.values())
