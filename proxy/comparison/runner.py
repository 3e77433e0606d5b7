"""[IO] Compares pairs of live traffic, one at a time, in a thread beside the event loop.

Whoever hands a pair over never waits: what there is no room for is dropped, the oldest first, and counted. A pair that
cannot be compared because of a mistake of ours is counted and told without a word of its content; the next one follows.
"""

import threading
import traceback
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from proxy import clock
from proxy.comparison.difference import Comparison
from proxy.comparison.judging import Judge, Terms, terms_of
from proxy.comparison.tally import Judged
from proxy.config.model import Route, Snapshot
from proxy.observability.log import Log
from proxy.routing.mirror import is_mirrored
from proxy.wire.exchange import Exchange

MAX_WAITING: Final = 1000  # pairs; a second or two of a busy server
MAX_WAITING_BYTES: Final = 32 * 1024 * 1024
MAX_AGE_SECONDS: Final = 60.0  # what has waited longer says little about now
MAX_SECONDS_TOLD: Final = 60.0  # a mistake of ours is told once in that time: there may be thousands a second


class Came(StrEnum):
    """What became of a pair: a closed set, the label of `strangler_comparisons_total`."""

    EQUAL = "equal"
    DIFFERENT = "different"
    UNDECIDED = "undecided"  # neither: too large, too deep, a coding that is not undone
    FAILED = "failed"  # by a mistake of ours; the log has it
    QUEUE_FULL = "queue_full"
    MEMORY_FULL = "memory_full"
    TOO_OLD = "too_old"
    OUTDATED = "outdated"  # of a route, or of a stage of it, that is no more


class Keeps(Protocol):
    """What the runner needs of the store."""

    def wants_example(self, route: str, rules: str, comparison: Comparison) -> bool: ...

    def record(self, judged: Judged) -> None: ...


@dataclass(frozen=True, slots=True)
class Waiting:
    exchange: Exchange
    failure: str | None
    size_bytes: int
    since: float  # monotonic seconds


@dataclass(frozen=True, slots=True)
class Served:
    """The routes of a snapshot whose pairs are compared, and their terms as far as they were needed."""

    snapshot: Snapshot
    routes: Mapping[str, Route]
    terms: dict[str, Terms] = field(default_factory=dict)

    def terms_of(self, route: Route, now: datetime) -> Terms:
        """Compiled once a day: a rule may end with it."""
        day = now.date()
        found = self.terms.get(route.name)
        if found is None or found.day != day:
            found = self.terms[route.name] = terms_of(route, self.snapshot, day)
        return found


class Runner:
    """Runs from its making until `close`. `take` and `follow` are for one thread, the event loop's."""

    def __init__(
        self,
        store: Keeps,
        log: Log,
        snapshot: Snapshot,
        *,
        now: Callable[[], datetime] = clock.now,
        monotonic: Callable[[], float] = clock.monotonic,
        max_waiting: int = MAX_WAITING,
        max_waiting_bytes: int = MAX_WAITING_BYTES,
    ) -> None:
        self.counts: Counter[tuple[str, Came]] = Counter()
        self.waiting_bytes = 0
        self.seconds = 0.0  # spent on comparing
        self._store = store
        self._log = log
        self._now, self._monotonic = now, monotonic
        self._max_waiting, self._max_waiting_bytes = max_waiting, max_waiting_bytes
        self._waiting: deque[Waiting] = deque()
        self._changed = threading.Condition()  # guards what waits, the counts, and what is served
        self._busy = False
        self._ends = False
        self._told_at: float | None = None
        self._served = _served(snapshot)
        self._judge = Judge()
        self._thread = threading.Thread(target=self._run, name="comparing", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def follow(self, snapshot: Snapshot) -> None:
        """Compare by the rules of this snapshot from the next pair on."""
        with self._changed:
            self._served = _served(snapshot)

    def take(self, exchange: Exchange, failure: str | None) -> None:
        """Compare a pair when its turn comes. What has neither two sides nor a failure is none."""
        if exchange.route is None or (failure is None and len(exchange.answers) < 2):
            return
        size = _size(exchange)
        with self._changed:
            self._waiting.append(Waiting(exchange, failure, size, self._monotonic()))
            self.waiting_bytes += size
            while len(self._waiting) > self._max_waiting:
                self._drop_oldest(Came.QUEUE_FULL)
            while self.waiting_bytes > self._max_waiting_bytes:
                self._drop_oldest(Came.MEMORY_FULL)
            self._changed.notify_all()

    def wait_until_done(self, within_seconds: float) -> bool:
        """Returns once nothing waits, or False when time is up."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._busy, within_seconds)

    def close(self, within_seconds: float = 5.0) -> None:
        """Ends the thread after the pair it is at. Those that wait are forgotten."""
        with self._changed:
            self._ends = True
            self._changed.notify_all()
        self._thread.join(within_seconds)

    def count(self) -> Counter[tuple[str, Came]]:
        """Pairs so far, by route and what became of them."""
        with self._changed:
            return Counter(self.counts)

    def _drop_oldest(self, why: Came) -> None:
        dropped = self._waiting.popleft()
        self.waiting_bytes -= dropped.size_bytes
        self.counts[dropped.exchange.route or "", why] += 1

    def _run(self) -> None:
        while (taken := self._next()) is not None:
            pair, served = taken
            began = self._monotonic()
            try:
                came = self._compare(pair, served)
            except Exception as error:  # our own mistake: the next pair must be compared all the same
                came = Came.FAILED
                self._tell(error, pair)
            self._done(pair, came, self._monotonic() - began)

    def _next(self) -> tuple[Waiting, Served] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ends)
            if self._ends:
                return None
            pair = self._waiting.popleft()
            self.waiting_bytes -= pair.size_bytes
            self._busy = True
            return pair, self._served

    def _compare(self, pair: Waiting, served: Served) -> Came:
        route = served.routes.get(pair.exchange.route or "")
        if route is None:
            return Came.OUTDATED
        if self._monotonic() - pair.since > MAX_AGE_SECONDS:
            return Came.TOO_OLD
        terms = served.terms_of(route, self._now())
        if pair.exchange.primary not in terms.answering:
            return Came.OUTDATED
        judged = self._judge.judge(pair.exchange, pair.failure, terms, self._wants_example)
        self._store.record(judged)
        if judged.comparison.differences:
            return Came.DIFFERENT
        return Came.EQUAL if judged.comparison.undecided is None else Came.UNDECIDED

    def _wants_example(self, route: str, rules: str, comparison: Comparison) -> bool:
        """Masking an example takes longer than comparing it: when there is more to do than time, counts go first."""
        return self.waiting <= self._max_waiting // 2 and self._store.wants_example(route, rules, comparison)

    def _done(self, pair: Waiting, came: Came, seconds: float) -> None:
        with self._changed:
            self.counts[pair.exchange.route or "", came] += 1
            self.seconds += seconds
            self._busy = False
            self._changed.notify_all()

    def _tell(self, error: Exception, pair: Waiting) -> None:
        """Where it went wrong, and not what the error says: that may quote an answer."""
        now = self._monotonic()
        if self._told_at is not None and now - self._told_at < MAX_SECONDS_TOLD:
            return
        self._told_at = now
        frames = traceback.extract_tb(error.__traceback__)
        self._log.failure(
            "comparison_failed",
            route=pair.exchange.route,
            error=type(error).__name__,
            at=[f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames[-5:]],
        )


def _served(snapshot: Snapshot) -> Served:
    return Served(snapshot, {route.name: route for route in snapshot.routes if is_mirrored(route)})


def _size(exchange: Exchange) -> int:
    """About what a pair takes in memory, in bytes: bodies and fields are nearly all of it."""
    answers = exchange.answers.values()
    bodies = len(exchange.request.body) + sum(len(answer.body) for answer in answers)
    lines = sum(len(fields) for fields in (exchange.request.fields, *(answer.fields for answer in answers)))
    return bodies + 250 * lines + 2048
