"""JSON texts as trees in which everything a client may trip over is still to be seen.

A number is `bytes`, as it was written: `1`, `1.0` and `1e2` are three. NaN and Infinity are numbers too. A name that
stands twice in an object has a `Repeated` value. All else is what `json` makes of it, so that two trees are equal
exactly if Python's `==`, which walks them in C, says so. Bounded in depth before anything is built.
"""

import json
from typing import Final

from proxy.comparison.difference import MAX_TEXT, shown
from proxy.wire.json_text import is_deep

Tree = object
"""None, bool, str, bytes (a number), Repeated, list or dict of trees."""


class Repeated(tuple[Tree, ...]):
    """The values of a name that an object has more than once."""

    __slots__ = ()


class TooDeep(ValueError):
    """More levels than anybody walks."""


def read_json(text: bytes) -> Tree:
    """Raises TooDeep, or ValueError for what is no JSON in UTF-8 (RFC 8259)."""
    if is_deep(text):
        raise TooDeep
    return _DECODER.decode(text.decode("utf-8"))


def _members(pairs: list[tuple[str, Tree]]) -> dict[str, Tree]:
    members = dict(pairs)
    if len(members) < len(pairs):
        repeats: dict[str, list[Tree]] = {}
        for name, value in pairs:
            repeats.setdefault(name, []).append(value)
        members = {name: Repeated(values) if len(values) > 1 else values[0] for name, values in repeats.items()}
    return members


# `str.encode` keeps the digits, and costs less than making numbers of them; thousands of digits are no matter then.
_DECODER: Final = json.JSONDecoder(
    parse_int=str.encode, parse_float=str.encode, parse_constant=str.encode, object_pairs_hook=_members
)


def written(tree: Tree) -> str:
    """The beginning of a tree as compact JSON, printable. Never walks more of it than it shows."""
    pieces: list[str] = []
    left = MAX_TEXT + 1

    def put(piece: str) -> None:
        nonlocal left
        pieces.append(piece)
        left -= len(piece)

    def write(tree: Tree) -> None:
        if left < 0:
            return
        match tree:
            case dict():
                put("{")
                for at, (name, value) in enumerate(tree.items()):
                    if left < 0:
                        return
                    put(("," if at else "") + _quoted(name) + ":")
                    write(value)
                put("}")
            case Repeated() | list():
                put("[" if isinstance(tree, list) else "repeated: ")
                for at, value in enumerate(tree):
                    if left < 0:
                        return
                    put("," if at else "")
                    write(value)
                put("]" if isinstance(tree, list) else "")
            case bytes():
                put(tree[: MAX_TEXT + 1].decode("ascii", "replace"))
            case str():
                put(_quoted(tree))
            case _:
                put("null" if tree is None else "true" if tree else "false")

    write(tree)
    return shown("".join(pieces))


def _quoted(text: str) -> str:
    return json.dumps(text[: MAX_TEXT + 1], ensure_ascii=False)
