"""Wakes those of this process who wait for an order. A hint only: whoever is woken looks into the database.

What another process does to the order is not heard here, so a waiter also looks by itself from time to time.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

LOOK_EVERY_SECONDS = 0.5


class Signals:
    def __init__(self) -> None:
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    def notify(self, order_id: str) -> None:
        for event in self._waiting.get(order_id, ()):
            event.set()

    @contextmanager
    def listening(self, order_id: str) -> Iterator["Ear"]:
        """Hears everything from here on, also what happens before `wait` is called."""
        event = asyncio.Event()
        self._waiting[order_id].add(event)
        try:
            yield Ear(event)
        finally:
            self._waiting[order_id].discard(event)
            if not self._waiting[order_id]:
                del self._waiting[order_id]


class Ear:
    def __init__(self, event: asyncio.Event) -> None:
        self._event = event

    async def wait(self, seconds: float) -> None:
        """Returns after a signal, or when it is time to look."""
        try:
            async with asyncio.timeout(min(seconds, LOOK_EVERY_SECONDS)):
                await self._event.wait()
        except TimeoutError:
            return
        self._event.clear()
