"""What a route lets through: so much of one client, and so much of what fails to the monolith.

Clients are told apart by keys, for rate limits and for consistent hashing. A key is hashed where it is kept, so that
no secret stays in memory because somebody was counted by it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b
from math import ceil
from typing import TYPE_CHECKING

from proxy.config.model import Snapshot
from proxy.config.policy import Key, KeyKind
from proxy.config.policy import RateLimit as RateLimitPolicy
from proxy.resilience.rate import RateLimit
from proxy.resilience.retry import FLOOR, Budget
from proxy.runtime.registry import Registry

if TYPE_CHECKING:
    from proxy.forwarding.origin import Origin
    from proxy.wire.head import RequestHead

KeyOf = Callable[["RequestHead", "Origin"], bytes]


def key_of(key: Key) -> KeyOf:
    """How a request's key is read. Requests without the named header or cookie share one: that of their address."""
    name = key.name or ""
    match key.kind:
        case KeyKind.IP:
            return _address
        case KeyKind.HEADER:
            return lambda head, origin: _hashed(head.values(name)) or _address(head, origin)
        case KeyKind.COOKIE:
            return lambda head, origin: _hashed(_cookies(head, name)) or _address(head, origin)


def _address(head: RequestHead, origin: Origin) -> bytes:
    return origin.client(head).encode("ascii", "replace")


def _hashed(values: Sequence[str]) -> bytes:
    return blake2b("\n".join(values).encode("latin-1", "replace"), digest_size=16).digest() if values else b""


def _cookies(head: RequestHead, name: str) -> list[str]:
    pairs = (pair.strip().partition("=") for line in head.values("cookie") for pair in line.split(";"))
    return [value for key, _, value in pairs if key == name]


class Limiter:
    """The rate limit of one route in this process: an N-th of it where N workers serve."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._key_of = key_of(Key())
        self.bucket: RateLimit[bytes] = RateLimit(1.0, 1)

    def adapt(self, written: RateLimitPolicy) -> None:
        """Take the settings of another snapshot, keep what clients have used."""
        self._key_of = key_of(written.key)
        self.bucket.reconfigure(written.rate / self._workers, max(ceil(written.burst / self._workers), 1))

    def wait(self, head: RequestHead, origin: Origin, now: float) -> float:
        """0, and the request is counted; or the seconds after which its client may come again."""
        return self.bucket.take(self._key_of(head, origin), now)


class Limiters:
    """The rate limits and fallback budgets of all routes, kept over snapshots by the name of the route."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._live: Registry[str, Limiter] = Registry(lambda _: Limiter(workers), lambda _: None)
        self._budgets: Registry[str, Budget] = Registry(lambda _: Budget(), lambda _: None)

    def take(self, snapshot: Snapshot) -> dict[str, Limiter]:
        written = {route.name: route.rate_limit for route in snapshot.routes if route.rate_limit}
        live = self._live.reconcile(written)
        for name, limit in written.items():
            live[name].adapt(limit)
        return live

    def take_budgets(self, snapshot: Snapshot) -> dict[str, Budget]:
        """Of the routes whose requests may not all fall back."""
        written = {route.name: route.fallback.budget for route in snapshot.routes if route.fallback}
        limited = {name: share for name, share in written.items() if share < 1}
        live = self._budgets.reconcile(limited)
        for name, share in limited.items():
            live[name].reconfigure(share, FLOOR / self._workers)
        return live
