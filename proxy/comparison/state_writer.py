"""[IO] Writes tallies and examples to the state store's file, and begins anew with it when it is lost or damaged.

For one thread. A file that cannot be written is told once in the log and tried again with the next batch; meanwhile
counts are kept, within bounds, and examples are not.
"""

import contextlib
import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from proxy import clock
from proxy.comparison import retention
from proxy.comparison.capture_format import encode
from proxy.comparison.difference import shown
from proxy.comparison.state_file import Damaged, LaterVersion, is_damage, open_state, set_state_aside
from proxy.comparison.tally import COMPARED, Judged, Tally
from proxy.observability.log import Log
from proxy.wire.exchange import Exchange

SWEEP_SECONDS: Final = 60.0
MAX_UNWRITTEN: Final = 50_000  # counts that wait for a file that cannot be written

Now = Callable[[], datetime]

_ADD_PAIRS: Final = """INSERT INTO pairs (route, rules, bucket, outcome, count) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET count = count + excluded.count"""
_ADD_FIELDS: Final = """INSERT INTO fields (route, rules, bucket, path, kind, raw, noise) VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET raw = raw + excluded.raw, noise = noise + excluded.noise"""
_ADD_EXAMPLE: Final = """INSERT INTO examples
    (route, rules, path, kind, at, request, place, left_text, right_text, exchange)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""


_PASSING: Final = (sqlite3.Error, OSError, Damaged, LaterVersion)
"""After these a batch may be written later. Another one would be our own mistake, which it may bring about again."""


class StateWriter:
    """The connection, and what is not in the file yet. Lives in one thread."""

    def __init__(self, path: Path, log: Log, now: Now, max_bytes: int) -> None:
        self.failing: str | None = None
        self._path = path
        self._log = log
        self._now = now
        self._tally = Tally()
        self._connection: sqlite3.Connection | None = None
        self._max_bytes = max_bytes
        self._checked: tuple[int, int] | None = None  # device and inode of the file that was looked through
        self._swept: float | None = None

    def write(self, batch: list[Judged]) -> int:
        """Adds a batch. The answer is how many pairs had to be given up."""
        if not batch and not self._tally and self._connection is None:
            return 0  # no file is made before there is something to keep
        try:
            for judged in batch:
                self._tally.add(judged)
            connection = self._open()
            if self._tally:
                self._commit(connection, batch)
            self._sweep(connection)
        except Exception as error:  # whatever it is, the thread must be there for the next batch
            return self._failed(error)
        if self.failing is not None:
            self._log.info("state_written_again", file=str(self._path))
            self.failing = None
        return 0

    def close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        """The connection, made anew when the file is another one than before, or none."""
        if self._connection is not None and self._checked == _identity(self._path):
            return self._connection
        self.close()
        is_new = self._checked != _identity(self._path)
        try:
            self._connection = open_state(self._path, max_bytes=self._max_bytes, check=is_new)
        except Damaged as error:
            self._set_aside(str(error))
            self._connection = open_state(self._path, max_bytes=self._max_bytes)
        self._checked = _identity(self._path)
        self._learn_fields(self._connection)
        return self._connection

    def _learn_fields(self, connection: sqlite3.Connection) -> None:
        for route, rules, path, kind in connection.execute("SELECT DISTINCT route, rules, path, kind FROM fields"):
            self._tally.known.setdefault((route, rules), set()).add((path, kind))

    def _set_aside(self, why: str) -> None:
        kept = set_state_aside(self._path, self._now())
        self._log.failure("state_set_aside", file=str(self._path), kept_as=str(kept), detail=why)

    def _commit(self, connection: sqlite3.Connection, batch: list[Judged]) -> None:
        tally = self._tally
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.executemany(_ADD_PAIRS, [(*key, count) for key, count in tally.pairs.items()])
            keys = dict.fromkeys([*tally.raw, *tally.noise])
            connection.executemany(_ADD_FIELDS, [(*key, tally.raw[key], tally.noise[key]) for key in keys])
            for judged in batch:
                if judged.example is not None:
                    _add_example(connection, judged, judged.example)
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
        tally.clear()

    def _sweep(self, connection: sqlite3.Connection) -> None:
        if self._swept is not None and clock.monotonic() - self._swept < SWEEP_SECONDS:
            return
        retention.sweep(connection, self._now().timestamp())
        self._tally.known.clear()
        self._learn_fields(connection)
        self._swept = clock.monotonic()

    def _failed(self, error: Exception) -> int:
        """Tells why, once; the file is opened again next time, and set aside then if it is damaged."""
        reason = str(error) or type(error).__name__
        if reason != self.failing:
            self._log.failure("state_not_written", file=str(self._path), detail=reason)
            self.failing = reason
        self.close()
        if isinstance(error, sqlite3.Error) and is_damage(error):
            with contextlib.suppress(OSError):
                self._set_aside(reason)
        if len(self._tally) <= MAX_UNWRITTEN and isinstance(error, _PASSING):
            return 0
        given_up = sum(count for key, count in self._tally.pairs.items() if key[-1] == COMPARED)
        self._tally.clear()
        return given_up


def _add_example(connection: sqlite3.Connection, judged: Judged, example: Exchange) -> None:
    at, line = judged.at.timestamp(), encode(example)
    row = (at, line.decode(), len(line))
    exchange = connection.execute("INSERT INTO exchanges (at, line, bytes) VALUES (?, ?, ?)", row)
    request = shown(f"{example.request.method} {example.request.target}")
    first = {(each.path, each.kind): each for each in reversed(judged.comparison.differences)}
    connection.executemany(
        _ADD_EXAMPLE,
        [
            (*judged.group, path, kind.value, at, request, each.place, each.left, each.right, exchange.lastrowid)
            for (path, kind), each in first.items()
        ],
    )


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from another one of its name; None when there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
