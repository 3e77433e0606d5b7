"""The pin: for a moment after a write, a user's whole group stays with the side that took it, so that it reads it.

A cookie says so, signed, because it decides a side; whoever forges one, or keeps one too long, is not heard. It names
groups, sides and times, and nothing of the user.
"""

import re
from base64 import urlsafe_b64encode
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hmac import compare_digest, digest
from math import ceil
from typing import Final

from proxy.config.model import Route, Stage
from proxy.routing.decision import Side
from proxy.routing.split import salt_of

PIN_COOKIE: Final = "strangler_pin"

MAX_PINS: Final = 8
"""Groups that one cookie may hold; a further one takes the place of that which ends first."""

MAX_COOKIE_CHARS: Final = 1024
"""Eight groups with the longest names stay below it."""

KEY_BYTES: Final = 32

_SIDES: Final = {Side.LEGACY: "l", Side.SERVICE: "s"}
_BY_LETTER: Final = {letter: side for side, letter in _SIDES.items()}
_PIN = re.compile(r"([a-z0-9._-]{1,64}):([ls]):([0-9]{1,12})")


@dataclass(frozen=True, slots=True)
class Pin:
    """A side, until a time of day in seconds since 1970."""

    side: Side
    until: int


Pins = Mapping[str, Pin]
"""By group; by the route's name, where it has none."""


def pinning(routes: Sequence[Route]) -> dict[str, float]:
    """By route, for how many seconds a write on it pins its user.

    Not after a write of a group that has nothing else at canary: wherever its reads go, they go there in any case.
    """
    at_canary: dict[str, set[str]] = defaultdict(set)
    for route in routes:
        if route.stage is Stage.CANARY:
            at_canary[salt_of(route)].add(route.name)
    pinned = (route for route in routes if at_canary[salt_of(route)] - {route.name})
    seconds = {route.name: route.moving.pin.total_seconds() for route in pinned}
    return {name: each for name, each in seconds.items() if each}


def read_pins(values: Sequence[str], key: bytes, now: float, longest: float) -> dict[str, Pin]:
    """The pins that hold, of the values of the cookie. `longest` is how far from `now` one may end, in seconds.

    One that lies further ahead was not made by this clock, and counts as over: time may have been set back.
    """
    for value in values:
        text, _, mac = value.rpartition("/")
        if len(value) <= MAX_COOKIE_CHARS and text and compare_digest(mac.encode(), _sign(text, key)):
            return {group: pin for group, pin in _parse(text) if now < pin.until <= ceil(now + longest)}
    return {}


def write_pins(pins: Pins, key: bytes) -> str:
    """The cookie's value. Of more than `MAX_PINS`, those that end last."""
    kept = sorted(pins.items(), key=lambda pair: (-pair[1].until, pair[0]))[:MAX_PINS]
    text = "/".join(f"{group}:{_SIDES[pin.side]}:{pin.until}" for group, pin in kept)
    return f"{text}/{_sign(text, key).decode()}"


def _parse(text: str) -> Iterator[tuple[str, Pin]]:
    for part in text.split("/"):
        if found := _PIN.fullmatch(part):
            group, letter, until = found.groups()
            yield group, Pin(_BY_LETTER[letter], int(until))


def _sign(text: str, key: bytes) -> bytes:
    return urlsafe_b64encode(digest(key, text.encode(), "sha256")).rstrip(b"=")
