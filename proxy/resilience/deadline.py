"""How long something may still take: limits for the whole exchange and for one try. Plain arithmetic.

`math.inf` is no limit. A result of 0 means that the time is over; it is never negative.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, slots=True)
class Deadline:
    """`started` in monotonic seconds. `total` counts from there, tries and the pauses between them included."""

    started: float
    total: float = inf
    attempt: float = inf

    @property
    def ends(self) -> float:
        return self.started + self.total

    def for_attempt(self, now: float) -> float:
        """Seconds that a try which begins now may take until its answer begins."""
        return max(min(self.attempt, self.ends - now), 0.0)

    def fits(self, pause: float, now: float) -> bool:
        """Whether there is time for something after a pause. One longer than a whole try may take is too long."""
        return now + pause < self.ends and pause <= self.attempt
