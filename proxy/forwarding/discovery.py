"""Follows a source of endpoints: asks again when an answer has run out, and keeps the last good one while it fails.

An answer is only ever replaced by another answer. Failures are said once for each reason, counted, and asked about
again at growing distances.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from proxy import clock
from proxy.config.model import Endpoint
from proxy.forwarding.prober import Events
from proxy.forwarding.sources import NotFoundError, Sleep, Source

SHORTEST_SECONDS: Final = 1.0
LONGEST_SECONDS: Final = 300.0
"""How long an answer holds, whatever its TTL: a zero must not become a flood of questions, a week no deafness."""

FIRST_RETRY_SECONDS: Final = 1.0
MAX_TOLD: Final = 20  # endpoints named in a line of the log


class Discovery:
    """Of one upstream. `publish` is called with every answer that differs from the endpoints before."""

    def __init__(
        self,
        upstream: str,
        source: Source,
        endpoints: tuple[Endpoint, ...],
        publish: Callable[[tuple[Endpoint, ...]], None],
        events: Events,
        *,
        sleep: Sleep = asyncio.sleep,
        now: Callable[[], float] = clock.monotonic,
    ) -> None:
        self._upstream = upstream
        self._source = source
        self._endpoints = endpoints
        self._publish = publish
        self._events = events
        self._sleep = sleep
        self._now = now
        self._failures_in_a_row = 0
        self._answered_at: float | None = None
        self.failure: str | None = None
        self.look_ups: Counter[str] = Counter()  # by outcome: success, failure

    async def follow(self) -> None:
        """For ever, until cancelled."""
        while True:
            await self._sleep(await self.look_up())

    async def look_up(self) -> float:
        """Ask once; the seconds until the next time."""
        try:
            found = await self._source.find()
        except NotFoundError as error:
            return self._fail(str(error))
        except Exception as error:  # our own mistake with an unforeseen answer must not end the following
            return self._fail(repr(error))
        self._take(found.endpoints)
        return min(max(found.good_for, SHORTEST_SECONDS), LONGEST_SECONDS)

    def _take(self, endpoints: tuple[Endpoint, ...]) -> None:
        self.look_ups["success"] += 1
        self._failures_in_a_row = 0
        self._answered_at = self._now()
        if self.failure is not None:
            self._events.info("discovery_recovered", upstream=self._upstream)
            self.failure = None
        if endpoints == self._endpoints:
            return
        before, now = {each.url for each in self._endpoints}, {each.url for each in endpoints}
        added, removed = sorted(now - before)[:MAX_TOLD], sorted(before - now)[:MAX_TOLD]
        self._events.info(
            "endpoints_changed", upstream=self._upstream, endpoints=len(now), added=added, removed=removed
        )
        self._endpoints = endpoints
        self._publish(endpoints)

    def _fail(self, reason: str) -> float:
        self.look_ups["failure"] += 1
        if reason != self.failure:
            kept = len(self._endpoints)
            effect = f"the last answer is kept: {kept} endpoint(s)" if kept else "none is known: requests get 503"
            self._events.warning("discovery_failed", upstream=self._upstream, reason=reason, effect=effect)
            self.failure = reason
        wait = FIRST_RETRY_SECONDS * 2.0 ** min(self._failures_in_a_row, 10)
        self._failures_in_a_row += 1
        return min(wait, self._source.slowest)

    def describe(self) -> dict[str, Any]:
        """JSON-able."""
        answered = None if self._answered_at is None else round(self._now() - self._answered_at, 3)
        return {"error": self.failure, "last_answer_seconds": answered}
