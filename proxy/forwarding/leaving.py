"""Tunnels and event streams of a side that their route has left: for how long they may stay, and which time is up.

Whatever is under way when the configuration changes is decided again, as a request that came now would be; nothing
is looked at on a request's way. Ordinary answers have an end of their own, and are left to it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Final

from proxy.forwarding.tries import DONE
from proxy.routing.decision import Reason, Side, decide

if TYPE_CHECKING:
    from proxy.forwarding.exchange import Exchange
    from proxy.forwarding.plan import Active

_IN_PLACE_OF_THE_SERVICE: Final = (Reason.FALLBACK, Reason.BREAKER)


class Leaving:
    """The exchanges of left sides, each with its time. Never more than were under way at the last swap."""

    def __init__(self) -> None:
        self._until: dict[Exchange, float] = {}

    def __len__(self) -> int:
        return len(self._until)

    def settle(self, under_way: Iterable[Exchange], active: Active, now: float) -> None:
        """`active` serves from now on. Who is on a left side already gets no more time than before."""
        until = now + active.snapshot.listen.stream_drain.total_seconds()
        self._until = {
            exchange: min(until, self._until.get(exchange, until))
            for exchange in under_way
            if not exchange.plan.quiet and is_left(exchange, active)
        }

    def hasten(self, routes: Collection[str], now: float) -> None:
        """The time of what these routes have left is up."""
        for exchange in self._until:
            if exchange.plan.decision.route in routes:
                self._until[exchange] = now

    def take_due(self, active: Active, now: float) -> list[Exchange]:
        """Those whose time is up, each once. Before its answer has begun nobody knows what it will be."""
        for exchange in [one for one in self._until if one.phase is DONE]:
            del self._until[exchange]
        due = [exchange for exchange, until in self._until.items() if now >= until and exchange.answered]
        for exchange in due:
            del self._until[exchange]
        return [exchange for exchange in due if is_left(exchange, active)]  # it may have fallen back since


def is_left(exchange: Exchange, active: Active) -> bool:
    """Whether requests like this one are answered by another side now. At canary both sides are right."""
    made, claim = exchange.plan.decision, active.table.match(exchange.head)
    if claim is not None and claim.split is not None:
        return False
    wish = made.side if made.reason is Reason.OVERRIDE else None
    side = decide(claim, active.snapshot.legacy, wish).side
    return side is not made.side and not (side is Side.SERVICE and made.reason in _IN_PLACE_OF_THE_SERVICE)
