"""Which endpoint a try goes to. It asks `health.candidates` who may be asked, and never goes past it.

All three ways have one shape: made for the endpoints of a snapshot, `choose` for each try. An endpoint that is new or
came back gets its share of requests little by little, where there is a slow start.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Collection, Sequence
from hashlib import blake2b
from typing import Final, Protocol

from proxy.resilience.endpoint import Endpoint
from proxy.resilience.health import candidates

Draw = Callable[[], float]
"""Uniform in [0, 1), another each time."""

POINTS_PER_DIGEST: Final = 8
DIGESTS: Final = 20
"""160 points of the ring for each endpoint: their shares differ by about 8 % (1/√160)."""


class Balancer(Protocol):
    def choose(self, now: float, key: bytes = b"", tried: Collection[Endpoint] = ()) -> Endpoint | None:
        """The endpoint to ask; None where there is none at all. Only a consistent hash looks at the key."""
        ...


class LeastRequests:
    """Of two random ones, that with fewer requests in flight (Mitzenmacher, The Power of Two Choices, 2001)."""

    def __init__(self, endpoints: Sequence[Endpoint], draw: Draw, slow_start: float = 0.0) -> None:
        self._endpoints = tuple(endpoints)
        self._draw = draw
        self._slow_start = slow_start

    def choose(self, now: float, key: bytes = b"", tried: Collection[Endpoint] = ()) -> Endpoint | None:
        found: Sequence[Endpoint] = self._endpoints
        if not found:
            return None
        one, other = self._two(found)  # the common way: two of all, without asking who may be asked
        if tried or not (one.healthy and other.healthy and now >= one.out_until and now >= other.out_until):
            one, other = self._two(candidates(found, now, tried))
        if self._slow_start:
            one_yields = _yields(one, now, self._slow_start, self._draw)
            if one_yields != _yields(other, now, self._slow_start, self._draw):
                return other if one_yields else one
        return other if other.in_flight < one.in_flight else one

    def _two(self, found: Sequence[Endpoint]) -> tuple[Endpoint, Endpoint]:
        """Different ones, where there are two."""
        count = len(found)
        if count == 1:
            return found[0], found[0]
        first = int(self._draw() * count)
        second = first + 1 + (int(self._draw() * (count - 1)) if count > 2 else 0)
        return found[first], found[second if second < count else second - count]


class RoundRobin:
    """One after the other, from a random start, so that many workers do not all begin with the same."""

    def __init__(self, endpoints: Sequence[Endpoint], draw: Draw, slow_start: float = 0.0) -> None:
        self._endpoints = tuple(endpoints)
        self._draw = draw
        self._slow_start = slow_start
        self._next = int(draw() * len(self._endpoints))

    def choose(self, now: float, key: bytes = b"", tried: Collection[Endpoint] = ()) -> Endpoint | None:
        found = candidates(self._endpoints, now, tried)
        if not found:
            return None
        allowed = set(found)
        passed_over: Endpoint | None = None
        for _ in self._endpoints:
            endpoint = self._endpoints[self._next]
            self._next = (self._next + 1) % len(self._endpoints)
            if endpoint not in allowed:
                continue
            if not self._slow_start or not _yields(endpoint, now, self._slow_start, self._draw):
                return endpoint
            passed_over = passed_over or endpoint
        return passed_over


class ConsistentHash:
    """The same endpoint for the same key (Karger et al., 1997): the next on a ring of hashes that may be asked.

    The ring is that of all endpoints: one that is out gives its keys to its neighbours, and gets back the same ones.
    """

    def __init__(self, endpoints: Sequence[Endpoint], slow_start: float = 0.0) -> None:
        self._endpoints = tuple(endpoints)
        self._slow_start = slow_start
        ring = sorted(
            ((point, endpoint) for endpoint in endpoints for point in _points(endpoint.name)),
            key=lambda place: (place[0], place[1].name),
        )
        self._points = [point for point, _ in ring]
        self._owners = [owner for _, owner in ring]

    def choose(self, now: float, key: bytes = b"", tried: Collection[Endpoint] = ()) -> Endpoint | None:
        found = candidates(self._endpoints, now, tried)
        if len(found) < 2:
            return found[0] if found else None
        allowed = set(found)
        digest = blake2b(key, digest_size=16).digest()
        at = bisect(self._points, int.from_bytes(digest[:8], "big"))
        share = int.from_bytes(digest[8:], "big") / 2**64  # the key's own: it moves to a fresh endpoint once
        passed_over: Endpoint | None = None
        for step in range(len(self._owners)):
            endpoint = self._owners[(at + step) % len(self._owners)]
            if endpoint not in allowed:
                continue
            if not self._slow_start or share < endpoint.weight(now, self._slow_start):
                return endpoint
            passed_over = passed_over or endpoint
            allowed.discard(endpoint)
            if not allowed:
                break
        return passed_over


def _yields(endpoint: Endpoint, now: float, slow_start: float, draw: Draw) -> bool:
    """Whether a fresh endpoint lets this one request go to another."""
    weight = endpoint.weight(now, slow_start)
    return weight < 1 and draw() >= weight


def _points(name: str) -> list[int]:
    """The endpoint's places on the ring, the same in every process."""
    digests = b"".join(blake2b(f"{name}#{number}".encode(), digest_size=64).digest() for number in range(DIGESTS))
    return [int.from_bytes(digests[at : at + 8], "big") for at in range(0, DIGESTS * POINTS_PER_DIGEST * 8, 8)]
