"""Mirroring: which requests of a route are copied, how many copies are under way, and what memory they may take.

Copies have their own connections, time limit and breaker, none is ever waited for, and every bound has its outcome:
a full queue drops its oldest, full memory ends the pair that wanted more. Limits are for the whole server: each of N
workers has an N-th of them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Final

from proxy import clock
from proxy.config.compare import Shadow
from proxy.config.model import Snapshot
from proxy.forwarding.outcome import Outcome
from proxy.forwarding.pair import End, Pair
from proxy.observability.counters import Counters
from proxy.routing.mirror import is_mirrored
from proxy.runtime.registry import Registry
from proxy.wire.exchange import Exchange as Captured

if TYPE_CHECKING:
    from proxy.forwarding.exchange import Exchange
    from proxy.forwarding.group import UpstreamGroup
    from proxy.forwarding.plan import Plan

MAX_HELD_BYTES: Final = 16 * 1024 * 1024
"""Bodies that all pairs of a process may hold. Most pairs are short-lived; one whose client reads slowly is not."""

HandOver = Callable[[Captured, str | None], bool]
"""Takes a pair, and what became of the copy if it was not answered. False: there is no room for it now."""


@dataclass(frozen=True, slots=True)
class PairPlan:
    """What becomes a pair. `copies` are plans by role; `primary` is the role that answers."""

    primary: str
    copies: Mapping[str, Plan]
    compared: float  # of those that were copied
    max_body_bytes: int


@dataclass(frozen=True, slots=True)
class MirrorPlan(PairPlan):
    """How requests with one decision are copied."""

    mirror: Mirror
    other: UpstreamGroup  # the one that is compared with
    sample: float
    methods: frozenset[str]

    def is_left_alone(self, now: float) -> bool:
        """Whether a copy would be refused in any case. Then nothing need be kept for it."""
        breaker = self.other.breaker
        return breaker is not None and breaker.is_resting(now)


class Mirror:
    """The copies of one route in this process. Outlives snapshots."""

    def __init__(self, route: str, mirrors: Mirrors) -> None:
        self._route = route
        self._mirrors = mirrors
        self._most = self._queue = 1
        self._methods: frozenset[str] = frozenset()
        self._in_flight = 0
        self._waiting: deque[Pair] = deque()
        self.again_share = 1.0
        """Of the pairs, those whose primary is asked again, to learn what it differs in from itself."""

    def adapt(self, written: Shadow, workers: int) -> None:
        if written.methods != self._methods:
            self.retire()  # what waits might not be copied any more
        self._methods = written.methods
        self._most = ceil(written.max_in_flight / workers)
        self._queue = ceil(written.queue / workers)

    def begin(self, plan: MirrorPlan, exchange: Exchange) -> Pair | None:
        """A pair for this request, if it is to be copied."""
        if self._mirrors.hand_over is None:
            self.count(End.NOT_COMPARED)
        elif exchange.method not in plan.methods:
            self.count(End.UNSAFE_METHOD)
        elif exchange.upgrade:
            self.count(End.UPGRADE)
        elif clock.draw() >= plan.sample:
            self.count(End.NOT_SAMPLED)
        elif plan.is_left_alone(exchange.started):
            self.count(Outcome.BREAKER_OPEN)
        else:
            return Pair(self, plan, exchange)
        return None

    def offer_soon(self, pair: Pair) -> None:
        """Send copies of a request that is whole, after it has been sent itself."""
        asyncio.get_running_loop().call_soon(self._offer, pair)

    def _offer(self, pair: Pair) -> None:
        if pair.ended:
            return
        if self._in_flight < self._most:
            self._send(pair)
            return
        self._waiting.append(pair)
        if len(self._waiting) > self._queue:
            self._waiting.popleft().end(End.QUEUE_FULL)

    def _send(self, pair: Pair) -> None:
        self._in_flight += 1
        pair.send()

    def leave(self) -> None:
        """The copies of a pair are answered, or were broken off."""
        self._in_flight -= 1
        while self._waiting and self._in_flight < self._most:
            pair = self._waiting.popleft()
            if not pair.ended:
                self._in_flight += 1
                asyncio.get_running_loop().call_soon(self._resume, pair)

    def _resume(self, pair: Pair) -> None:
        if pair.ended:
            self.leave()
        else:
            pair.send()

    def retire(self) -> None:
        while self._waiting:
            self._waiting.popleft().end(End.GONE)

    def hold(self, size: int) -> bool:
        return self._mirrors.hold(size)

    def release(self, size: int) -> None:
        self._mirrors.held_bytes -= size

    def hand_over(self, pair: Captured, failure: str | None) -> bool:
        take = self._mirrors.hand_over
        return take is not None and take(pair, failure)

    def count(self, outcome: str) -> None:
        self._mirrors.counters.count_shadow(self._route, outcome)


class Mirrors:
    """All mirrored routes of a process."""

    def __init__(self, counters: Counters, workers: int) -> None:
        self.counters = counters
        self.hand_over: HandOver | None = None  # nobody takes pairs: nothing is copied
        self.held_bytes = 0
        self._workers = workers
        self._live: Registry[str, Mirror] = Registry(lambda route: Mirror(route, self), Mirror.retire)

    def take(self, snapshot: Snapshot) -> dict[str, Mirror]:
        """The mirrors of a snapshot, by route."""
        written = {route.name: route.shadow for route in snapshot.routes if route.shadow and is_mirrored(route)}
        live = self._live.reconcile(written)
        for name, shadow in written.items():
            live[name].adapt(shadow, self._workers)
        return live

    def hold(self, size: int) -> bool:
        if self.held_bytes + size > MAX_HELD_BYTES:
            return False
        self.held_bytes += size
        return True

    def ask_again(self, shares: Mapping[str, float]) -> None:
        """By route, the share of pairs whose primary is asked again from now on."""
        for route, mirror in self._live.items():
            mirror.again_share = shares.get(route, mirror.again_share)
