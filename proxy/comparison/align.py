"""Which elements of two lists belong together, so that one that was put in shows as one, not as all behind it.

Elements are known by labels: equal elements have equal labels, whatever the rules are, and an element's label costs
one walk of it. Both sides are treated alike: `align(a, b)` is `align(b, a)` with its pairs turned round. Time is
bounded: what is too long for the quadratic search is aligned by labels that occur once, and what is longer yet by
position.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

Element = TypeVar("Element")
Pair = tuple[int | None, int | None]
"""Indexes on the left and on the right; None where the other one has no partner."""

Label = Callable[[Element], str]

MAX_CELLS: Final = 4096  # of the table in which the longest common subsequence is found
MAX_LABELLED: Final = 4000  # elements of a side


class Alignment(NamedTuple):
    """Elements that are not known to be equal, in pairs. `moved`: the same ones, in another order."""

    pairs: list[Pair]
    moved: bool = False


class Aligner(NamedTuple, Generic[Element]):
    """How elements are told apart. `labels` go from the finest to the coarsest; a gap is searched with the next."""

    equal: Callable[[Element, Element], bool]
    labels: Callable[[Sequence[Element], Sequence[Element]], Sequence[Label[Element]]]
    fit: Callable[[Element, Element], bool]  # whether two that stand in the same place may be one that changed

    def align(self, left: Sequence[Element], right: Sequence[Element]) -> Alignment | None:
        """None: the lists have two lengths, and are too long to say more."""
        start, end = self._shared(left, right)
        rest, other = range(start, len(left) - end), range(start, len(right) - end)
        if not rest or not other:
            return Alignment([*((at, None) for at in rest), *((None, at) for at in other)])
        if len(left) == len(right):
            unlike = [at for at in rest if left[at] != right[at]]
            return self._same_length(left, right, [at for at in unlike if not self.equal(left[at], right[at])])
        if max(len(rest), len(other)) > MAX_LABELLED:
            return None
        labels = self.labels([left[at] for at in rest], [right[at] for at in other])
        return Alignment(self._gap(left, right, rest, other, labels))

    def _shared(self, left: Sequence[Element], right: Sequence[Element]) -> tuple[int, int]:
        """How many elements are equal at the start, and how many at the end of the rest."""
        shorter = min(len(left), len(right))
        start = 0
        while start < shorter and self.equal(left[start], right[start]):
            start += 1
        end = 0
        while end < shorter - start and (
            left[-1 - end] == right[-1 - end] or self.equal(left[-1 - end], right[-1 - end])
        ):
            end += 1
        return start, end

    def _same_length(self, left: Sequence[Element], right: Sequence[Element], differing: list[int]) -> Alignment:
        placed = [pair for at in differing for pair in self._beside(left, right, at, at)]
        if len(differing) < 2 or len(differing) > MAX_LABELLED:
            return Alignment(placed)
        ones, others = [left[at] for at in differing], [right[at] for at in differing]
        labels = self.labels(ones, others)
        if moved := _moved([labels[0](one) for one in ones], [labels[0](other) for other in others]):
            return Alignment([(differing[one], differing[other]) for one, other in moved], moved=True)
        span = range(differing[0], differing[-1] + 1)
        if len(differing) * 2 <= len(span):
            return Alignment(placed)
        labels = self.labels([left[at] for at in span], [right[at] for at in span])
        shifted = self._gap(left, right, span, span, labels)
        changed = sum(one is None or other is None or not self.equal(left[one], right[other]) for one, other in shifted)
        return Alignment(shifted if changed < len(placed) else placed)

    def _gap(
        self,
        left: Sequence[Element],
        right: Sequence[Element],
        ones: Sequence[int],
        others: Sequence[int],
        labels: Sequence[Label[Element]],
    ) -> list[Pair]:
        """Pairs of what stands between two pairs, by the finest labels that find any."""
        if not ones or not others:
            return [*((one, None) for one in ones), *((None, other) for other in others)]
        if not labels:
            return self._by_position(left, right, ones, others)
        anchors = _common([labels[0](left[one]) for one in ones], [labels[0](right[other]) for other in others])
        pairs: list[Pair] = []
        after_one = after_other = 0
        for one, other in [*anchors, (len(ones), len(others))]:
            pairs += self._gap(left, right, ones[after_one:one], others[after_other:other], labels[1:])
            if one < len(ones):
                pairs.append((ones[one], others[other]))
            after_one, after_other = one + 1, other + 1
        return pairs

    def _by_position(
        self, left: Sequence[Element], right: Sequence[Element], ones: Sequence[int], others: Sequence[int]
    ) -> list[Pair]:
        paired = min(len(ones), len(others))
        pairs = [pair for at in range(paired) for pair in self._beside(left, right, ones[at], others[at])]
        return [*pairs, *((one, None) for one in ones[paired:]), *((None, other) for other in others[paired:])]

    def _beside(self, left: Sequence[Element], right: Sequence[Element], one: int, other: int) -> list[Pair]:
        return [(one, other)] if self.fit(left[one], right[other]) else [(one, None), (None, other)]


def _moved(ones: list[str], others: list[str]) -> list[tuple[int, int]]:
    """Who belongs to whom where both have the same labels in another order; nothing otherwise."""
    if ones == others or Counter(ones) != Counter(others):
        return []
    by_label = sorted(range(len(ones)), key=lambda at: (ones[at], at))
    other_by_label = sorted(range(len(others)), key=lambda at: (others[at], at))
    return sorted(zip(by_label, other_by_label, strict=True))


def _common(ones: list[str], others: list[str]) -> list[tuple[int, int]]:
    """A common subsequence, as pairs of indexes: the longest one of short lists."""
    if (len(others), others) < (len(ones), ones):  # among equally long ones the same is taken from both sides
        return [(one, other) for other, one in _common(others, ones)]
    if len(ones) * len(others) <= MAX_CELLS:
        return _longest(ones, others)
    return _unique(ones, others)


def _longest(ones: list[str], others: list[str]) -> list[tuple[int, int]]:
    lengths = [[0] * (len(others) + 1) for _ in range(len(ones) + 1)]
    for at in reversed(range(len(ones))):
        row, below = lengths[at], lengths[at + 1]
        for to in reversed(range(len(others))):
            row[to] = below[to + 1] + 1 if ones[at] == others[to] else max(below[to], row[to + 1])
    pairs: list[tuple[int, int]] = []
    at = to = 0
    while at < len(ones) and to < len(others):
        if ones[at] == others[to]:
            pairs.append((at, to))
            at, to = at + 1, to + 1
        elif lengths[at + 1][to] >= lengths[at][to + 1]:
            at += 1
        else:
            to += 1
    return pairs


def _unique(ones: list[str], others: list[str]) -> list[tuple[int, int]]:
    """The longest ascending run of labels that occur once on each side: patience diff."""
    counts, other_counts = Counter(ones), Counter(others)
    places = {label: at for at, label in enumerate(others) if other_counts[label] == 1}
    pairs = [(at, places[label]) for at, label in enumerate(ones) if counts[label] == 1 and label in places]
    tails: list[int] = []  # the smallest right index that ends a run of each length
    ends: list[int] = []
    before: list[int | None] = []
    for number, (_, to) in enumerate(pairs):
        length = bisect_left(tails, to)
        tails[length : length + 1], ends[length : length + 1] = [to], [number]
        before.append(ends[length - 1] if length else None)
    run: list[tuple[int, int]] = []
    at: int | None = ends[-1] if ends else None
    while at is not None:
        run.append(pairs[at])
        at = before[at]
    return run[::-1]
