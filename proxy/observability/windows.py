"""What the two sides of a route answered over the same last while, from cumulative counts that are read once a second.

Pure: the time of a reading is given. What is kept is bounded: of each followed route one reading a second, for as long
as its window and a moment. Counts that go back (whoever added them up began anew) make its window begin anew.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from proxy.observability.metrics import Histogram, Totals

FALLBACK: Final = "strangler_fallback_total"
STAND_INS: Final = frozenset({"fallback", "breaker"})
"""Reasons with which the monolith answers for a service that was meant to: its own answers they are not."""

Readings = Mapping[str, "Sides"]
"""By route."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What one side answered. An error is a status of 500 or above, or no answer; a client that left is none.

    `durations[i]` answers took at most `bounds[i]` seconds, and more than the bound before; the last one of
    `durations`, of which there is one more, has those that took longer than every bound.
    """

    requests: int = 0
    errors: int = 0
    bounds: tuple[float, ...] = ()
    durations: tuple[int, ...] = ()

    def since(self, before: "Answers") -> "Answers | None":
        """What came after `before`; None where it cannot come before."""
        if before.requests > self.requests or before.errors > self.errors:
            return None
        if not before.durations:
            return Answers(self.requests - before.requests, self.errors - before.errors, self.bounds, self.durations)
        if before.bounds != self.bounds:
            return None
        durations = tuple(now - then for now, then in zip(self.durations, before.durations, strict=True))
        if min(durations, default=0) < 0:
            return None
        return Answers(self.requests - before.requests, self.errors - before.errors, self.bounds, durations)

    def quantile(self, share: float) -> float | None:
        """Seconds within which that share was answered; None without an answer.

        Interpolated inside a bucket, so it may be wrong by as much as the bucket is wide: the bounds are at most 1.5
        times apart. Answers slower than the last bound count as if they took just that long.
        """
        wanted = share * sum(self.durations)
        below = 0
        for index, bound in enumerate(self.bounds):
            count = self.durations[index]
            if count and below + count >= wanted:
                start = self.bounds[index - 1] if index else 0.0
                return start + (bound - start) * (wanted - below) / count
            below += count
        return self.bounds[-1] if any(self.durations) else None


@dataclass(frozen=True, slots=True)
class Sides:
    """Both sides of a route, in the same time."""

    legacy: Answers = Answers()
    service: Answers = Answers()


@dataclass(frozen=True, slots=True)
class Seen:
    """Both sides over the last `seconds`; `whole` once that is all of the window."""

    seconds: float
    whole: bool
    sides: Sides


def read_sides(totals: Totals, routes: Iterable[str]) -> dict[str, Sides]:
    """Cumulative counts of these routes. A request that fell back is an answer of both sides: the service failed,
    unless with a status below 500, and the monolith answered, which its own errors do not count."""
    wanted = set(routes)
    counts: dict[tuple[str, str], list[int]] = {}
    for (route, side, reason, code_class), n in totals.requests.items():
        if route in wanted and reason not in STAND_INS:
            _add(counts, (route, side), n, code_class == "5xx")
    for (name, labels), value in totals.counters.items():
        if name == FALLBACK and (label := dict(labels))["route"] in wanted:
            status = label.get("status", "")
            _add(counts, (label["route"], "service"), int(value), not status.isdigit() or int(status) >= 500)
    return {route: Sides(_answers(totals, counts, route, "legacy"), _answers(totals, counts, route, "service"))
            for route in wanted}  # fmt: skip


def _add(counts: dict[tuple[str, str], list[int]], key: tuple[str, str], n: int, failed: bool) -> None:
    known = counts.setdefault(key, [0, 0])
    known[0] += n
    known[1] += n if failed else 0


def _answers(totals: Totals, counts: Mapping[tuple[str, str], list[int]], route: str, side: str) -> Answers:
    requests, errors = counts.get((route, side), (0, 0))
    histogram = totals.durations.get((route, side)) or Histogram((), [])
    rest = histogram.count - sum(histogram.counts)
    durations = (*histogram.counts, rest) if histogram.bounds else ()
    return Answers(requests, errors, histogram.bounds, durations)


class Windows:
    """The last while of each followed route."""

    SPARE: Final = 3  # readings beyond the window, for looks that come late

    def __init__(self) -> None:
        self._rings: dict[str, _Ring] = {}

    def follow(self, windows: Mapping[str, float]) -> None:
        """Keep these routes, each with its window in seconds. What is known of others is forgotten."""
        self._rings = {
            route: known if (known := self._rings.get(route)) and known.seconds == seconds else _Ring(seconds)
            for route, seconds in windows.items()
        }

    def note(self, now: float, readings: Readings) -> None:
        """What has been counted by `now`, in seconds of a clock that never goes back."""
        for route, ring in self._rings.items():
            if route in readings:
                ring.note(now, readings[route])

    def seen(self, route: str) -> Seen | None:
        """The window of a followed route, up to the latest reading; None before there are two."""
        ring = self._rings.get(route)
        return ring.seen() if ring else None


class _Ring:
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._kept: deque[tuple[float, Sides]] = deque(maxlen=int(seconds) + 1 + Windows.SPARE)

    def note(self, now: float, sides: Sides) -> None:
        if self._kept and _between(self._kept[-1][1], sides) is None:
            self._kept.clear()
        self._kept.append((now, sides))
        while len(self._kept) > 2 and self._kept[1][0] <= now - self.seconds:
            self._kept.popleft()

    def seen(self) -> Seen | None:
        if len(self._kept) < 2:
            return None
        (began, before), (now, sides) = self._kept[0], self._kept[-1]
        found = _between(before, sides)
        return Seen(now - began, now - began >= self.seconds, found) if found else None


def _between(before: Sides, after: Sides) -> Sides | None:
    legacy, service = after.legacy.since(before.legacy), after.service.since(before.service)
    return Sides(legacy, service) if legacy and service else None
