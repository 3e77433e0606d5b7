"""A handler that remembers what it was given, and waits for it."""

import asyncio
from collections.abc import Callable
from itertools import count

from extracted_services.messaging.ports import Delivery, Message

_numbers = count()


class Recorder:
    """Handles everything; `fail` may raise for a delivery, before it is remembered as handled."""

    def __init__(self, fail: Callable[[Delivery], None] = lambda _: None, *, within: float = 60.0) -> None:
        self.seen: list[Delivery] = []
        self.handled: list[Delivery] = []
        self.dead: list[tuple[Delivery, str]] = []
        self._fail = fail
        self._within = within
        self._changed = asyncio.Condition()

    async def __call__(self, delivery: Delivery) -> None:
        async with self._changed:
            self.seen.append(delivery)
            self._changed.notify_all()
        self._fail(delivery)
        async with self._changed:
            self.handled.append(delivery)
            self._changed.notify_all()

    async def bury(self, delivery: Delivery, reason: str) -> None:
        async with self._changed:
            self.dead.append((delivery, reason))
            self._changed.notify_all()

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait for it; an AssertionError that says what came instead."""
        try:
            async with asyncio.timeout(self._within), self._changed:
                await self._changed.wait_for(true)
        except TimeoutError:
            raise AssertionError(f"after {self._within} s: {len(self.handled)} handled, dead: {self.dead}") from None

    async def until_handled(self, number: int) -> None:
        await self.until(lambda: len(self.handled) >= number)

    def ids(self) -> list[str]:
        return [delivery.message.id for delivery in self.handled]

    def ids_of(self, key: str) -> list[str]:
        return [delivery.message.id for delivery in self.handled if delivery.message.key == key]


def messages(topic: str, *keys: str, value: bytes = b"{}") -> list[Message]:
    """One message for each key named, with ids that no other message has."""
    return [Message(topic, key, value, f"{next(_numbers)}-{key}") for key in keys]
