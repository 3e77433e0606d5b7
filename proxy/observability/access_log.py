"""One JSON line a request, written in batches by a thread of its own, so that a slow disk delays no request.

The queue is bounded; what does not fit is dropped and counted. Paths are logged without their query, which may hold
secrets; no other field of a request is logged.
"""

import json
import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple, TextIO

from proxy import clock


class AccessRecord(NamedTuple):
    """What is known of a request when its answer has ended. Durations in seconds; `status` 499: the client left."""

    method: str
    host: str
    path: str
    status: int
    route: str
    side: str
    reason: str
    upstream: str | None
    endpoint: str | None
    outcome: str
    client: str
    request_id: str
    trace_id: str
    bytes_sent: int
    duration: float
    upstream_duration: float | None
    revision: str


class AccessLog:
    """Writes records to a stream until `close`."""

    BOUND = 10_000

    def __init__(self, stream: TextIO, now: Callable[[], datetime] = clock.now) -> None:
        self._stream = stream
        self._now = now
        self._queue: deque[tuple[datetime, AccessRecord]] = deque()
        self._wake = threading.Event()
        self._closing = False
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name="access-log", daemon=True)
        self._thread.start()

    def write(self, record: AccessRecord) -> None:
        """Queue a record; returns at once."""
        if len(self._queue) >= self.BOUND:
            self.dropped += 1
            return
        self._queue.append((self._now(), record))

    def flush_soon(self) -> None:
        """Let the writer take what is queued. Called a few times a second, not for each record."""
        if self._queue:
            self._wake.set()

    def close(self) -> None:
        """Write what is queued and stop; waits two seconds at most."""
        self._closing = True
        self._wake.set()
        self._thread.join(timeout=2)

    def _run(self) -> None:
        while not self._closing:
            self._wake.wait()
            self._wake.clear()
            self._write_batch()
        self._write_batch()  # what came while the last one was written

    def _write_batch(self) -> None:
        lines = []
        while self._queue:
            lines.append(format_record(*self._queue.popleft()))
        try:
            self._stream.write("".join(lines))
            self._stream.flush()
        except (OSError, ValueError):  # a full disk, a reader that left: serving goes on
            self.dropped += len(lines)


def format_record(at: datetime, record: AccessRecord) -> str:
    """The record as one line of JSON, newline included."""
    content = {"time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"), **record._asdict()}
    content["duration_ms"] = round(content.pop("duration") * 1000, 3)
    upstream_duration = content.pop("upstream_duration")
    content["upstream_ms"] = None if upstream_duration is None else round(upstream_duration * 1000, 3)
    return json.dumps(content, ensure_ascii=False) + "\n"
