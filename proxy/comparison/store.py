"""[IO] Keeps what comparisons came to, in a SQLite file that one thread writes, a batch a second.

Whoever records never waits and never fails. What there is no room for is dropped and counted; a file that cannot be
written is told once in the log and tried again, and meanwhile counts are kept in memory, examples are not.
"""

import threading
from collections import deque
from typing import Final

from proxy import clock
from proxy.comparison import retention
from proxy.comparison.difference import Comparison
from proxy.comparison.state_file import MAX_FILE_BYTES, state_path
from proxy.comparison.state_writer import Now, StateWriter
from proxy.comparison.tally import Field, Group, Judged, fields_of
from proxy.observability.log import Log
from proxy.wire.exchange import Exchange

FLUSH_SECONDS: Final = 1.0
MAX_WAITING: Final = 10_000  # pairs; a second of them, and more than one process can compare
MAX_WAITING_BYTES: Final = 16 * 1024 * 1024  # of examples
MAX_EXAMPLE_BYTES: Final = 1024 * 1024
MAX_SHOWN: Final = 20_000  # fields of which it is remembered when they had an example
NEW_EXAMPLE_SECONDS: Final = 600.0  # a field with enough examples is shown a newer one that often


class Store:
    """Open from the start until `close`. `record` and `wants_example` are for one thread, whichever."""

    def __init__(
        self,
        state_dir: str,
        log: Log,
        *,
        now: Now = clock.now,
        flush_seconds: float = FLUSH_SECONDS,
        max_bytes: int = MAX_FILE_BYTES,
    ) -> None:
        self.path = state_path(state_dir)
        self.dropped = 0
        self.examples_dropped = 0
        self.writes = 0  # whoever reads the file can tell by it that there is more to read
        self._waiting: deque[Judged] = deque()
        self._waiting_bytes = 0
        self._shown: dict[tuple[Group, Field], list[float]] = {}
        self._now = now
        self._flush_seconds = flush_seconds
        self._wake = threading.Event()
        self._flushed: deque[threading.Event] = deque()
        self._ends = False
        self._writer = StateWriter(self.path, log, now, max_bytes)
        self._thread = threading.Thread(target=self._run, name="state", daemon=True)
        self._thread.start()

    @property
    def failing(self) -> str | None:
        """Why the file cannot be written at the moment."""
        return self._writer.failing

    def wants_example(self, route: str, rules: str, comparison: Comparison) -> bool:
        """Whether a pair is worth to be kept as an example of what it differs in."""
        latest = self._now().timestamp() - NEW_EXAMPLE_SECONDS
        shown = [self._shown.get(((route, rules), one), []) for one in fields_of(comparison)]
        return any(len(times) < retention.MAX_EXAMPLES or times[-1] < latest for times in shown)

    def record(self, judged: Judged) -> None:
        """Count a pair, soon."""
        if len(self._waiting) >= MAX_WAITING:
            self.dropped += 1
            return
        if judged.example is not None:
            judged = self._with_room(judged)
        self._waiting.append(judged)

    def flush(self, within_seconds: float) -> bool:
        """Waits until all that was recorded is written, or its writing has failed."""
        done = threading.Event()
        self._flushed.append(done)
        self._wake.set()
        return done.wait(within_seconds)

    def close(self, within_seconds: float = 5.0) -> None:
        """Writes what is left and ends the thread."""
        self._ends = True
        self._wake.set()
        self._thread.join(within_seconds)

    def _with_room(self, judged: Judged) -> Judged:
        """With its example if there is room for it."""
        size = _size(judged.example) if judged.example else 0
        at = judged.at.timestamp()
        if size > MAX_EXAMPLE_BYTES or self._waiting_bytes + size > MAX_WAITING_BYTES:
            self.examples_dropped += 1
            return Judged(judged.at, judged.route, judged.rules, judged.comparison, judged.again)
        self._waiting_bytes += size
        if len(self._shown) > MAX_SHOWN:
            self._shown.clear()
        for one in fields_of(judged.comparison):
            times = self._shown.setdefault((judged.group, one), [])
            times[:] = [*times, at][-retention.MAX_EXAMPLES :]
        return judged

    def _run(self) -> None:
        while not self._ends:
            self._wake.wait(self._flush_seconds)
            self._wake.clear()
            self._write_what_waits()
        self._write_what_waits()
        self._writer.close()

    def _write_what_waits(self) -> None:
        told = [self._flushed.popleft() for _ in range(len(self._flushed))]
        batch = [self._waiting.popleft() for _ in range(len(self._waiting))]
        self._waiting_bytes = 0  # what is added at this moment may be forgotten: a batch's worth at most
        has_more = bool(batch) or self._writer.failing is not None
        self.dropped += self._writer.write(batch)
        self.writes += has_more
        for done in told:
            done.set()


def _size(example: Exchange) -> int:
    """About what it takes, in bytes: bodies are nearly all of it."""
    return len(example.request.body) + sum(len(answer.body) for answer in example.answers.values()) + 4096
