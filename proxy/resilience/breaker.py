"""A circuit breaker: decides whether an upstream is asked at all. It never asks, waits, or looks at a clock.

It is judged by the outcomes of whole exchanges, tries and retries included, as a share of those in a sliding window:

    state        event             becomes
    closed       breach            open           the share of failures reached open_at, of at least min_requests
    open         try_again         half_open      try_again_after has passed; exactly `probes` requests are let through
    half_open    probe_failed      open
    half_open    probes_succeeded  recovering     the share admitted rises from 0 to 1, linearly, over `recovery`
    recovering   breach            open
    recovering   recovered         closed

Whoever was admitted keeps the permit, and it says which era of the breaker the outcome belongs to: the late failures of
requests that were under way when it opened do not count against an upstream that is back.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from proxy.resilience.window import Window


class State(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    RECOVERING = "recovering"


class Event(StrEnum):
    BREACH = "breach"
    TRY_AGAIN = "try_again"
    PROBE_FAILED = "probe_failed"
    PROBES_SUCCEEDED = "probes_succeeded"
    RECOVERED = "recovered"


TRANSITIONS: Final = MappingProxyType(
    {
        (State.CLOSED, Event.BREACH): State.OPEN,
        (State.OPEN, Event.TRY_AGAIN): State.HALF_OPEN,
        (State.HALF_OPEN, Event.PROBE_FAILED): State.OPEN,
        (State.HALF_OPEN, Event.PROBES_SUCCEEDED): State.RECOVERING,
        (State.RECOVERING, Event.BREACH): State.OPEN,
        (State.RECOVERING, Event.RECOVERED): State.CLOSED,
    }
)


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """Seconds, and a share from 0 (exclusive) to 1. Without `recovery` it takes as long as `try_again_after`."""

    open_at: float = 0.5
    window: float = 10.0
    min_requests: int = 20
    try_again_after: float = 5.0
    probes: int = 1
    recovery: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.open_at <= 1:
            raise ValueError("open_at is a share above 0, up to 1")
        if self.min_requests < 1 or self.probes < 1:
            raise ValueError("min_requests and probes are at least 1")
        if self.try_again_after <= 0:
            raise ValueError("try_again_after is a time")

    @property
    def recovery_seconds(self) -> float:
        return self.try_again_after if self.recovery is None else self.recovery


class Breaker:
    """`closed` and `era` are public for the common way: `if breaker.closed: permit = breaker.era`, else `admit`.

    So is `untold`: who succeeds with a permit of this era, while it is closed, may add one there instead of calling
    `record`, as long as somebody calls `tell` every second or so.

    Every permit is brought back once: by `record`, as soon as the outcome is known, or by `abandon`, when nobody will
    ever know. `opened_total` and `refused_total` only grow.
    """

    __slots__ = (
        "_passed", "_probing", "_settings", "_since", "_window",
        "closed", "era", "opened_total", "refused_total", "state", "untold",
    )  # fmt: skip

    def __init__(self, settings: BreakerSettings) -> None:
        self._settings = settings
        self._window = Window(settings.window)
        self.state = State.CLOSED
        self.closed = True
        self.era = 1
        self.untold = 0
        self.opened_total = 0
        self.refused_total = 0
        self._since = 0.0
        self._probing = 0  # permits of probes that are out
        self._passed = 0  # probes that succeeded

    def reconfigure(self, settings: BreakerSettings) -> None:
        """Other limits from now on. State and window are kept; a window of another length begins empty."""
        if settings.window != self._settings.window:
            self._window = Window(settings.window)
        self._settings = settings

    # a request's way

    def admit(self, now: float, draw: float) -> int | None:
        """A permit (never 0), or None: refused. `draw` is looked at only while recovering."""
        if self.state is State.OPEN and now - self._since >= self._settings.try_again_after:
            self._move(Event.TRY_AGAIN, now)
        if self.state is State.RECOVERING and now - self._since >= self._settings.recovery_seconds:
            self._move(Event.RECOVERED, now)
        if self.closed:
            return self.era
        if self.state is State.HALF_OPEN and self._probing + self._passed < self._settings.probes:
            self._probing += 1
            return -self.era
        if self.state is State.RECOVERING and draw < (now - self._since) / self._settings.recovery_seconds:
            return self.era
        self.refused_total += 1
        return None

    def is_resting(self, now: float) -> bool:
        """Whether nobody would be admitted: it is open, and not for long enough. Asking changes nothing."""
        return self.state is State.OPEN and now - self._since < self._settings.try_again_after

    def record(self, permit: int, failed: bool, now: float) -> None:
        """What the exchange with this permit came to."""
        if permit == self.era:
            self.tell(now)
            self._window.add(now, failed)
            if failed and self._breached():
                self._move(Event.BREACH, now)
        elif permit == -self.era and self.state is State.HALF_OPEN:
            self._probing -= 1
            self._judge_probe(failed, now)

    def tell(self, now: float) -> None:
        """Take the successes that were only counted into the window."""
        if self.untold:
            self._window.add(now, times=self.untold)
            self.untold = 0

    def abandon(self, permit: int) -> None:
        """The outcome will never be known. Of a probe that means: the next request is one in its place."""
        if permit == -self.era and self.state is State.HALF_OPEN:
            self._probing -= 1

    def retry_after(self, now: float) -> float:
        """For those refused: in how many seconds it may be worth asking again. A guess while a probe is out."""
        if self.state is State.OPEN:
            return max(self._settings.try_again_after - (now - self._since), 0.0)
        if self.state is State.RECOVERING:
            return max(self._settings.recovery_seconds - (now - self._since), 0.0)
        return 0.0 if self.closed else self._settings.try_again_after

    # how it looks

    def describe(self, now: float) -> dict[str, object]:
        """JSON-able. Its state is that of the last request: what time alone changes, the next one finds out."""
        self.tell(now)
        self._window.move(now)
        return {
            "state": self.state.value,
            "since_seconds": None if self.era == 1 else round(now - self._since, 3),
            "requests": self._window.count,
            "failures": self._window.marked,
            "retry_after_seconds": round(self.retry_after(now), 3),
            "opened_total": self.opened_total,
            "refused_total": self.refused_total,
        }

    # judging

    def _breached(self) -> bool:
        count = self._window.count
        return count >= self._settings.min_requests and self._window.marked >= self._settings.open_at * count

    def _judge_probe(self, failed: bool, now: float) -> None:
        if failed:
            self._move(Event.PROBE_FAILED, now)
            return
        self._passed += 1
        if self._passed >= self._settings.probes:
            self._move(Event.PROBES_SUCCEEDED, now)

    def _move(self, event: Event, now: float) -> None:
        self.state = TRANSITIONS[self.state, event]
        self.closed = self.state is State.CLOSED
        self._since = now
        self._probing = self._passed = 0
        if self.state is State.OPEN:
            self.era += 1
            self.opened_total += 1
        elif self.state is State.RECOVERING:
            self._window.clear()  # only now, so that while it is open the window shows why

    def __repr__(self) -> str:
        return f"<Breaker {self.state.value} {self._window.marked}/{self._window.count}>"
