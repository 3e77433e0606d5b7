"""The comparisons of the last minutes, to the second, in memory: the state store counts in steps of five minutes.

Kept for each route under the rules it has now, and bounded: a slot a second, and in a slot so many different sets of
fields; pairs beyond are counted as differing in `OTHERS`. After a restart there are none. For two threads.
"""

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol

from proxy import clock
from proxy.comparison.difference import Comparison, Kind
from proxy.comparison.tally import OTHERS, Field, Group, Judged, fields_of

KEPT_SECONDS: Final = 600  # the longest window that gates may have
MAX_SETS: Final = 50  # of fields that differ together, in one second
MAX_ROUTES: Final = 1000

Fields = frozenset[Field]


class Keeps(Protocol):
    """Where comparisons go on to."""

    def wants_example(self, route: str, rules: str, comparison: Comparison) -> bool: ...

    def record(self, judged: Judged) -> None: ...


@dataclass(slots=True)
class Pairs:
    """Pairs by the fields in which they differ, an empty set for equal ones; `undecided` ones stand beside."""

    differing_in: Counter[Fields] = field(default_factory=Counter)
    undecided: int = 0

    @property
    def compared(self) -> int:
        return self.differing_in.total()

    def add(self, comparison: Comparison) -> None:
        if comparison.undecided is not None and not comparison.differences:
            self.undecided += 1
            return
        fields = frozenset(fields_of(comparison))
        if fields and fields not in self.differing_in and len(self.differing_in) >= MAX_SETS:
            fields = frozenset({(OTHERS, Kind.VALUE.value)})
        self.differing_in[fields] += 1

    def count(self, fields: Iterable[Field]) -> int:
        """Pairs that differ in any of these."""
        wanted = frozenset(fields)
        return sum(n for differing, n in self.differing_in.items() if differing & wanted)

    def by_field(self) -> Counter[Field]:
        found: Counter[Field] = Counter()
        for fields, n in self.differing_in.items():
            for one in fields:
                found[one] += n
        return found


class Recent:
    """Passes all that is judged on to `store`, and remembers it."""

    def __init__(self, store: Keeps, monotonic: Callable[[], float] = clock.monotonic) -> None:
        self._store = store
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._slots: dict[Group, deque[tuple[int, Pairs]]] = {}

    def wants_example(self, route: str, rules: str, comparison: Comparison) -> bool:
        return self._store.wants_example(route, rules, comparison)

    def record(self, judged: Judged) -> None:
        second = int(self._monotonic())
        with self._lock:
            slots = self._slots_of(judged.group, second)
            if not slots or slots[-1][0] != second:
                slots.append((second, Pairs()))
            slots[-1][1].add(judged.comparison)
            while slots[0][0] < second - KEPT_SECONDS:
                slots.popleft()
        self._store.record(judged)

    def _slots_of(self, group: Group, second: int) -> deque[tuple[int, Pairs]]:
        slots = self._slots.get(group)
        if slots is None:
            self._slots = {
                known: kept
                for known, kept in self._slots.items()
                if kept[-1][0] >= second - KEPT_SECONDS and known[0] != group[0]
            }
            if len(self._slots) >= MAX_ROUTES:
                self._slots.clear()
            slots = self._slots[group] = deque()
        return slots

    def seen(self, group: Group, seconds: float) -> Pairs:
        """What was compared of a route, under these rules, in the last `seconds`."""
        began = self._monotonic() - seconds
        found = Pairs()
        with self._lock:
            for second, pairs in self._slots.get(group, ()):
                if second + 1 > began:  # a slot that has begun counts whole
                    found.differing_in.update(pairs.differing_in)
                    found.undecided += pairs.undecided
        return found
