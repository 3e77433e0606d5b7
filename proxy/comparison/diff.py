"""One walk over both sides of a JSON-like tree, with the rules followed as it goes.

What is equal to the byte is passed over in C; only what differs is looked at, so that a comparison costs what its
differences cost. A tree is never changed, and rules can only take differences away from two values, never add one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from proxy.comparison.align import Aligner, Alignment, Pair
from proxy.comparison.difference import Kind, shown_around
from proxy.comparison.findings import Findings
from proxy.comparison.json_body import Tree, written
from proxy.comparison.labels import Labels, is_vague
from proxy.comparison.matching import match
from proxy.comparison.place import MAX_NAMES, Spot, field_path, place
from proxy.comparison.rules import Place, Rules
from proxy.comparison.texts import Hosts, close, same_text

MAX_MATCHED: Final = 50  # elements of one label that are tried against each other


class Differs(Exception):
    """The first difference, where no more is asked for."""


class Walk:
    """Two trees under one set of rules."""

    def __init__(self, rules: Rules, hosts: Hosts, findings: Findings) -> None:
        self._null_is_missing = rules.null_is_missing
        self._hosts = hosts
        self._findings = findings
        self._labels = Labels(hosts, rules.null_is_missing, findings.visit)
        self._probing = False
        # Both trees outlive the walk, so that their parts are known by where they are.
        self._known: dict[tuple[int, int, int], bool] = {}

    def compare(self, left: Tree, right: Tree, state: Place, spot: Spot | None = None) -> None:
        """Add what differs. Raises TooMuch."""
        if left == right:
            return
        self._findings.visit()
        if state.meaning.ignored:
            return
        if type(left) is not type(right):
            self._add(Kind.TYPE, spot, left, right)
        elif isinstance(left, dict) and isinstance(right, dict):
            self._members(left, right, state, spot)
        elif isinstance(left, list) and isinstance(right, list):
            self._elements(left, right, state, spot)
        elif not self._same(left, right, state):
            self._add(Kind.VALUE, spot, left, right)

    def equal(self, left: Tree, right: Tree, state: Place) -> bool:
        """Whether the rules leave no difference between two trees."""
        if left == right:
            return True
        key = (id(left), id(right), id(state))
        if key not in self._known:
            before, self._probing = self._probing, True
            try:
                self.compare(left, right, state)
                self._known[key] = True
            except Differs:
                self._known[key] = False
            finally:
                self._probing = before
        return self._known[key]

    def _same(self, left: Tree, right: Tree, state: Place) -> bool:
        if isinstance(left, str) and isinstance(right, str):
            return same_text(left, right, state.meaning, self._hosts)
        if isinstance(left, bytes) and isinstance(right, bytes) and state.meaning.within is not None:
            return close(left.decode("ascii"), right.decode("ascii"), state.meaning)
        return False

    def _members(self, left: dict[str, Tree], right: dict[str, Tree], state: Place, spot: Spot | None) -> None:
        of_map = len(left) > MAX_NAMES or len(right) > MAX_NAMES
        for name, value in left.items():
            if name not in right:
                self._lone(Kind.MISSING, value, state.member(name), Spot(spot, name, of_map))
            elif value != right[name]:
                self.compare(value, right[name], state.member(name), Spot(spot, name, of_map))
        for name, value in right.items():
            if name not in left:
                self._lone(Kind.EXTRA, value, state.member(name), Spot(spot, name, of_map))

    def _lone(self, kind: Kind, value: Tree, state: Place, spot: Spot) -> None:
        """What one side alone has."""
        self._findings.visit()
        if state.meaning.ignored or (value is None and self._null_is_missing and isinstance(spot.key, str)):
            return
        if self._probing:
            raise Differs
        if self._findings.skip():
            return
        self._found(kind, spot, *((written(value), None) if kind is Kind.MISSING else (None, written(value))))

    def _elements(self, left: list[Tree], right: list[Tree], state: Place, spot: Spot | None) -> None:
        found = self._paired(left, right, state)
        if found is None:
            self._found(Kind.LENGTH, spot, f"{len(left)} elements", f"{len(right)} elements")
            return
        if found.moved:
            self._order(left, right, found.pairs, state.element(-1), spot)
        for one, other in found.pairs:
            at = one if one is not None else other or 0
            below, here = state.element(at), Spot(spot, at)
            if one is None and other is not None:
                self._lone(Kind.EXTRA, right[other], below, here)
            elif other is None:
                self._lone(Kind.MISSING, left[at], below, here)
            else:
                self.compare(left[at], right[other], below, here)

    def _order(self, left: list[Tree], right: list[Tree], pairs: list[Pair], state: Place, spot: Spot | None) -> None:
        """Show the elements that moved, by what they are known by if there is such a thing."""
        ones = [left[one] for one, _ in pairs if one is not None]
        others = [right[other] for other in sorted(other for _, other in pairs if other is not None)]
        name = self._labels.identity(ones, others, state)
        if name is not None:
            ones, others = ([value[name] for value in side if isinstance(value, dict)] for side in (ones, others))
        self._add(Kind.ORDER, spot, ones, others)

    def _paired(self, left: list[Tree], right: list[Tree], state: Place) -> Alignment | None:
        if state.meaning.unordered:
            return Alignment(self._without_order(left, right, state.element(-1)))
        if state.indexed:  # a rule for the third element is one for what stands in the third place
            return Alignment([_by_place(at, len(left), len(right)) for at in range(max(len(left), len(right)))])
        below = state.element(-1)
        aligner = Aligner[Tree](
            lambda one, other: self.equal(one, other, below),
            lambda ones, others: self._labels.choose(ones, others, below),
            lambda one, other: True,
        )
        return aligner.align(left, right)

    def _without_order(self, left: list[Tree], right: list[Tree], state: Place) -> list[Pair]:
        """The elements that no equal one can be found for, in pairs as good as they go."""
        ones, others = self._by_label(left, state), self._by_label(right, state)
        rest: list[int] = []
        other_rest: list[int] = []
        for label in ones | others:
            some, more = ones.get(label, []), others.get(label, [])
            if is_vague(label) and len(some) <= MAX_MATCHED and len(more) <= MAX_MATCHED:
                some, more = match(some, more, lambda one, other: self.equal(left[one], right[other], state))
            else:
                some, more = some[len(more) :], more[len(some) :]
            rest += some
            other_rest += more
        return self._leftover(left, right, sorted(rest), sorted(other_rest), state)

    def _by_label(self, elements: list[Tree], state: Place) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for at, element in enumerate(elements):
            found.setdefault(self._labels.whole(element, state), []).append(at)
        return found

    def _leftover(
        self, left: list[Tree], right: list[Tree], ones: list[int], others: list[int], state: Place
    ) -> list[Pair]:
        label = self._labels.choose([left[one] for one in ones], [right[other] for other in others], state)[0]
        partners = {label(right[other]): other for other in others}
        known = [(one, partners.pop(name)) for one in ones if (name := label(left[one])) in partners]
        taken, other_taken = {one for one, _ in known}, {other for _, other in known}
        alone: Sequence[int] = [one for one in ones if one not in taken]
        other_alone: Sequence[int] = [other for other in others if other not in other_taken]
        paired = min(len(alone), len(other_alone))
        pairs: Iterable[Pair] = zip(alone[:paired], other_alone[:paired], strict=True)
        return [
            *known,
            *pairs,
            *((one, None) for one in alone[paired:]),
            *((None, other) for other in other_alone[paired:]),
        ]

    def _add(self, kind: Kind, spot: Spot | None, left: Tree, right: Tree) -> None:
        if self._probing:
            raise Differs
        if self._findings.skip():
            return
        if isinstance(left, str) and isinstance(right, str):
            self._found(kind, spot, *shown_around(left, right))
        else:
            self._found(kind, spot, written(left), written(right))

    def _found(self, kind: Kind, spot: Spot | None, left: str | None, right: str | None) -> None:
        if self._probing:
            raise Differs
        self._findings.add(kind, field_path(spot), left, right, place(spot))


def _by_place(at: int, left: int, right: int) -> Pair:
    return (at if at < left else None, at if at < right else None)
