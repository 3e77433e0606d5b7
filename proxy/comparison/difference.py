"""What a comparison finds: a small closed set of differences, and the reasons why a pair cannot be judged.

Plain values. Texts of bodies are cut short and made printable here, so that whoever shows a difference shows no more.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MAX_TEXT: Final = 200  # characters of a side that a difference shows


class Kind(StrEnum):
    """How two answers deviate at one place."""

    VALUE = "value"  # two values of one type
    TYPE = "type"  # values of two types, or one body that cannot be read as what the other one is
    MISSING = "missing"  # there on the left alone
    EXTRA = "extra"  # there on the right alone
    ORDER = "order"  # the same elements, in another order
    LENGTH = "length"  # arrays too long to be aligned, or bytes, of two lengths
    STATUS = "status"
    HEADER = "header"
    AUTHORISATION = "authorisation"  # one side let the caller in, the other did not


class Undecided(StrEnum):
    """Why the bodies of a pair are neither equal nor different."""

    TOO_LARGE = "too_large"  # not whole, or larger than what is decoded
    TOO_DEEP = "too_deep"
    TOO_COMPLEX = "too_complex"  # more to look at than one comparison may cost
    ENCODING = "encoding"  # a content coding that is not undone here
    UNDECODABLE = "undecodable"  # damaged on both sides


@dataclass(frozen=True, slots=True)
class Difference:
    """One deviation.

    `path` is the field path: indexes and keys that are data collapsed, so that equal faults of many answers have one
    name. `place` is where it was in these two. `left` and `right` are printable, at most `MAX_TEXT` characters, and
    None where a side has nothing.
    """

    kind: Kind
    path: str
    left: str | None
    right: str | None
    place: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two answers differ in. `more` differences were found and not kept."""

    differences: tuple[Difference, ...] = ()
    undecided: Undecided | None = None
    more: int = 0

    @property
    def equal(self) -> bool:
        """Whether the two are known to be equal. One that is undecided is neither equal nor different."""
        return not self.differences and self.undecided is None


EQUAL: Final = Comparison()


def shown(text: str) -> str:
    """Printable, and cut: what a page, a terminal and a log can take."""
    cut = text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
    return cut if cut.isprintable() else "".join(map(_printable, cut))[:MAX_TEXT]


def _printable(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")


def shown_around(left: str, right: str) -> tuple[str, str]:
    """Two long texts, each from a little before the first character in which they differ."""
    if len(left) <= MAX_TEXT and len(right) <= MAX_TEXT:
        return shown(left), shown(right)
    first = next((at for at, (one, other) in enumerate(zip(left, right, strict=False)) if one != other), None)
    start = max(0, (min(len(left), len(right)) if first is None else first) - MAX_TEXT // 4)
    lead = "…" if start else ""
    return shown(lead + left[start:]), shown(lead + right[start:])
