"""Recording: which requests are listened to so that they can be written down, and what memory that may take.

As with copies, a request never waits for it and never sees it; unlike there, nothing is sent anywhere. One recording at
a time; what did not fit is counted by reason for whoever reads it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from proxy import clock
from proxy.config.model import DEFAULT_ROUTE
from proxy.forwarding.mirror import MAX_HELD_BYTES, PairPlan
from proxy.forwarding.pair import End, Pair
from proxy.wire.exchange import Exchange as Captured

if TYPE_CHECKING:
    from proxy.forwarding.exchange import Exchange

MAX_BODY_BYTES: Final = 1024 * 1024
"""Of a request or an answer: more is not masked either, and so could not be written."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be recorded: of which route (None: of all, and of what no route claims), and which share."""

    route: str | None = None
    share: float = 1.0


TakeRecorded = Callable[[Captured, Mapping[str, int]], bool]
"""Takes an exchange, and how many have been lost so far, by reason. False: there is no room for it now."""


class Recorder:
    """The recording that is under way in this process."""

    again_share = 0.0  # nobody is asked anything

    def __init__(self, wanted: Wanted, take: TakeRecorded) -> None:
        self.lost: Counter[str] = Counter()
        self._wanted = wanted
        self._take = take
        self.held_bytes = 0

    def begin(self, exchange: Exchange) -> Pair | None:
        """Something that listens to this request, if it is to be recorded."""
        plan, wanted = exchange.plan, self._wanted
        if wanted.route is not None and plan.decision.route != wanted.route:
            return None
        if exchange.upgrade or plan.group is None or clock.draw() >= wanted.share:
            return None
        return Pair(self, PairPlan(plan.decision.side.value, {}, 1.0, MAX_BODY_BYTES), exchange)

    def offer_soon(self, pair: Pair) -> None:
        """There is no copy to send."""

    def leave(self) -> None:
        """There was none."""

    def hold(self, size: int) -> bool:
        if self.held_bytes + size > MAX_HELD_BYTES:
            return False
        self.held_bytes += size
        return True

    def release(self, size: int) -> None:
        self.held_bytes -= size

    def hand_over(self, pair: Captured, _failure: str | None) -> bool:
        claimed = replace(pair, route=None) if pair.route == DEFAULT_ROUTE else pair
        return self._take(claimed, self.lost)

    def count(self, outcome: str) -> None:
        if outcome != End.ANSWERED.value:
            self.lost[outcome] += 1
