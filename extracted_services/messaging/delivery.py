"""What happens to one message: it is tried, waited for, and in the end handled or given up. The same on every bus.

Order is kept by waiting in place: nothing behind the message is handled before it is done.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count

from extracted_services.messaging.ports import DeadHandler, Delivery, Handler, NotNow, Poison, Retry

log = logging.getLogger(__name__)

Sleep = Callable[[float], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class GivenUp:
    """The message becomes a dead letter: `delivery.attempt` attempts were made."""

    delivery: Delivery
    reason: str


@dataclass(frozen=True, slots=True)
class Delivering:
    """Takes messages to one handler. Chance and sleep are parameters, so that tests need neither."""

    handler: Handler
    dead: DeadHandler | None = None
    retry: Retry = field(default_factory=Retry)
    sleep: Sleep = asyncio.sleep
    chance: Callable[[], float] = random.random

    async def deliver(self, delivery: Delivery) -> GivenUp | None:
        """Try until it is handled (None) or given up; in the second case the dead handler knows when this returns."""
        for attempt in range(1, self.retry.attempts + 1):
            current = replace(delivery, attempt=attempt)
            try:
                await self._when_possible(current, partial(self.handler, current))
            except Poison as poison:
                return await self._give_up(current, describe(poison))
            except Exception as error:
                log.warning("%s failed, attempt %d of %d", place(current), attempt, self.retry.attempts, exc_info=error)
                if attempt == self.retry.attempts:
                    return await self._give_up(current, describe(error))
                await self.sleep(backoff(self.retry, attempt, self.chance()))
            else:
                return None
        raise AssertionError("a Retry has at least one attempt")

    async def _give_up(self, delivery: Delivery, reason: str) -> GivenUp:
        """A dead handler that fails is tried as often as a handler; then the letter says so."""
        log.error("%s is a dead letter after %d attempts: %s", place(delivery), delivery.attempt, reason)
        if self.dead is None:
            return GivenUp(delivery, reason)
        tell = partial(self.dead, delivery, reason)
        for attempt in range(1, self.retry.attempts + 1):
            try:
                await self._when_possible(delivery, tell)
            except Exception as error:
                log.exception("The handler of dead letters failed, attempt %d", attempt)
                failure = describe(error)
                await self.sleep(backoff(self.retry, attempt, self.chance()))
            else:
                return GivenUp(delivery, reason)
        return GivenUp(delivery, f"{reason} (and the handler of dead letters failed: {failure})")

    async def _when_possible(self, delivery: Delivery, act: Callable[[], Awaitable[None]]) -> None:
        """Run `act`, again and again while it says NotNow."""
        for turn in count(1):
            try:
                await act()
            except NotNow as reason:
                if turn == 1:
                    log.warning("%s waits: %s", place(delivery), describe(reason))
                await self.sleep(backoff(self.retry, turn, self.chance()))
            else:
                if turn > 1:
                    log.info("%s goes on after %d waits", place(delivery), turn - 1)
                return


def backoff(retry: Retry, failures: int, chance: float) -> float:
    """Seconds to wait after that many failures: full jitter, `chance` in [0, 1) of an exponential, bounded ceiling.

    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    exponent = min(failures - 1, 64)  # beyond that a float overflows, and the ceiling holds anyway
    ceiling: float = min(retry.most.total_seconds(), retry.first.total_seconds() * retry.factor**exponent)
    return ceiling * chance


def describe(error: BaseException) -> str:
    """An exception in one line: what a reason says."""
    text = " ".join(str(error).split())
    return (
        text if isinstance(error, (Poison, NotNow)) and text else f"{type(error).__name__}: {text}".removesuffix(": ")
    )


def place(delivery: Delivery) -> str:
    """Where a message stands, for the log; never its value."""
    return f"{delivery.message.topic}/{delivery.partition}@{delivery.offset} ({delivery.message.id})"
