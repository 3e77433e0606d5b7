"""What is known of one endpoint, for as long as it is wanted: it outlives every reload.

Others decide by it: `health` whether it is out, `balancing` whether it is asked. It only counts and remembers.
"""

from __future__ import annotations

from typing import Final

LEAST_WEIGHT: Final = 0.1
"""A slow start begins here: with nothing at all, the first request would wait for nobody's sake."""


class Endpoint:
    """`name` is its address. The rest is public for the common way; who may change it:

    in_flight, requests_total, failures_total   `begin` and `end`
    failures                                    `end`: failed tries in a row; `health.Ejector`
    out_until, ejections, ejected_total         `health.Ejector`: out until then, times in a row, times in all
    healthy                                     `set_healthy`: the verdict of the active probes, true while unknown
    fresh_at                                    when it was first seen or last came back: its slow start begins there
    """

    __slots__ = (
        "ejected_total", "ejections", "failed_at", "failures", "failures_total", "fresh_at", "healthy", "in_flight",
        "name", "out_until", "requests_total",
    )  # fmt: skip

    def __init__(self, name: str, now: float) -> None:
        self.name = name
        self.in_flight = 0
        self.requests_total = 0
        self.failures_total = 0
        self.failures = 0
        self.failed_at: float | None = None
        self.out_until = now
        self.ejections = 0
        self.ejected_total = 0
        self.healthy = True
        self.fresh_at = now

    def begin(self) -> None:
        """A try starts here."""
        self.in_flight += 1
        self.requests_total += 1

    def end(self, failed: bool | None, now: float) -> None:
        """A try is over. None when nobody knows what it would have come to, as when its client left."""
        self.in_flight -= 1
        if failed:
            self.failures += 1
            self.failures_total += 1
            self.failed_at = now
        elif failed is not None:
            self.failures = 0

    def usable(self, now: float) -> bool:
        return self.healthy and now >= self.out_until

    def set_healthy(self, healthy: bool, now: float) -> None:
        """Take a verdict of the active probes. One that comes back starts slowly."""
        if healthy and not self.healthy:
            self.fresh_at = max(self.fresh_at, now)
        self.healthy = healthy

    def weight(self, now: float, slow_start: float) -> float:
        """Its share of what it would get otherwise: rises linearly to 1 over `slow_start` seconds."""
        age = now - self.fresh_at
        return 1.0 if age >= slow_start else max(age / slow_start, LEAST_WEIGHT)

    def describe(self, now: float) -> dict[str, object]:
        """JSON-able."""
        return {
            "endpoint": self.name,
            "usable": self.usable(now),
            "healthy": self.healthy,
            "ejected_for_seconds": round(max(self.out_until - now, 0.0), 3),
            "ejected_total": self.ejected_total,
            "in_flight": self.in_flight,
            "failures_in_a_row": self.failures,
            "last_failure_seconds": None if self.failed_at is None else round(now - self.failed_at, 3),
            "requests_total": self.requests_total,
            "failures_total": self.failures_total,
        }

    def __repr__(self) -> str:
        return f"<Endpoint {self.name} in_flight={self.in_flight} failures={self.failures} healthy={self.healthy}>"
