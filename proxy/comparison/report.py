"""What a comparison of two systems came to: fields that differ, grouped, with examples that hold no secret.

Plain values, and the arithmetic of which field counts. How it is written down lies in the modules `report_*`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from proxy.comparison.difference import Comparison, Difference, Kind
from proxy.comparison.noise import excess, wilson
from proxy.wire.exchange import CapturedRequest, Exchange

LEFT: Final = "legacy"
RIGHT: Final = "service"
MAX_EXAMPLES: Final = 3  # of a group
MAX_GROUPS: Final = 500
MAX_EXAMPLE_BYTES: Final = 64 * 1024  # of a body

UNDECIDED: Final = "undecided"
FAILS: Final = (*(kind.value for kind in Kind), UNDECIDED)
"""What may be asked to fail a comparison: a closed set."""


class Standing(StrEnum):
    """What a group means for the outcome."""

    DIFFERENT = "different"
    ALLOWED = "allowed"  # of a kind that was not asked to fail
    NOISE = "noise"  # the left side differs from itself about as often


@dataclass(frozen=True, slots=True)
class Example:
    """One pair in which a field differed, masked. `right_request` is what the right side was asked, if not the same."""

    exchange: Exchange
    difference: Difference
    right_request: CapturedRequest | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """One field of one route, which differed in `count` of `of` pairs.

    The left side differed in it from itself in `noise` of `again`.
    """

    kind: Kind
    path: str
    route: str | None
    count: int
    of: int
    noise: int
    again: int
    standing: Standing
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """`exchanges` were asked, `compared` of them judged. `left` and `right` are URLs."""

    left: str
    right: str
    exchanges: int
    compared: int
    equal_pairs: int
    undecided: Mapping[str, int]
    skipped: Mapping[str, int]
    groups: tuple[Group, ...]
    more_groups: int
    failing_undecided: bool

    @property
    def equal(self) -> bool:
        """Whether nothing that was to fail was found. Where nothing could be judged, nothing is known to be equal."""
        return self.compared > 0 and not self.of(Standing.DIFFERENT) and not self.failing_undecided

    def of(self, standing: Standing) -> tuple[Group, ...]:
        return tuple(group for group in self.groups if group.standing is standing)


_Field = tuple[str | None, Kind, str]


class Tally:
    """Counts pairs as they come."""

    def __init__(self) -> None:
        self.exchanges = self.equal_pairs = 0
        self.undecided: Counter[str] = Counter()
        self._compared: Counter[str | None] = Counter()
        self._again: Counter[str | None] = Counter()
        self._raw: Counter[_Field] = Counter()
        self._noise: Counter[_Field] = Counter()
        self._examples: defaultdict[_Field, list[Example]] = defaultdict(list)

    def wants_examples(self, route: str | None, found: Comparison) -> bool:
        """Whether a pair shows something of which there are too few examples."""
        return any(len(self._examples[key]) < MAX_EXAMPLES for key in _fields(route, found))

    def add(
        self,
        route: str | None,
        found: Comparison,
        told: tuple[Exchange, tuple[Difference, ...]] | None,
        right_request: CapturedRequest | None = None,
    ) -> None:
        """A pair, and what may be told of it."""
        self.exchanges += 1
        if found.undecided and not found.differences:
            self.undecided[found.undecided.value] += 1
            return
        self._compared[route] += 1
        self.equal_pairs += found.equal
        self._raw.update(_fields(route, found))
        for one, shown in zip(found.differences, told[1] if told else (), strict=False):
            examples = self._examples[route, one.kind, one.path]
            if told and len(examples) < MAX_EXAMPLES and all(each.exchange is not told[0] for each in examples):
                examples.append(Example(told[0], shown, right_request))

    def add_unanswered(self, reason: str) -> None:
        """A pair without any answer."""
        self.exchanges += 1
        self.undecided[reason] += 1

    def add_again(self, route: str | None, found: Comparison) -> None:
        """The left side, compared with itself."""
        if found.undecided and not found.differences:
            return
        self._again[route] += 1
        self._noise.update({_noise_key(key) for key in _fields(route, found)})

    def report(self, left: str, right: str, skipped: Mapping[str, int], fail_on: frozenset[str]) -> Report:
        groups = sorted((self._group(key, fail_on) for key in self._raw), key=_order)
        return Report(
            left,
            right,
            self.exchanges,
            sum(self._compared.values()),
            self.equal_pairs,
            dict(self.undecided),
            dict(skipped),
            tuple(groups[:MAX_GROUPS]),
            max(0, len(groups) - MAX_GROUPS),
            UNDECIDED in fail_on and bool(self.undecided),
        )

    def _group(self, key: _Field, fail_on: frozenset[str]) -> Group:
        route, kind, path = key
        count, of = self._raw[key], self._compared[route]
        noise, again = self._noise[_noise_key(key)], self._again[route]
        standing = Standing.DIFFERENT if kind.value in fail_on else Standing.ALLOWED
        if not _counts(kind, count, of, noise, again):
            standing = Standing.NOISE
        examples = tuple(self._examples[key])
        shown = examples[0].difference.path if examples else path
        return Group(kind, shown, route, count, of, noise, again, standing, examples)


def _fields(route: str | None, found: Comparison) -> set[_Field]:
    return {(route, one.kind, one.path) for one in found.differences}


def _noise_key(key: _Field) -> _Field:
    """What comes and goes is missing as often as it is extra."""
    route, kind, path = key
    return route, Kind.MISSING if kind is Kind.EXTRA else kind, path


def _counts(kind: Kind, count: int, of: int, noise: int, again: int) -> bool:
    """A field counts unless the left side differs from itself in it about as often; access counts if once more."""
    if noise == 0 or (kind is Kind.AUTHORISATION and count > noise):
        return True
    low, _ = excess(wilson(count, of), wilson(noise, again))
    return low > 0


def _order(group: Group) -> tuple[int, str, int, str, str]:
    return list(Standing).index(group.standing), group.route or "", -group.count, group.path, group.kind.value


def shortened(exchange: Exchange) -> Exchange:
    """The exchange with no more of its bodies than a report shows."""
    answers = {
        role: replace(
            answer, body=answer.body[:MAX_EXAMPLE_BYTES], cut=answer.cut or len(answer.body) > MAX_EXAMPLE_BYTES
        )
        for role, answer in exchange.answers.items()
    }
    return replace(exchange, answers=answers)
