"""Labels by which the elements of two arrays are matched: what tells them apart, or all there is to them.

Elements that are equal under the rules have equal labels, so that a label never hides a pair. The reverse holds but for
labels that say so (`is_vague`): numbers that a tolerance holds for are alike there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from proxy.comparison.align import Label
from proxy.comparison.json_body import Repeated, Tree
from proxy.comparison.rules import PLAIN, Place
from proxy.comparison.texts import Hosts, is_number, plain

IDENTITIES: Final = ("id", "uuid", "key", "code", "sku", "slug", "name", "href")
"""Members by which elements are known, if they tell all of them apart. In the order of preference."""

_VAGUE: Final = "\0~"  # `repr` escapes the first character, so that no text can say this


class Labels:
    """How the elements at one place are labelled. `visit` is called for every value that is looked at."""

    def __init__(self, hosts: Hosts, null_is_missing: bool, visit: Callable[[], None]) -> None:
        self._hosts = hosts
        self._null_is_missing = null_is_missing
        self._visit = visit

    def choose(self, ones: Sequence[Tree], others: Sequence[Tree], state: Place) -> list[Label[Tree]]:
        """By what tells the elements apart, else by all there is to them."""
        name = self.identity(ones, others, state)
        if name is None:
            return [lambda tree: self.whole(tree, state)]
        return [lambda tree: self._name(tree, name)]

    def identity(self, ones: Sequence[Tree], others: Sequence[Tree], state: Place) -> str | None:
        """The member that every element has, with a value of its own on its side, and that no rule is about."""
        for name in IDENTITIES:
            if state.member(name).meaning is PLAIN and self._tells(ones, name) and self._tells(others, name):
                return name
        return None

    def _tells(self, elements: Sequence[Tree], name: str) -> bool:
        found = {
            self._name(element, name)
            for element in elements
            if isinstance(element, dict) and isinstance(element.get(name), str | bytes)
        }
        return bool(found) and len(found) == len(elements)

    def _name(self, tree: Tree, name: str) -> str:
        value = tree[name] if isinstance(tree, dict) else None
        return repr(plain(value, PLAIN, self._hosts) if isinstance(value, str) else value)

    def whole(self, tree: Tree, state: Place) -> str:
        """All of a tree that is compared."""
        self._visit()
        meaning = state.meaning
        if meaning.ignored:
            return "-"
        if isinstance(tree, str):
            if meaning.within is not None and is_number(tree):
                return _VAGUE + "text"
            return repr(plain(tree, meaning, self._hosts))
        if isinstance(tree, bytes):
            return _VAGUE if meaning.within is not None else repr(tree)
        if isinstance(tree, dict):
            return self._object(tree, state)
        if isinstance(tree, list):
            labels = [self.whole(value, state.element(at)) for at, value in enumerate(tree)]
            return f"[{','.join(sorted(labels) if meaning.unordered else labels)}]"
        return f"{_VAGUE}{len(tree)}" if isinstance(tree, Repeated) else repr(tree)

    def _object(self, tree: dict[str, Tree], state: Place) -> str:
        members = []
        for name in sorted(tree):
            below = state.member(name)
            if not (below.meaning.ignored or (tree[name] is None and self._null_is_missing)):
                members.append(f"{name!r}:{self.whole(tree[name], below)}")
        return f"{{{','.join(members)}}}"


def is_vague(label: str) -> bool:
    """Whether elements of this label may differ all the same."""
    return _VAGUE in label
