"""Keeps a service from wearing down another one that is in trouble, and from waiting for it with all it has.

A circuit breaker leaves the other alone for a while when most requests to it fail; a bulkhead bounds how many are
under way, and how many wait for that. Both are `proxy.resilience`'s; here is what waits.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from proxy import clock
from proxy.resilience.breaker import Breaker, BreakerSettings
from proxy.resilience.bulkhead import Bulkhead, Entry


class LeftAlone(Exception):
    """The other service is not asked now; nothing was sent."""


BREAKER = BreakerSettings(try_again_after=1.0)
"""A service that was restarted is asked again soon."""


@dataclass(frozen=True, slots=True)
class Guards:
    """`max_wait` in seconds."""

    breaker: BreakerSettings = BREAKER
    max_in_flight: int = 50
    queue: int = 200
    max_wait: float = 2.0


@dataclass(slots=True)
class Passage:
    """Of one request. Whoever holds it says what came of it; unsaid, nobody knows."""

    failed: bool | None = None


class Guard:
    """The guards of one other service, for one event loop."""

    def __init__(
        self, guards: Guards, now: Callable[[], float] = clock.monotonic, draw: Callable[[], float] = clock.draw
    ) -> None:
        self._max_wait = guards.max_wait
        self._breaker = Breaker(guards.breaker)
        self._bulkhead: Bulkhead[asyncio.Future[None]] = Bulkhead(guards.max_in_flight, guards.queue)
        self._now = now
        self._draw = draw

    @asynccontextmanager
    async def passage(self) -> AsyncIterator[Passage]:
        """For the length of one request, its retries included. Raises LeftAlone."""
        permit = self._breaker.admit(self._now(), self._draw())
        if permit is None:
            raise LeftAlone("it has failed too often, and is left alone for a moment")
        passage = Passage()
        try:
            await self._enter()
            try:
                yield passage
            finally:
                self._leave()
        finally:
            if passage.failed is None:
                self._breaker.abandon(permit)
            else:
                self._breaker.record(permit, passage.failed, self._now())

    async def _enter(self) -> None:
        place = asyncio.get_running_loop().create_future()
        match self._bulkhead.enter(place):
            case Entry.ENTERED:
                return
            case Entry.FULL:
                raise LeftAlone("too many requests to it wait already")
        try:
            async with asyncio.timeout(self._max_wait):
                await place
        except TimeoutError:
            self._give_up(place)
            raise LeftAlone(f"there was no place for another request within {self._max_wait:g} s") from None
        except asyncio.CancelledError:
            self._give_up(place)
            raise

    def _give_up(self, place: asyncio.Future[None]) -> None:
        if not self._bulkhead.give_up(place):
            self._leave()  # the slot came at the same moment

    def _leave(self) -> None:
        waiter = self._bulkhead.leave()
        if waiter is not None and not waiter.done():  # one that was cancelled gives the slot back itself
            waiter.set_result(None)


DEFAULT_GUARDS = Guards()
