"""Whether, when and how often a failed try may be repeated. It repeats nothing itself; `attempts` asks it.

A request is repeated only when that cannot do its work twice, and all retries together stay a small share of the
requests: an upstream in trouble must not be given more to do by those who wait for it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from proxy.resilience.window import Window

IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
"""RFC 9110 section 9.2.2."""

MAX_BACKOFF: Final = 10
"""A pause is at most so many times the base."""

BUDGET_WINDOW: Final = 10.0

FLOOR: Final = 10.0
"""Retries a second that are always allowed."""


def may_repeat(method: str, *, sent: bool, idempotency_key: bool, body_whole: bool) -> bool:
    """Whether the same request may be sent once more.

    Unsent, any may. Else only one whose effect is the same done twice (RFC 9110 section 9.2.2, or because it carries an
    Idempotency-Key), and whose body is still there to be sent again.
    """
    return not sent or (body_whole and (idempotency_key or method in IDEMPOTENT))


def backoff(base: float, retry: int, draw: float) -> float:
    """Seconds to pause before the retry of this number (1 is the first), with full jitter.

    Uniform from 0 to base · 2^(retry-1), at most 10 · base: those that failed together do not come back together.
    """
    return draw * base * min(1 << min(retry - 1, MAX_BACKOFF), MAX_BACKOFF)


def parse_retry_after(value: str, now: datetime) -> float | None:
    """Seconds that a Retry-After field asks to wait: a number of them, or a date (RFC 9110 section 10.2.3).

    `now` is the time of day, aware. None for what is neither; a date that has passed is 0.
    """
    text = value.strip(" \t")
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)  # "-0000", or no zone: HTTP knows only GMT
    return max((date - now).total_seconds(), 0.0)


class Budget:
    """At most `share` of the requests of the last 10 s are retried, but always `floor` a second on average over them.

    The floor is for quiet hours, when a share of next to nothing is nothing; it may be spent in a burst, as an endpoint
    that dies needs it. `retries_total` and `refused_total` (wishes that were not granted) only grow. `untold` is public
    for the common way: a request may be counted there instead of by `record_request`, as long as somebody calls `tell`
    every second or so.
    """

    __slots__ = ("_floor", "_requests", "_retries", "_share", "refused_total", "retries_total", "untold")

    def __init__(self, share: float = 0.2, floor: float = FLOOR) -> None:
        self._requests = Window(BUDGET_WINDOW)
        self._retries = Window(BUDGET_WINDOW)
        self.untold = 0
        self.retries_total = 0
        self.refused_total = 0
        self.reconfigure(share, floor)

    def reconfigure(self, share: float, floor: float) -> None:
        """Another budget from now on; what was spent stays spent."""
        if share < 0 or floor < 0:
            raise ValueError("a budget is not negative")
        self._share = share
        self._floor = floor * BUDGET_WINDOW

    def record_request(self, now: float) -> None:
        """A request came; its retries are not told here."""
        self._requests.add(now)

    def tell(self, now: float) -> None:
        """Take the requests that were only counted into the window."""
        if self.untold:
            self._requests.add(now, times=self.untold)
            self.untold = 0

    def withdraw(self, now: float) -> bool:
        """Whether there may be another retry; if so, it is spent."""
        self.tell(now)
        self._requests.move(now)
        self._retries.move(now)
        if self._retries.count + 1 > max(self._share * self._requests.count, self._floor):
            self.refused_total += 1
            return False
        self._retries.add(now)
        self.retries_total += 1
        return True

    def describe(self, now: float) -> dict[str, object]:
        """JSON-able: of the last 10 s, and in total."""
        self.tell(now)
        self._requests.move(now)
        self._retries.move(now)
        return {
            "requests": self._requests.count,
            "retries": self._retries.count,
            "retries_total": self.retries_total,
            "refused_total": self.refused_total,
        }
