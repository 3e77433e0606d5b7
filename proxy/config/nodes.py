"""The tree of a parsed file: every node knows its line and column, so that every problem can name them."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from proxy.config.errors import Problem
from proxy.config.place import Place


@dataclass(frozen=True, slots=True)
class Scalar:
    """A leaf. `written` is the text of the file where the value came, in whole or part, from outside it."""

    place: Place
    value: str | int | float | bool | None
    written: str | None = None


@dataclass(frozen=True, slots=True)
class Sequence:
    place: Place
    items: list["Node"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Mapping:
    """`keys` has each key's place, `entries` its value."""

    place: Place
    keys: dict[str, Place] = field(default_factory=dict)
    entries: dict[str, "Node"] = field(default_factory=dict)


Node = Scalar | Sequence | Mapping
Location = tuple[str | int, ...]
"""The way from the root to a node: keys and indices."""


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file. `problems` are those found on the way that leave the tree usable."""

    file: str
    root: Node
    problems: tuple[Problem, ...]

    def node(self, location: Location) -> Node:
        """The node at `location`, or the last one on the way there that exists (a short form has no inner nodes)."""
        node = self.root
        for part in location:
            if isinstance(node, Mapping) and isinstance(part, str) and part in node.entries:
                node = node.entries[part]
            elif isinstance(node, Sequence) and isinstance(part, int) and part < len(node.items):
                node = node.items[part]
            elif isinstance(part, str) or isinstance(node, Sequence):
                break  # an index where there is no list is passed over: one value alone is a list of one
        return node

    def place(self, location: Location) -> Place:
        return self.node(location).place

    def key_place(self, location: Location) -> Place:
        """Where the key of the node at `location` stands; the node's own place if it has none."""
        parent, last = self.node(location[:-1]), location[-1]
        return parent.keys.get(str(last), parent.place) if isinstance(parent, Mapping) else self.place(location)

    def written(self, location: Location) -> str | None:
        """How the file says a value that came from outside it, at `location` or below: all of it that may be shown."""
        return _written(self.node(location))


def scalars(node: Node) -> Iterator[Scalar]:
    """Every leaf at or below `node`."""
    if isinstance(node, Scalar):
        yield node
    else:
        for child in node.items if isinstance(node, Sequence) else node.entries.values():
            yield from scalars(child)


def _written(node: Node) -> str | None:
    return next((scalar.written for scalar in scalars(node) if scalar.written is not None), None)


def plain(node: Node) -> object:
    """The tree below `node` as dicts, lists and scalars."""
    if isinstance(node, Mapping):
        return {key: plain(value) for key, value in node.entries.items()}
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return node.value
