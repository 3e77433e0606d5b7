"""[IO] Asks a system what was recorded, at the pace and in the order in which it was.

A request is sent when its time has come and everything that had been answered before it in the recording is answered:
so what it needs of those answers is known by then. Nothing is ever sent whose body was withheld.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Final

from proxy.comparison.asking import NoAnswer, Side
from proxy.comparison.remap import Remap, unknown
from proxy.comparison.sources import SAFE, dressed
from proxy.wire.exchange import CapturedAnswer, CapturedRequest, Exchange, Fields
from proxy.wire.redaction import is_withheld

WINDOW: Final = 1000
"""Exchanges are recorded when they end; so many of them are held to bring them into the order of their beginning."""

GIVEN_UP_AFTER: Final = 3


@dataclass(frozen=True, slots=True)
class Pace:
    """Either `speed` times the recorded one, or so many requests `a_second`."""

    speed: float = 1.0
    a_second: float | None = None


@dataclass(slots=True)
class Replayed:
    """What came of it so far. `position` is how many exchanges from the first on are done with."""

    position: int = 0
    asked: int = 0
    same_status: int = 0
    other_status: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    unknown_secrets: int = 0
    seconds: list[float] = field(default_factory=list)
    recorded_seconds: list[float] = field(default_factory=list)

    @property
    def well(self) -> bool:
        return not self.failed and not self.other_status


class Unreachable(Exception):
    """The first requests were all in vain."""


Took = Callable[[Exchange, CapturedRequest, CapturedAnswer], None]
"""Takes a recorded exchange, what was sent for it, and what was answered."""


def in_order(exchanges: Iterable[Exchange], window: int = WINDOW) -> Iterator[Exchange]:
    """By the time at which they began."""
    numbers = count()
    waiting: list[tuple[datetime, int, Exchange]] = []
    for exchange in exchanges:
        heapq.heappush(waiting, (exchange.at, next(numbers), exchange))
        if len(waiting) > window:
            yield heapq.heappop(waiting)[2]
    while waiting:
        yield heapq.heappop(waiting)[2]


class Replay:
    """One replay of a recording to one system."""

    def __init__(
        self,
        side: Side,
        remap: Remap,
        took: Took,
        *,
        pace: Pace,
        concurrency: int,
        headers: Fields = (),
        allow_writes: bool = False,
    ) -> None:
        self.result = Replayed()
        self._side = side
        self._remap = remap
        self._took = took
        self._pace = pace
        self._concurrency = concurrency
        self._headers = headers
        self._allow_writes = allow_writes
        self._under_way: dict[asyncio.Task[None], datetime] = {}
        self._done: set[int] = set()
        self._unreachable: str | None = None

    async def run(self, exchanges: Iterable[Exchange], progress: Callable[[int], None]) -> None:
        """Replay those from `result.position` on. Raises Unreachable, and what `exchanges` raises."""
        loop = asyncio.get_running_loop()
        began, first, sent = loop.time(), None, 0
        try:
            for number, exchange in enumerate(exchanges):
                if number < self.result.position:
                    continue
                if why := self._left_out(exchange.request):
                    self.result.skipped[why] += 1
                    self._finish(number)
                    continue
                first = first or exchange.at
                await self._wait_for(began + self._due(exchange.at, first, sent), exchange.at)
                if self._unreachable:
                    raise Unreachable(self._unreachable)
                task = asyncio.create_task(self._ask(number, exchange))
                self._under_way[task] = _ended(exchange)
                sent += 1
                progress(self.result.position)
            while self._under_way:
                await self._one_more()
            if self._unreachable:
                raise Unreachable(self._unreachable)
        finally:
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)

    def _left_out(self, request: CapturedRequest) -> str | None:
        if request.method not in SAFE and not self._allow_writes:
            return "unsafe_method"
        if is_withheld(request.body):
            return "body_withheld"
        return None if request.target.startswith("/") else "no_path"

    def _due(self, at: datetime, first: datetime, sent: int) -> float:
        """Seconds from the beginning."""
        if self._pace.a_second is not None:
            return sent / self._pace.a_second
        return (at - first).total_seconds() / self._pace.speed

    async def _wait_for(self, due: float, at: datetime) -> None:
        """Until its time has come, there is a place, and all is answered that was answered before it."""
        loop = asyncio.get_running_loop()
        while len(self._under_way) >= self._concurrency or any(end <= at for end in self._under_way.values()):
            await self._one_more()
        while (left := due - loop.time()) > 0:
            if self._under_way:
                await self._one_more(left)
            else:
                await asyncio.sleep(left)

    async def _one_more(self, seconds: float | None = None) -> None:
        done, _ = await asyncio.wait(self._under_way, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            del self._under_way[task]
            task.result()

    async def _ask(self, number: int, exchange: Exchange) -> None:
        request = dressed(self._remap.request(exchange.request), self._headers)
        result, recorded = self.result, exchange.answers[exchange.primary]
        result.asked += 1
        result.unknown_secrets += unknown(request)
        try:
            answer = await self._side.ask(request)
        except NoAnswer as error:
            result.failed[error.reason] += 1
            if not result.seconds and result.failed.total() >= GIVEN_UP_AFTER:
                self._unreachable = f"{self._side.url} answers nothing: {error}"
        else:
            self._remap.learn(request, recorded, answer)
            result.seconds.append(answer.seconds)
            result.recorded_seconds.append(recorded.seconds)
            if answer.status == recorded.status:
                result.same_status += 1
            else:
                result.other_status[f"{recorded.status} → {answer.status}"] += 1
            self._took(exchange, request, answer)
        self._finish(number)

    def _finish(self, number: int) -> None:
        self._done.add(number)
        while self.result.position in self._done:
            self._done.discard(self.result.position)
            self.result.position += 1


def _ended(exchange: Exchange) -> datetime:
    return exchange.at + timedelta(seconds=exchange.answers[exchange.primary].seconds)
