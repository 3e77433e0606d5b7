"""Which endpoints are not to be asked: judged by the tries that users' requests made, and by probes.

Passive: an endpoint that fails often in a row is ejected for a while, each time in a row for longer, but never more
than a share of all. Active: a verdict over probes. Nothing is sent here, and nothing here stops a request: when most
endpoints are bad, all are asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from proxy.resilience.endpoint import Endpoint

LONGEST_EJECTION: Final = 300.0
JITTER: Final = 0.1
"""Of an interval, to either side: probes of many upstreams do not march in step."""


@dataclass(frozen=True, slots=True)
class EjectSettings:
    """Out after so many failures in a row, for `base` seconds times the ejections in a row, at most that share."""

    after: int = 5
    base: float = 5.0
    max_share: float = 0.5

    def __post_init__(self) -> None:
        if self.after < 1 or self.base <= 0 or not 0 <= self.max_share <= 1:
            raise ValueError("after is at least 1, base a time, max_share a share")


class Ejector:
    """The passive judge of one upstream's endpoints. It keeps nothing itself: the state is the endpoints'."""

    __slots__ = ("_endpoints", "_settings")

    def __init__(self, settings: EjectSettings, endpoints: Sequence[Endpoint]) -> None:
        self._settings = settings
        self._endpoints = tuple(endpoints)

    def judge(self, endpoint: Endpoint, now: float) -> bool:
        """Whether the endpoint, which has just failed, is ejected by that."""
        if now < endpoint.out_until:
            endpoint.failures = 0  # of requests that were under way, or in a panic: when it is back it begins anew
            return False
        if endpoint.failures < self._settings.after or not self._may_eject(now):
            return False
        in_service = now - endpoint.out_until
        behaved = int(in_service / self._settings.base)  # each such time in service takes one ejection back
        endpoint.ejections = max(endpoint.ejections - behaved, 0) + 1
        endpoint.ejected_total += 1
        endpoint.failures = 0
        endpoint.out_until = now + min(self._settings.base * endpoint.ejections, LONGEST_EJECTION)
        endpoint.fresh_at = endpoint.out_until
        return True

    def _may_eject(self, now: float) -> bool:
        out = sum(now < endpoint.out_until for endpoint in self._endpoints)
        return out + 1 <= self._settings.max_share * len(self._endpoints)


class Verdict(StrEnum):
    UNKNOWN = "unknown"  # usable
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True)
class HealthSettings:
    """Seconds between probes; how many in a row turn the verdict; which statuses are a success, ends included."""

    every: float = 5.0
    rise: int = 2
    fall: int = 3
    expect: tuple[tuple[int, int], ...] = ((200, 399),)

    def __post_init__(self) -> None:
        if self.every <= 0 or self.rise < 1 or self.fall < 1:
            raise ValueError("every is a time, rise and fall are at least 1")

    def expects(self, status: int) -> bool:
        return any(first <= status <= last for first, last in self.expect)


class Probing:
    """The active judge of one endpoint. `reason` is what the last failed probe said, as long as that matters."""

    __slots__ = ("_in_a_row", "_settings", "_succeeding", "reason", "since", "verdict")

    def __init__(self, settings: HealthSettings, now: float) -> None:
        self._settings = settings
        self._in_a_row = 0
        self._succeeding = True
        self.verdict = Verdict.UNKNOWN
        self.since = now
        self.reason: str | None = None

    @property
    def usable(self) -> bool:
        return self.verdict is not Verdict.UNHEALTHY

    def reconfigure(self, settings: HealthSettings) -> None:
        """Other limits from now on; the verdict stays until probes turn it."""
        self._settings = settings

    def first_probe(self, now: float, draw: float) -> float:
        """When: spread over the whole interval."""
        return now + self._settings.every * draw

    def next_probe(self, now: float, draw: float) -> float:
        """When, after one that began at `now`."""
        return now + self._settings.every * (1 - JITTER + 2 * JITTER * draw)

    def record(self, failure: str | None, now: float) -> bool:
        """What a probe came to; None is a success. Whether that turned the verdict."""
        succeeded = failure is None
        self._in_a_row = self._in_a_row + 1 if succeeded is self._succeeding else 1
        self._succeeding = succeeded
        verdict = Verdict.HEALTHY if succeeded else Verdict.UNHEALTHY
        enough = self._settings.rise if succeeded else self._settings.fall
        turned = verdict is not self.verdict and self._in_a_row >= enough
        if turned:
            self.verdict = verdict
            self.since = now
        if not succeeded or self.usable:
            self.reason = failure
        return turned

    def describe(self, now: float) -> dict[str, object]:
        """JSON-able."""
        return {"verdict": self.verdict.value, "since_seconds": round(now - self.since, 3), "reason": self.reason}


def candidates(endpoints: Sequence[Endpoint], now: float, tried: Iterable[Endpoint] = ()) -> Sequence[Endpoint]:
    """Those that may be asked, never none where there is an endpoint.

    The usable ones; all, when fewer than half are (panic: then the judges are less to be believed than the endpoints).
    Of these the ones that were not tried yet, unless all were.
    """
    usable = [one for one in endpoints if one.healthy and now >= one.out_until]
    found = endpoints if 2 * len(usable) < len(endpoints) else usable
    if tried:
        gone = set(tried)
        return [one for one in found if one not in gone] or found
    return found
