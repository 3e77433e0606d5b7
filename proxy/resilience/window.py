"""Two counts over the last seconds, in constant time and memory: how many, and how many of them marked.

A ring of buckets: what is told covers at least the whole window and at most a tenth more. Time that goes back a little,
as that of two callers may, counts as the newest there was.
"""

from __future__ import annotations

from typing import Final

BUCKETS: Final = 10


class Window:
    """`count` and `marked` are right as of the last `add` or `move`."""

    __slots__ = ("_counts", "_ends", "_marks", "_place", "_step", "_width", "count", "marked", "seconds")

    def __init__(self, seconds: float) -> None:
        if seconds <= 0:
            raise ValueError("a window has a length")
        self.seconds = seconds
        self._width = seconds / BUCKETS
        self.clear()

    def clear(self) -> None:
        self.count = self.marked = 0
        self._counts = [0] * (BUCKETS + 1)  # the one that is being filled is no full tenth yet
        self._marks = [0] * (BUCKETS + 1)
        self._step = self._place = 0
        self._ends = float("-inf")

    def add(self, now: float, marked: bool = False, times: int = 1) -> None:
        if now >= self._ends:
            self.move(now)
        self.count += times
        self._counts[self._place] += times
        if marked:
            self.marked += times
            self._marks[self._place] += times

    def move(self, now: float) -> None:
        """Forget what is older than the window at `now`."""
        if now < self._ends:
            return
        step = int(now // self._width)
        for gone in range(max(self._step + 1, step - BUCKETS), step + 1):
            place = gone % (BUCKETS + 1)
            self.count -= self._counts[place]
            self.marked -= self._marks[place]
            self._counts[place] = self._marks[place] = 0
        self._step = max(step, self._step)
        self._place = self._step % (BUCKETS + 1)
        self._ends = (self._step + 1) * self._width
