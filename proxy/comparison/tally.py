"""What many comparisons came to: counts by route, field path and kind, in steps of time, so that old ones can go.

Pure. Counts made under other rules stand apart: `rules` names them, and a change of the rules begins anew.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from hashlib import blake2b
from typing import Final

from proxy.comparison.difference import Comparison
from proxy.config.model import Route
from proxy.wire.exchange import Exchange

BUCKET_SECONDS: Final = 300
MAX_FIELDS: Final = 500  # of one route under one set of rules
OTHERS: Final = "(further fields)"
"""Stands for the field paths beyond `MAX_FIELDS`: answers with so many differences differ in kind."""

COMPARED: Final = "compared"
DIFFERING: Final = "differing"
AGAIN: Final = "again"
UNDECIDED: Final = "undecided."

Group = tuple[str, str]
"""A route, and what names the rules."""

Field = tuple[str, str]
"""A field path, and the kind of its differences."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of one pair. `again` is the primary compared with itself, where it was asked twice.

    `example` is the pair, without secrets, for a person to look at.
    """

    at: datetime
    route: str
    rules: str
    comparison: Comparison
    again: Comparison | None = None
    example: Exchange | None = None

    @property
    def group(self) -> Group:
        return self.route, self.rules

    @property
    def bucket(self) -> int:
        return int(self.at.timestamp()) // BUCKET_SECONDS


def rules_name(route: Route, today: date) -> str:
    """What names the rules a route is compared under today. Where they stand in the file, and why, changes nothing."""
    compare, shadow = route.compare, route.shadow
    parts = (
        route.stage.value if shadow else "",  # which side is the primary
        route.to,
        sorted(rule.subject for rule in compare.ignore if rule.holds(today)),
        sorted(compare.unordered),
        sorted((path, one.absolute, one.relative) for path, one in compare.tolerance.items()),
        sorted(compare.mask.items()),
        sorted(name.lower() for name in compare.headers),
        sorted(map(sorted, compare.equal_status)),
        compare.null_is_missing,
    )
    return blake2b(repr(parts).encode(), digest_size=6).hexdigest()


def fields_of(comparison: Comparison) -> set[Field]:
    return {(difference.path, difference.kind.value) for difference in comparison.differences}


def outcomes_of(judged: Judged) -> Iterator[str]:
    """What a pair counts as. One that cannot be judged, and differs all the same, is a compared one."""
    found, again = judged.comparison, judged.again
    if found.undecided is not None and not found.differences:
        yield UNDECIDED + found.undecided.value
    else:
        yield COMPARED
    if found.differences:
        yield DIFFERING
    if again is not None and (again.undecided is None or again.differences):
        yield AGAIN


@dataclass(slots=True)
class Tally:
    """Counts of pairs that are not written yet. `known` are the fields there are already, by group."""

    known: dict[Group, set[Field]] = field(default_factory=dict)
    pairs: Counter[tuple[str, str, int, str]] = field(default_factory=Counter)  # route, rules, bucket, outcome
    raw: Counter[tuple[str, str, int, str, str]] = field(default_factory=Counter)  # ..., path, kind
    noise: Counter[tuple[str, str, int, str, str]] = field(default_factory=Counter)

    def add(self, judged: Judged) -> None:
        at = (*judged.group, judged.bucket)
        self.pairs.update((*at, outcome) for outcome in outcomes_of(judged))
        self.raw.update((*at, *one) for one in self._named(judged.group, judged.comparison))
        if judged.again is not None:
            self.noise.update((*at, *one) for one in self._named(judged.group, judged.again))

    def _named(self, group: Group, comparison: Comparison) -> set[Field]:
        """The fields of a comparison, each once; those that are too many under one name."""
        known = self.known.setdefault(group, set())
        found = set()
        for path, kind in fields_of(comparison):
            if (path, kind) not in known and len(known) >= MAX_FIELDS:
                found.add((OTHERS, kind))
            else:
                known.add((path, kind))
                found.add((path, kind))
        return found

    def __len__(self) -> int:
        return len(self.pairs) + len(self.raw) + len(self.noise)

    def clear(self) -> None:
        for counts in (self.pairs, self.raw, self.noise):
            counts.clear()
