"""Where in a JSON body a difference is: exactly, and as the field path under which equal faults of many answers meet.

In a field path an index is `[*]`, and a key that is data rather than a name is `.*`. Diffy's observation: such keys
stand in large objects, begin with a digit, are very long, or look like identifiers. Both forms are JSON paths (RFC
9535), so that a field path can be put into a rule as it is.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

MAX_NAMES: Final = 50  # an object of more members is a map from data to values
MAX_NAME: Final = 100  # characters

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DATA = re.compile(r"[0-9].*|[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|(?=.*[0-9])[0-9a-fA-F]{16,}", re.DOTALL)
_ESCAPES: Final = {"\\": r"\\", "'": r"\'"}


class Spot(NamedTuple):
    """One step of the way to a value, linked to the step before it; the whole body has none."""

    above: Spot | None
    key: str | int
    of_map: bool = False  # the object has so many members that their names are data


def place(spot: Spot | None) -> str:
    """`$.items[3].price`."""
    return "$" + "".join(_exact(step.key) for step in _steps(spot))


def field_path(spot: Spot | None) -> str:
    """`$.items[*].price`."""
    return "$" + "".join(_collapsed(step) for step in _steps(spot))


def _steps(spot: Spot | None) -> list[Spot]:
    steps: list[Spot] = []
    while spot is not None:
        steps.append(spot)
        spot = spot.above
    return steps[::-1]


def _exact(key: str | int) -> str:
    if isinstance(key, int):
        return f"[{key}]"
    if _PLAIN.fullmatch(key):
        return f".{key}"
    return "['" + "".join(map(_escaped, key)) + "']"


def _escaped(character: str) -> str:
    if character.isprintable():
        return _ESCAPES.get(character, character)
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2))


def _collapsed(step: Spot) -> str:
    if isinstance(step.key, int):
        return "[*]"
    if step.of_map or len(step.key) > MAX_NAME or _DATA.fullmatch(step.key):
        return ".*"
    return _exact(step.key)
