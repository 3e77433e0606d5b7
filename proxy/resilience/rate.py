"""A token bucket for each key, in a table of bounded size: decides whether one more fits the rate. It never waits.

A bucket is one number, the time at which it would be full again (the generic cell rate algorithm, ITU-T I.371).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)

MAX_KEYS: Final = 10_000
"""About 2 MiB with keys of ordinary length."""

ROUNDING: Final = 0.001
"""Of a token may be missing: sums of times are not exact."""


class RateLimit(Generic[K]):
    """`rate` a second, and `burst` at once. `refused_total` and `evicted_total` only grow."""

    __slots__ = ("_burst", "_full_at", "_interval", "_max_keys", "evicted_total", "refused_total")

    def __init__(self, rate: float, burst: int, max_keys: int = MAX_KEYS) -> None:
        self._full_at: OrderedDict[K, float] = OrderedDict()  # the key not seen for longest first
        self.refused_total = 0
        self.evicted_total = 0
        self.reconfigure(rate, burst, max_keys)

    @property
    def keys(self) -> int:
        return len(self._full_at)

    def reconfigure(self, rate: float, burst: int, max_keys: int = MAX_KEYS) -> None:
        """Other limits from now on. What keys have used is kept."""
        if rate <= 0 or burst < 1 or max_keys < 1:
            raise ValueError("a rate is above 0, burst and max_keys are at least 1")
        self._interval = 1 / rate
        self._burst = burst
        self._max_keys = max_keys
        self._evict(max_keys)

    def take(self, key: K, now: float) -> float:
        """0, and a token is taken; or the seconds until there is one for this key."""
        full_at = self._full_at.get(key)
        if full_at is None:
            self._evict(self._max_keys - 1)
            full_at = now
        else:
            self._full_at.move_to_end(key)
            full_at = min(max(full_at, now), now + self._burst * self._interval)  # what an earlier limit left, too
        wait = full_at - now - (self._burst - 1) * self._interval
        if wait > self._interval * ROUNDING:
            self.refused_total += 1
            return wait
        self._full_at[key] = full_at + self._interval
        return 0.0

    def _evict(self, keep: int) -> None:
        while len(self._full_at) > keep:
            self._full_at.popitem(last=False)
            self.evicted_total += 1
