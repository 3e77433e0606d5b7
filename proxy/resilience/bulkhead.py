"""A bulkhead: decides who of an upstream's requests runs, who waits, and who is turned away. It never waits itself.

A slot that becomes free passes straight to whoever has waited longest, so it is neither lost nor given twice. How long
one may wait is its owner's business: whoever has waited too long gives up.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from enum import StrEnum
from typing import Generic, TypeVar

W = TypeVar("W", bound=Hashable)


class Entry(StrEnum):
    ENTERED = "entered"  # it has a slot: `leave` when done
    QUEUED = "queued"  # it waits: `leave` or `reconfigure` names it when it has a slot, unless it gives up
    FULL = "full"  # neither


class Bulkhead(Generic[W]):
    """Waiters are opaque, hashable and each different. `in_flight` is public for the common way.

    `queued_total` and `refused_total` (there was no place in the queue) only grow.
    """

    __slots__ = ("_waiting", "in_flight", "max_in_flight", "queue", "queued_total", "refused_total")

    def __init__(self, max_in_flight: int, queue: int = 0) -> None:
        _check(max_in_flight, queue)
        self.max_in_flight = max_in_flight
        self.queue = queue
        self.in_flight = 0
        self.queued_total = 0
        self.refused_total = 0
        self._waiting: OrderedDict[W, None] = OrderedDict()  # a set in the order in which they came

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def enter(self, waiter: W) -> Entry:
        if self.in_flight < self.max_in_flight:  # then nobody waits
            self.in_flight += 1
            return Entry.ENTERED
        if len(self._waiting) < self.queue:
            self._waiting[waiter] = None
            self.queued_total += 1
            return Entry.QUEUED
        self.refused_total += 1
        return Entry.FULL

    def leave(self) -> W | None:
        """One that had a slot is done. The waiter that has it now, if any: it is the owner's to wake it."""
        if self._waiting and self.in_flight <= self.max_in_flight:
            return self._waiting.popitem(last=False)[0]
        self.in_flight -= 1
        return None

    def give_up(self, waiter: W) -> bool:
        """A waiter that waits no longer. False when it did not wait: it has a slot, or never came."""
        if waiter not in self._waiting:
            return False
        del self._waiting[waiter]
        return True

    def reconfigure(self, max_in_flight: int, queue: int = 0) -> list[W]:
        """Other limits from now on. Those who wait and have a slot by it, oldest first; nobody is sent away."""
        _check(max_in_flight, queue)
        self.max_in_flight = max_in_flight
        self.queue = queue
        woken: list[W] = []
        while self._waiting and self.in_flight < max_in_flight:
            self.in_flight += 1
            woken.append(self._waiting.popitem(last=False)[0])
        return woken

    def describe(self) -> dict[str, object]:
        """JSON-able."""
        return {
            "in_flight": self.in_flight,
            "max_in_flight": self.max_in_flight,
            "waiting": len(self._waiting),
            "queue": self.queue,
            "queued_total": self.queued_total,
            "refused_total": self.refused_total,
        }

    def __repr__(self) -> str:
        return f"<Bulkhead {self.in_flight}/{self.max_in_flight} waiting={len(self._waiting)}/{self.queue}>"


def _check(max_in_flight: int, queue: int) -> None:
    if max_in_flight < 1 or queue < 0:
        raise ValueError("a bulkhead lets at least one in, and its queue is not shorter than none")
