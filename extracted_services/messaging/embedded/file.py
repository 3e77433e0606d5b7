"""Opens the log's file, and runs work on it away from the event loop. The only module that knows SQLite's settings.

A `Lane` is one connection on one thread of its own, so calls on it are in order. Whatever SQLite cannot do at the
moment (locked, disk full, unreadable) becomes BusUnavailable with nothing half done; the next call opens the file anew.
So does a file that was removed: those who go on with it and those who started since would not hear of each other.
"""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, TypeVar

from extracted_services.messaging.ports import BusUnavailable

Result = TypeVar("Result")
Synchronous = Literal["FULL", "NORMAL"]
FileId = tuple[int, int]

VERSION = 1
BUSY_SECONDS = 10.0
SCHEMA = """
CREATE TABLE IF NOT EXISTS partition (
    topic TEXT NOT NULL, partition INTEGER NOT NULL,
    start INTEGER NOT NULL DEFAULT 0,  -- the oldest offset that is kept
    next INTEGER NOT NULL DEFAULT 0,   -- the offset of the message to come
    PRIMARY KEY (topic, partition)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS log (
    topic TEXT NOT NULL, partition INTEGER NOT NULL, offset INTEGER NOT NULL,
    id TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,
    published_at REAL NOT NULL         -- seconds since 1970
);
CREATE UNIQUE INDEX IF NOT EXISTS log_place ON log (topic, partition, offset);
CREATE UNIQUE INDEX IF NOT EXISTS log_id ON log (topic, id);
CREATE TABLE IF NOT EXISTS member (
    consumers TEXT NOT NULL, topic TEXT NOT NULL, member TEXT NOT NULL,
    expires REAL NOT NULL,             -- of the clock that does not jump; see groups.py
    PRIMARY KEY (consumers, topic, member)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS reader (
    consumers TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL,
    next INTEGER NOT NULL,             -- the first offset not handled yet
    member TEXT, expires REAL NOT NULL DEFAULT 0,
    epoch INTEGER NOT NULL DEFAULT 0,  -- raised by each claim and each replay: what an old claim writes is refused
    PRIMARY KEY (consumers, topic, partition)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dead_letter (
    consumers TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL, offset INTEGER NOT NULL,
    id TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,
    attempts INTEGER NOT NULL, reason TEXT NOT NULL, at REAL NOT NULL,
    PRIMARY KEY (consumers, topic, partition, offset)
);
"""


class Lane:
    """One connection, one thread. `FULL` makes a commit survive a power cut, `NORMAL` (cheaper) a killed process."""

    def __init__(self, path: Path, synchronous: Synchronous) -> None:
        self._path = path
        self._synchronous: Synchronous = synchronous
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="bus")
        self._connection: sqlite3.Connection | None = None
        self.file: FileId | None = None
        """The one that was opened last."""

    async def run(self, act: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run `act` on the lane's thread. Raises BusUnavailable, and what `act` itself raises."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, act)

    async def close(self) -> None:
        """Give file and thread back, after what is under way."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._forget)
        self._thread.shutdown()

    def _run(self, act: Callable[[sqlite3.Connection], Result]) -> Result:
        try:
            if self._connection is None:
                self._connection = connect(self._path, self._synchronous)
                self.file = identify(self._path)
            elif identify(self._path) != self.file:
                raise FileNotFoundError("the file was removed or replaced")
            return act(self._connection)
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
            raise  # a mistake of ours
        except (sqlite3.DatabaseError, OSError) as error:
            self._forget()
            raise BusUnavailable(f"{self._path}: {error}") from error

    def _forget(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def identify(path: Path) -> FileId | None:
    """Which file is there; None if none is. Nobody else's for as long as somebody has it open."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def connect(path: Path, synchronous: Synchronous) -> sqlite3.Connection:
    """A connection in autocommit mode to a file that has the schema. Raises sqlite3.Error, OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        patiently(lambda: connection.execute("PRAGMA journal_mode = WAL"))
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        with writing(connection):
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                for statement in SCHEMA.split(";\n"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {VERSION}")
    except BaseException:
        connection.close()
        raise
    if version > VERSION:
        connection.close()
        raise sqlite3.DatabaseError(f"the log has version {version}, this program knows {VERSION}")
    return connection


class Watch:
    """Tells whether anybody has written since the last time it was asked.

    Asked on the event loop, because a thread's switch costs more than the question: SQLite's change counter lies in
    shared memory, no table is read, and nothing is waited for.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._opened: FileId | None = None
        self._counter: int | None = None

    def changed(self) -> bool:
        """True also when it cannot be told."""
        try:
            if self._connection is not None and identify(self._path) != self._opened:
                self.close()
            if self._connection is None:
                self._connection = sqlite3.connect(self._path, timeout=0, isolation_level=None)
                self._opened = identify(self._path)
            counter: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
        except sqlite3.Error:
            self.close()
            return True
        before, self._counter = self._counter, counter
        return counter != before

    def close(self) -> None:
        connection, self._connection, self._counter = self._connection, None, None
        if connection is not None:
            connection.close()


def patiently(act: Callable[[], object]) -> None:
    """Turning WAL on does not heed the busy timeout when several processes do it at once; this does."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            act()
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


@contextlib.contextmanager
def writing(connection: sqlite3.Connection) -> Iterator[None]:
    """One transaction, which holds the write lock from its first statement on: all of it or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk may have ended it already
            connection.execute("ROLLBACK")
        raise
