"""Writes that wait while their writing moves from one side to the other: which, how many, and how long.

Of a held request only the head was read: no body, no 100 Continue, and nothing was sent anywhere. It is let go, and
then decided as if it had just come, or it is refused, and then it was never forwarded. That no two sides write does not
rest on this, but on the databases: holding only hides the pause.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from math import ceil
from typing import Any, Protocol

from proxy.forwarding.outcome import Outcome
from proxy.wire.head import SAFE


@dataclass(frozen=True, slots=True)
class Hold:
    """What the control process wants held: writes of these routes, each for `timeout` seconds at most.

    `queue` is for all workers together; at 0 all are refused at once. `until` is on the monotonic clock, which the
    processes of a machine share: who has heard nothing by then holds no more.
    """

    id: str
    routes: tuple[str, ...]
    timeout: float
    queue: int
    until: float

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def hold_from(written: Mapping[str, Any]) -> Hold:
    """Raises KeyError, TypeError or ValueError for what is none."""
    return Hold(
        str(written["id"]),
        tuple(map(str, written["routes"])),
        float(written["timeout"]),
        int(written["queue"]),
        float(written["until"]),
    )


class Left(StrEnum):
    """How a request left the line: the label of `strangler_held_total`."""

    RELEASED = "released"  # and was decided anew
    EXPIRED = "expired"  # 503
    FULL = "full"  # 503, it never waited
    CLIENT_GONE = "client_gone"


class Waiting(Protocol):
    """A client's connection whose request is held."""

    def let_go(self) -> None:
        """Start the request as if it had just come."""
        ...

    def refuse_held(self, outcome: Outcome) -> None:
        """Answer it here; nothing of it is ever forwarded."""
        ...

    def drop_if_gone(self) -> bool:
        """Whether the client has left; its connection is then ended."""
        ...


@dataclass(slots=True, eq=False)
class Line:
    """Those who wait for the end of one hold, the first who came first. `longest` is in seconds."""

    hold: Hold
    most: int
    since: dict[Waiting, float] = field(default_factory=dict)
    left: Counter[Left] = field(default_factory=Counter)
    longest: float = 0.0

    def describe(self) -> dict[str, Any]:
        counted = {each.value: self.left[each] for each in Left}
        return {"waiting": len(self.since), "longest": round(self.longest, 4), **counted}


class Holding:
    """All that is held in this process; an N-th of each queue, where N workers serve."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._lines: dict[str, Line] = {}
        self.left: Counter[Left] = Counter()
        self.seconds = 0.0  # that all who waited have waited

    def __bool__(self) -> bool:
        return bool(self._lines)

    @property
    def waiting(self) -> int:
        return sum(len(line.since) for line in self._lines.values())

    def settle(self, holds: Sequence[Hold], now: float) -> dict[str, dict[str, Any]]:
        """Hold just these from now on, and let go who waits for others. What became of all of them, by hold."""
        wanted = {hold.id: hold for hold in holds}
        ended = [self._lines.pop(name) for name in [*self._lines] if name not in wanted]
        for line in ended:
            self._let_go(line, now)
        for hold in holds:
            line = self._lines.setdefault(hold.id, Line(hold, 0))
            line.hold, line.most = hold, ceil(hold.queue / self._workers)
        return {line.hold.id: line.describe() for line in (*ended, *self._lines.values())}

    def find(self, route: str, now: float) -> Line | None:
        """The line in which a write of this route has to wait."""
        for line in self._lines.values():
            if route in line.hold.routes and now < line.hold.until:
                return line
        return None

    def join(self, line: Line, client: Waiting, now: float) -> bool:
        """Whether there is room; the client then hears when its request may go on."""
        if len(line.since) >= line.most:
            self._count(line, Left.FULL)
            return False
        line.since[client] = now
        return True

    def leave(self, client: Waiting, now: float) -> None:
        """The client is gone."""
        for line in self._lines.values():
            if client in line.since:
                self._end(line, client, Left.CLIENT_GONE, now)

    def look(self, now: float) -> None:
        """Look who has left, who has waited too long, and which holds nobody renews."""
        for line in list(self._lines.values()):
            for client, since in list(line.since.items()):
                if client.drop_if_gone():
                    self._end(line, client, Left.CLIENT_GONE, now)
                elif now - since >= line.hold.timeout:
                    self._end(line, client, Left.EXPIRED, now)
                    client.refuse_held(Outcome.HOLD_EXPIRED)
            if not line.since and now >= line.hold.until:
                del self._lines[line.hold.id]

    def routes(self) -> frozenset[str]:
        return frozenset(route for line in self._lines.values() for route in line.hold.routes)

    def export(self) -> Iterator[list[Any]]:
        """Counters, as a worker's batch has them."""
        for outcome in Left:
            if self.left[outcome]:
                yield ["strangler_held_total", {"outcome": outcome.value}, self.left[outcome]]
        if self.seconds:
            yield ["strangler_held_seconds_total", {}, round(self.seconds, 4)]

    def _let_go(self, line: Line, now: float) -> None:
        for client in list(line.since):
            self._end(line, client, Left.RELEASED, now)
            # Each in a turn of its own: what fails for one must not keep the others.
            asyncio.get_running_loop().call_soon(client.let_go)

    def _end(self, line: Line, client: Waiting, how: Left, now: float) -> None:
        waited = now - line.since.pop(client)
        line.longest = max(line.longest, waited)
        self.seconds += waited
        self._count(line, how)

    def _count(self, line: Line, how: Left) -> None:
        line.left[how] += 1
        self.left[how] += 1


def count_writes(under_way: Collection[tuple[str, str]], routes: frozenset[str]) -> int:
    """Of requests, each a route and a method: how many write on one of these routes."""
    return sum(route in routes and method not in SAFE for route, method in under_way)
