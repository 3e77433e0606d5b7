"""Edits of a routes.yaml that change what they must and nothing else: comments, quotes and layout stay.

An edit replaces or inserts text at one place. Then the result is read again: unless it says exactly what the text said
before, with the one change, the edit is refused. It never writes anywhere; `edit_file` does.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from proxy.config.document import parse, read_spans
from proxy.config.errors import ConfigError, did_you_mean
from proxy.config.nodes import Location
from proxy.config.render import literally, render
from proxy.config.spans import Plain, Span, plain
from proxy.config.substitution import Substitution

_PROPERTIES = re.compile(r"(?:[&!][^\s]*\s+)*")
_BREAK = re.compile(r"\r\n|\r|\n")
BYTE_ORDER_MARK = "\ufeff"
FILE = "routes.yaml"  # in messages; a caller who knows the name has checked the file before

Single = str | int | float | bool


class EditRefused(ValueError):
    """Why a text was not edited; it is left to a person, with `hint` for what to write."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(f"{message} (hint: {hint})" if hint else message)
        self.message = message
        self.hint = hint


def route_location(text: str, name: str) -> Location:
    """Where the route `name` stands. Raises EditRefused when there is none, ConfigError for what is no YAML."""
    return route_locations(text, [name])[0]


def route_locations(text: str, names: Iterable[str]) -> list[Location]:
    """Where each of the routes stands. Raises as `route_location`."""
    routes = _routes(text.removeprefix(BYTE_ORDER_MARK))
    return [("routes", _index_of(name, list(routes))) for name in names]


def route_texts(text: str) -> dict[str, str]:
    """By name, what stands in the file of each route, from its first letter to its last. Raises ConfigError."""
    body = text.removeprefix(BYTE_ORDER_MARK)
    return {name: body[span.start : span.last] for name, span in _routes(body).items()}


def _routes(body: str) -> dict[str, Span]:
    """By name, in the order of the file; one without a name has its number."""
    _, root = _read(body)
    routes = root.get("routes")
    names = [(item.get("name"), item) for item in routes.inner] if routes else []
    return {str(name.value) if name else f"{number}": item for number, (name, item) in enumerate(names)}


def _index_of(name: str, names: list[str]) -> int:
    if name in names:
        return names.index(name)
    raise EditRefused(f'no route is named "{name}"', did_you_mean(name, names))


def set_scalar(text: str, location: Location, value: Single) -> str:
    """`text` with `value` at `location`; keys that are missing on the way there are added, in one line."""
    return set_scalars(text, [(location, value)])


def set_scalars(text: str, values: Sequence[tuple[Location, Single]]) -> str:
    """Several values at once, for the price of one. No two of them may be missing the same key."""

    def edit(body: str, root: Span) -> list[Patch]:
        return [_set(body, root, location, literally(value)) for location, value in values]

    def change(tree: Plain) -> None:
        for location, value in values:
            _put(tree, location, literally(value))

    return _checked(text, edit, change)


def add_key(text: str, location: Location, key: str, value: Plain) -> str:
    """`text` with a new key in the mapping at `location`. Raises EditRefused when it has that key."""

    def edit(body: str, root: Span) -> list[Patch]:
        return [_add_key(body, _parent(root, (*location, key)), key, literally(value))]

    return _checked(text, edit, lambda tree: _put(tree, (*location, key), literally(value)))


def append_item(text: str, location: Location, item: Plain) -> str:
    """`text` with `item` at the end of the list at `location`; what is missing on the way there is written too."""
    item = literally(item)

    def edit(body: str, root: Span) -> list[Patch]:
        there = _find(root, location)
        if there is not None and there.kind == "sequence":
            return [_append(body, there, item)]
        if there is not None and not _is_nothing(there):
            raise EditRefused(f"{_name(location)} is no list", "write it as one")
        return [_add_missing(body, root, location, [item])]

    return _checked(text, edit, lambda tree: _put(tree, location, [*_items(tree, location), item]))


class Patch(NamedTuple):
    """What stands between two places of a text is replaced."""

    start: int
    end: int
    written: str


def _checked(text: str, edit: Callable[[str, Span], list[Patch]], change: Callable[[Plain], None]) -> str:
    """The edited text, once it says what the text before said with `change` made to it."""
    mark = BYTE_ORDER_MARK if text.startswith(BYTE_ORDER_MARK) else ""
    body = text.removeprefix(mark)
    expected, root = _read(body)
    change(expected)
    edited = body
    for patch in sorted(edit(body, root), reverse=True):  # from the end, so that places before stay where they are
        edited = edited[: patch.start] + patch.written + edited[patch.end :]
    try:
        found, _ = _read(edited)
    except (ConfigError, EditRefused):
        found = None
    if not _same(found, expected):
        raise EditRefused("this text cannot be edited without changing something else in it", "edit it by hand")
    return mark + edited


def _read(body: str) -> tuple[Plain, Span]:
    """What a text says, and where. Raises ConfigError, EditRefused for one that says a thing twice."""
    parse(body, FILE, Substitution({}, lambda path: path))  # for its limits: whether references resolve is not asked
    root = read_spans(body, FILE)
    try:
        return plain(root), root
    except ValueError as error:
        raise EditRefused(str(error)) from None


def _set(body: str, root: Span, location: Location, value: Plain) -> Patch:
    old = _find(root, location)
    return _add_missing(body, root, location, value) if old is None else _replace(body, old, value)


def _add_missing(body: str, root: Span, location: Location, value: Plain) -> Patch:
    """`value`, with what is missing on the way to it, in one line."""
    known, missing = _deepest(root, location)
    holder = _find(root, known)
    if holder is not None and _is_nothing(holder):
        return _insert(holder.end, f" {render(_nested(missing, value))}")
    key = str(missing[0])
    return _add_key(body, _parent(root, (*known, key)), key, _nested(missing[1:], value))


def _replace(body: str, old: Span, value: Plain) -> Patch:
    """A scalar's letters, in the quotes it had."""
    if old.kind in ("sequence", "mapping"):
        raise EditRefused("what stands there is no single value")
    if old.kind == "scalar" and ("${" in old.text or "\n" in body[old.start : old.end]):
        raise EditRefused("what stands there comes from outside the file, or takes several lines", "edit it by hand")
    if old.start == old.end:
        return _insert(old.end, f" {render(value)}")
    properties = _PROPERTIES.match(body, old.start, old.end)
    start = properties.end() if properties else old.start
    return Patch(start, old.end, render(value, old.style if old.style in ("'", '"') else ""))


def _add_key(body: str, mapping: Span, key: str, value: Plain) -> Patch:
    if mapping.get(key) is not None:
        raise EditRefused(f'"{key}" is there already')
    pair = f"{render(key)}: {render(value)}"
    if mapping.is_flow:
        return _into_brackets(mapping, pair)
    return _new_line(body, mapping.last, _column(body, mapping.inner[0].start), pair)


def _append(body: str, sequence: Span, item: Plain) -> Patch:
    if sequence.is_flow:
        return _into_brackets(sequence, render(item))
    dash = body.rfind("-", 0, sequence.inner[0].start)
    return _new_line(body, sequence.last, _column(body, dash), f"- {render(item)}")


def _into_brackets(collection: Span, written: str) -> Patch:
    if collection.inner:
        return _insert(collection.inner[-1].last, f", {written}")
    is_list = collection.kind == "sequence"
    return Patch(collection.start, collection.end, f"[{written}]" if is_list else f"{{ {written} }}")


def _new_line(body: str, end: int, column: int, written: str) -> Patch:
    """A line behind the one that `end` is on, and what else is on that line."""
    if end and body[end - 1] in "\r\n":  # behind a text of several lines
        return _insert(end, " " * column + written + _line_break(body, 0))
    found = _BREAK.search(body, end)
    return _insert(found.start() if found else len(body), _line_break(body, end) + " " * column + written)


def _line_break(body: str, near: int) -> str:
    found = _BREAK.search(body, near) or _BREAK.search(body)
    return found[0] if found else "\n"


def _insert(at: int, written: str) -> Patch:
    return Patch(at, at, written)


def _column(body: str, at: int) -> int:
    return at - max(body.rfind("\n", 0, at), body.rfind("\r", 0, at)) - 1


def _find(root: Span, location: Location) -> Span | None:
    span: Span | None = root
    for part in location:
        span = span.get(part) if span else None
    return span


def _parent(root: Span, location: Location) -> Span:
    """The mapping in which the last key of `location` stands, or is to stand."""
    parent = _find(root, location[:-1])
    if parent is None or parent.kind != "mapping" or not (parent.inner or parent.is_flow):
        raise EditRefused(f"{_name(location[:-1])} is no mapping")
    return parent


def _deepest(root: Span, location: Location) -> tuple[Location, Location]:
    """`location`, divided behind what is there."""
    known = next(n for n in range(len(location), -1, -1) if _find(root, location[:n]) is not None)
    return location[:known], location[known:]


def _nested(keys: Location, value: Plain) -> Plain:
    for key in reversed(keys):
        value = {str(key): value}
    return value


def _is_nothing(span: Span) -> bool:
    return span.kind == "scalar" and span.start == span.end


def _name(location: Location) -> str:
    return ".".join(map(str, location)) or "the file"


def _items(tree: Plain, location: Location) -> list[Plain]:
    for depth in range(len(location)):
        tree = _inner(tree, location, depth)
    return tree if isinstance(tree, list) else []


def _inner(tree: Plain, location: Location, depth: int) -> Plain:
    """What a part of `location` leads to; nothing, for a key that is not there yet."""
    part = location[depth]
    if isinstance(part, str) and (tree is None or isinstance(tree, dict)):
        return tree.get(part) if tree else None
    if isinstance(part, int) and isinstance(tree, list) and 0 <= part < len(tree):
        return tree[part]
    where = _name(location[:depth])
    raise EditRefused(f"{where} is no mapping" if isinstance(part, str) else f"{where} has no item {part}")


def _put(tree: Plain, location: Location, value: Plain) -> None:
    """Changes `tree`: `value` at `location`, with the mappings on the way there."""
    for depth, part in enumerate(location):
        found = _inner(tree, location, depth)
        is_last = depth == len(location) - 1
        if is_last or found is None:
            found = value if is_last else {}
            if isinstance(tree, dict):
                tree[str(part)] = found
            elif isinstance(tree, list) and isinstance(part, int):
                tree[part] = found
        tree = found


def _same(left: Plain, right: Plain) -> bool:
    """Whether both say the same: 1, 1.0 and true are three things, and the order of keys counts."""
    return repr(left) == repr(right)
