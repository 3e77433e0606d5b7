"""Where in a text each value is written: what an edit replaces, and nothing beside it."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Literal


@dataclass(slots=True)
class Span:
    """A value between `start` and `end`, in characters. `inner`: items, or keys and values in turn.

    `style` is the quote of a scalar (| and > among them) or empty, and "flow" for a collection in brackets. `text` is
    a scalar's before anything is made of it, and the name an alias refers to. The end of a collection that has no
    brackets lies wherever the next thing begins; `last` is where its own letters end.
    """

    kind: Literal["scalar", "sequence", "mapping", "alias"]
    start: int
    end: int
    style: str = ""
    value: str | int | float | bool | None = None
    text: str = ""
    anchor: str = ""
    inner: list["Span"] = field(default_factory=list)

    @property
    def is_flow(self) -> bool:
        return self.style == "flow"

    @property
    def last(self) -> int:
        return self.inner[-1].last if self.inner and not self.is_flow else self.end

    def entries(self) -> Iterator[tuple["Span", "Span"]]:
        """Keys and values of a mapping."""
        return zip(self.inner[::2], self.inner[1::2], strict=True)

    def get(self, part: str | int) -> "Span | None":
        """The value of a key, or an item by its index; None where there is none."""
        if self.kind == "sequence" and isinstance(part, int):
            return self.inner[part] if 0 <= part < len(self.inner) else None
        if self.kind == "mapping" and isinstance(part, str):
            return next((value for key, value in self.entries() if key.text == part), None)
        return None


Plain = str | int | float | bool | None | list["Plain"] | dict[str, "Plain"]
"""What a file says, without its layout."""


def plain(span: Span) -> Plain:
    """What is written at `span`, aliases unfolded. Raises ValueError for a key that one mapping has twice."""
    return _plain(span, {})


def _plain(span: Span, anchors: dict[str, Plain]) -> Plain:
    found: Plain = span.value
    if span.kind == "alias":
        return deepcopy(anchors[span.text])  # a copy, because an edit of one is none of the other
    if span.kind == "sequence":
        found = [_plain(item, anchors) for item in span.inner]
    elif span.kind == "mapping":
        found = {}
        for key, value in span.entries():
            if key.text in found:
                raise ValueError(f'the key "{key.text[:60]}" is repeated')
            found[key.text] = _plain(value, anchors)
    if span.anchor:
        anchors[span.anchor] = found
    return found
