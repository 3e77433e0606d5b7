"""Whether a service holds what the shop holds: counts, and the checksum of every aggregate, in one pass over both.

Neither side is held still, so what changes meanwhile may differ for a moment; ask again when both are quiet.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from extracted_services.contracts.envelope import checksum

from .kinds import Kind
from .models import Side

PAGE = 500
SHOWN = 10


class Aggregate(NamedTuple):
    key: str
    version: int
    checksum: str


@dataclass(frozen=True)
class Difference:
    """`here` or `there` is None where that side has none."""

    key: str
    here: Aggregate | None
    there: Aggregate | None

    def show(self) -> dict[str, Any]:
        return {"id": self.key, "here": self._side(self.here), "there": self._side(self.there)}

    def _side(self, aggregate: Aggregate | None) -> dict[str, Any] | None:
        return aggregate and {"version": aggregate.version, "checksum": aggregate.checksum}


@dataclass
class Comparison:
    """Of one kind; the first differences are kept, all are counted."""

    kind: str
    here: int = 0
    there: int = 0
    differing: int = 0
    first: list[Difference] = field(default_factory=list)

    def show(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "here": self.here,
            "there": self.there,
            "differing": self.differing,
            "first": [difference.show() for difference in self.first],
        }


def own_aggregates(kind: Kind) -> Iterator[Aggregate]:
    """All of the shop's that anybody has written, in the order of their keys."""
    key = ""
    while rows := kind.after(key, PAGE):
        for row in rows:
            if row.version > 0:
                yield Aggregate(kind.name_of(row), row.version, checksum(kind.state(row)))
        key = kind.name_of(rows[-1])


def compare(kind: str, here: Iterable[Aggregate], there: Iterable[Aggregate]) -> Comparison:
    """Both sides in the order of their keys. The same content at another version is no difference."""
    result = Comparison(kind)
    left, right = iter(here), iter(there)
    ours, theirs = next(left, None), next(right, None)
    while ours or theirs:
        pair = ours, theirs
        if ours and theirs and ours.key != theirs.key:
            pair = (ours, None) if ours.key < theirs.key else (None, theirs)
        _count(result, *pair)
        if pair[0]:
            ours = next(left, None)
        if pair[1]:
            theirs = next(right, None)
    return result


def _count(result: Comparison, here: Aggregate | None, there: Aggregate | None) -> None:
    result.here += here is not None
    result.there += there is not None
    if here and there and here.checksum == there.checksum:
        return
    result.differing += 1
    if len(result.first) < SHOWN:
        result.first.append(Difference((here or there).key, here, there))


def find_lag(entity: str, here: Mapping[str, Any], there: Mapping[str, Any]) -> str | None:
    """What of the entity is still under way between the two (their rows of `/internal/sync`); None if nothing is."""
    for source, target, name in ((here, there, Side.LEGACY), (there, here, Side.SERVICE)):
        if source["unpublished"]:
            return f"{source['unpublished']} events of {entity} are not published ({name.label})"
        behind = source["outbox_last"] - target["applied_from_peer"]
        if behind > 0:
            return f"{behind} events of {entity} are not applied (from {name.label})"
    return None
