"""Keeps users on their side at canary: finds out who asks, and gives them the two cookies that say where they belong.

`strangler_id` tells users apart whom nothing else tells apart; `strangler_pin` keeps a group where a write was taken.
What a user is and which side that means is routing's to say. Nothing is kept of anybody but in their own cookies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Final, NamedTuple

from proxy import clock
from proxy.routing.decision import Decision, Reason, Side
from proxy.routing.pin import KEY_BYTES, PIN_COOKIE, Pin, read_pins, write_pins
from proxy.routing.predicate import read_cookie
from proxy.routing.split import ID_COOKIE, Split, User, choose, draw_id, read_user

if TYPE_CHECKING:
    from proxy.forwarding.exchange import Exchange
    from proxy.forwarding.origin import Origin
    from proxy.routing.claim import CompiledRoute
    from proxy.wire.head import RequestFields, RequestHead

ID_SECONDS: Final = 365 * 24 * 3600

_IN_A_LIST: Final = (Reason.ALLOW, Reason.DENY)

_read_pin: Final = read_cookie(PIN_COOKIE)


class Pinning(NamedTuple):
    """What a write on a route does: it pins this group, for so long."""

    group: str
    seconds: float


@dataclass(slots=True)
class Visit:
    """What is known of the user of one request. `bucket` is None on a route that is not at canary."""

    bucket: int | None = None
    id_line: bytes = b""  # the Set-Cookie of a user who gets an id
    pinning: Pinning | None = None  # the request is a write

    @property
    def has_lines(self) -> bool:
        """Whether the answer may get a cookie."""
        return bool(self.id_line) or self.pinning is not None


class Divided(NamedTuple):
    """A user for whom was decided, told by the very fields of a head. No pin had a say in it, nor an override."""

    fields: RequestFields
    claim: CompiledRoute
    decision: Decision
    bucket: int


class Stickiness:
    """What keeps users on their side, in one process. `key` signs pins: all workers of a server need the same one."""

    def __init__(self) -> None:
        self.key = clock.getrandbits(8 * KEY_BYTES).to_bytes(KEY_BYTES, "big")
        self.time_of_day: Callable[[], float] = lambda: clock.now().timestamp()

    def divide(
        self, claim: CompiledRoute, split: Split, head: RequestHead, origin: Origin, override: Side | None
    ) -> tuple[Decision, Visit]:
        """Decide for the user who asks. One who sends the same fields again on the same connection is known again."""
        last = origin.divided
        if last is not None and last.fields is head.fields and last.claim is claim and override is None:
            return last.decision, Visit(last.bucket)
        user = read_user(split, head, origin.client(head))
        longest = origin.active.longest_pin
        pinned = self._pinned(split.salt, head, longest) if longest else None
        decision, bucket = choose(split, claim.decisions, user, override, pinned)
        visit = Visit(bucket)
        if user.passing and _accepts_html(head) and decision.reason not in _IN_A_LIST:
            visit.id_line = _id_line(split, user, secure=origin.is_secure(head))
        elif override is None and not _read_pin(head):
            origin.divided = Divided(head.fields, claim, decision, bucket)
        return decision, visit

    def _pinned(self, group: str, head: RequestHead, longest: float) -> Side | None:
        values = _read_pin(head)
        pin = read_pins(values, self.key, self.time_of_day(), longest).get(group) if values else None
        return pin.side if pin else None

    def answer_lines(self, exchange: Exchange, visit: Visit) -> list[bytes]:
        """The Set-Cookie lines of an answer. A write that failed, or was never sent, pins nobody."""
        lines = [visit.id_line] if visit.id_line else []
        if visit.pinning is not None and exchange.answered and exchange.status < 500:
            lines.append(self._pin_line(exchange, visit.pinning))
        return lines

    def _pin_line(self, exchange: Exchange, pinning: Pinning) -> bytes:
        head, origin, now = exchange.head, exchange.origin, self.time_of_day()
        pins = read_pins(_read_pin(head), self.key, now, max(origin.active.longest_pin, pinning.seconds))
        pins[pinning.group] = Pin(exchange.plan.decision.side, ceil(now + pinning.seconds))
        lasts = ceil(max(pin.until for pin in pins.values()) - now)
        return _set_cookie(PIN_COOKIE, write_pins(pins, self.key), lasts, secure=origin.is_secure(head))


def _id_line(split: Split, user: User, *, secure: bool) -> bytes:
    drawn = draw_id(split, user, clock.getrandbits(128))
    return _set_cookie(ID_COOKIE, drawn, ID_SECONDS, secure=secure) if drawn else b""


def _set_cookie(name: str, value: str, seconds: int, *, secure: bool) -> bytes:
    """RFC 6265 section 4.1. Lax: a link from elsewhere leads a user to the side where they belong, too."""
    text = f"Set-Cookie: {name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax"
    return (text + "; Secure" if secure else text).encode("ascii")


def _accepts_html(head: RequestHead) -> bool:
    """Whether a browser asks for a page: only those keep cookies."""
    return "text/html" in ",".join(head.values("accept")).lower()
