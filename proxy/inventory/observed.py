"""What was asked for, added up over workers and restarts, by day, for thirty days.

Workers send all they have counted since they began; what was taken of each is kept beside the sums, so that nothing is
counted twice or lost when the control process is another one than before. Bounded: full, it counts without templates.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from proxy.wire.path_template import OTHER
from proxy.wire.product import MAX_PRODUCTS

DAYS: Final = 30
DAY_MINUTES: Final = 24 * 60
MAX_ROWS: Final = 5000
MAX_OTHER_ROWS: Final = 1000


class Key(NamedTuple):
    """What requests are told apart by."""

    route: str
    side: str
    method: str
    template: str
    product: str


_ALL_ELSE: Final = Key(OTHER, OTHER, OTHER, OTHER, OTHER)


@dataclass(frozen=True, slots=True)
class Sighting:
    """Requests that are alike. Times in minutes since 1970; `classes` counts 1xx to 5xx."""

    key: Key
    first: int
    last: int
    classes: tuple[int, ...]

    @property
    def requests(self) -> int:
        return sum(self.classes)


@dataclass(slots=True)
class _Row:
    first: int
    last: int
    days: dict[int, list[int]] = field(default_factory=dict)  # by number of the day since 1970


class Observed:
    """The sums. `last_legacy` is when the monolith last answered for a route: known since `since`, for ever.

    What was counted is known since `counted_since`: days that are too long ago are forgotten.
    """

    def __init__(self, since: int) -> None:
        self.since = self.counted_since = since
        self.last_legacy: dict[str, int] = {}
        self._rows: dict[Key, _Row] = {}
        self._products: set[str] = set()
        self._taken: dict[str, dict[Key, list[int]]] = {}  # by source: its numbers that are in the sums

    def take(self, source: str, rows: Iterable[Sequence[Any]], minute: int) -> bool:
        """Add what `source` has counted since it was last asked. `rows` are a key and five counts, cumulative.

        Whether there was anything new.
        """
        taken = self._taken.setdefault(source, {})
        news = False
        for row in rows:
            key, classes = Key(*row[:5]), list(row[5:])
            before = taken.get(key)
            if before == classes:
                continue
            self._add(key, [n - was for n, was in zip(classes, before or [0] * 5, strict=True)], minute)
            taken[key] = classes
            news = True
        return news

    def _add(self, key: Key, classes: list[int], minute: int) -> None:
        if key.side == "legacy" and (key.route in self.last_legacy or len(self.last_legacy) < MAX_ROWS):
            self.last_legacy[key.route] = minute
        row = self._row(key, minute)
        row.last = max(row.last, minute)
        day = row.days.setdefault(minute // DAY_MINUTES, [0] * 5)
        for index, n in enumerate(classes):
            day[index] += n

    def _row(self, key: Key, minute: int) -> _Row:
        """The row of that key; when the table is full, a wider one's."""
        if key.product not in self._products:
            if len(self._products) < MAX_PRODUCTS:
                self._products.add(key.product)
            else:
                key = key._replace(product=OTHER)
        if key not in self._rows and len(self._rows) >= MAX_ROWS:
            key = key._replace(template=OTHER, product=OTHER)
            if key not in self._rows and len(self._rows) >= MAX_ROWS + MAX_OTHER_ROWS:
                key = _ALL_ELSE
        return self._rows.setdefault(key, _Row(minute, minute))

    def forget(self, minute: int, may_count: Callable[[str], bool]) -> None:
        """Leave out days that are too long ago, and what was taken of sources from which no more can come."""
        oldest = minute // DAY_MINUTES - DAYS
        self.counted_since = max(self.counted_since, (oldest + 1) * DAY_MINUTES)
        for key, row in list(self._rows.items()):
            row.days = {day: classes for day, classes in row.days.items() if day > oldest}
            if not row.days:
                del self._rows[key]
        self._products = {key.product for key in self._rows}
        self._taken = {source: rows for source, rows in self._taken.items() if may_count(source)}

    def sightings(self) -> tuple[Sighting, ...]:
        """Everything, in the order of the keys."""
        return tuple(
            Sighting(key, row.first, row.last, tuple(map(sum, zip(*row.days.values(), strict=True))))
            for key, row in sorted(self._rows.items())
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "version": 1,
            "since": self.since,
            "counted_since": self.counted_since,
            "last_legacy": self.last_legacy,
            "rows": [[*key, row.first, row.last, row.days] for key, row in self._rows.items()],
        }

    def as_kept(self) -> dict[str, Any]:
        """As JSON, with what the next control process must know so as not to count anything twice."""
        taken = {source: [[*key, *n] for key, n in rows.items()] for source, rows in self._taken.items()}
        return {**self.as_json(), "taken": taken}

    @classmethod
    def from_json(cls, written: Any) -> "Observed":
        """From either form. Raises ValueError for anything else."""
        try:
            if written["version"] != 1:
                raise ValueError(f"version {written['version']} is of another strangler")
            found = cls(int(written["since"]))
            found.counted_since = int(written["counted_since"])
            found.last_legacy = {str(route): int(minute) for route, minute in written["last_legacy"].items()}
            for *key, first, last, days in written["rows"]:
                by_day = {int(day): _five(classes) for day, classes in days.items()}
                if by_day:
                    found._rows[_key(key)] = _Row(int(first), int(last), by_day)
            found._products = {key.product for key in found._rows}
            for source, rows in written.get("taken", {}).items():
                found._taken[source] = {_key(row[:5]): _five(row[5:]) for row in rows}
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"it is no record of traffic: {error!r}") from None
        return found


def _key(parts: Sequence[Any]) -> Key:
    key = Key(*parts)
    if not all(isinstance(part, str) for part in key):
        raise ValueError("a key is not made of texts")
    return key


def _five(counts: Sequence[Any]) -> list[int]:
    if len(counts) != 5 or not all(isinstance(n, int) for n in counts):
        raise ValueError("counts are not five numbers")
    return list(counts)
