"""[IO] The state store's file: opened, brought to the present form, and set aside when it is damaged.

What is in it can be lost without harm to any request, so a damaged file never stops a server: it is kept for a person
to look at, and a new one takes its place. A file of a later release is left alone.
"""

import contextlib
import os
import sqlite3
from datetime import datetime
from pathlib import Path
from typing import Final

from proxy.config.aside import set_aside

FILE: Final = "state.db"

MAX_FILE_BYTES: Final = 256 * 1024 * 1024  # SQLite itself keeps to it, whatever retention forgets
MAX_SET_ASIDE: Final = 2
BUSY_SECONDS: Final = 0.5  # who cannot write now writes a batch later

_APPLICATION_ID: Final = 0x5F16  # in the file's header: ours
_PAGE_BYTES: Final = 4096
_DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        """CREATE TABLE pairs (
            route TEXT NOT NULL, rules TEXT NOT NULL, bucket INTEGER NOT NULL, outcome TEXT NOT NULL,
            count INTEGER NOT NULL, PRIMARY KEY (route, rules, bucket, outcome)) WITHOUT ROWID""",
        """CREATE TABLE fields (
            route TEXT NOT NULL, rules TEXT NOT NULL, bucket INTEGER NOT NULL, path TEXT NOT NULL, kind TEXT NOT NULL,
            raw INTEGER NOT NULL, noise INTEGER NOT NULL,
            PRIMARY KEY (route, rules, bucket, path, kind)) WITHOUT ROWID""",
        "CREATE INDEX fields_by_age ON fields (bucket)",
        "CREATE TABLE exchanges (id INTEGER PRIMARY KEY, at REAL NOT NULL, line TEXT NOT NULL, bytes INTEGER NOT NULL)",
        """CREATE TABLE examples (
            route TEXT NOT NULL, rules TEXT NOT NULL, path TEXT NOT NULL, kind TEXT NOT NULL, at REAL NOT NULL,
            request TEXT NOT NULL, place TEXT NOT NULL, left_text TEXT, right_text TEXT,
            exchange INTEGER REFERENCES exchanges (id) ON DELETE SET NULL)""",
        "CREATE INDEX examples_by_field ON examples (route, rules, path, kind, at)",
        "CREATE INDEX examples_by_exchange ON examples (exchange)",
    ),
)
"""The statements that lead from each version of the file to the next; `PRAGMA user_version` counts those done."""


class Damaged(Exception):
    """The file is no database of ours, or no longer one."""


class LaterVersion(Exception):
    """A later release has written the file."""


def state_path(state_dir: str) -> Path:
    return Path(state_dir, FILE)


def open_state(path: Path, *, max_bytes: int = MAX_FILE_BYTES, check: bool = True) -> sqlite3.Connection:
    """The file, to be written by one thread; made if it is not there, for its owner alone (mode 0600).

    Transactions are the caller's to begin. `check` reads all of the file, to find damage before it is built upon.
    Raises Damaged, LaterVersion, sqlite3.Error or OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with contextlib.suppress(FileExistsError):  # what SQLite keeps beside the file takes the file's mode
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        _prepare(connection, max_bytes, check)
    except sqlite3.DatabaseError as error:
        connection.close()
        raise (Damaged(str(error)) if is_damage(error) else error) from error
    except BaseException:
        connection.close()
        raise
    return connection


def open_for_reading(path: Path) -> sqlite3.Connection:
    """The file as it is. Raises FileNotFoundError, Damaged, LaterVersion or sqlite3.Error."""
    if not path.exists():
        raise FileNotFoundError(path)
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS)
    try:
        version = _version(connection)
    except sqlite3.DatabaseError as error:
        connection.close()
        raise (Damaged(str(error)) if is_damage(error) else error) from error
    except BaseException:
        connection.close()
        raise
    if version < len(MIGRATIONS):  # a server is about to write it
        connection.close()
        raise FileNotFoundError(path)
    return connection


def set_state_aside(path: Path, now: datetime) -> Path:
    """Moves a damaged file out of the way, and removes the oldest of those moved before. Raises OSError."""
    kept = set_aside(path, now)
    for suffix in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(kept.with_name(kept.name + suffix))
    files = [file for file in path.parent.glob(f"{path.name}.broken-*") if not file.name.endswith(("-wal", "-shm"))]
    for old in sorted(files)[:-MAX_SET_ASIDE]:
        for suffix in ("", "-wal", "-shm"):
            old.with_name(old.name + suffix).unlink(missing_ok=True)
    return kept


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file itself is at fault, and not its disk, its permissions, or somebody who holds it."""
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _DAMAGED


def _prepare(connection: sqlite3.Connection, max_bytes: int, check: bool) -> None:
    _version(connection)  # before anything is changed
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # of use only before the first table
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")  # a power cut may cost the last second, never the file
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA journal_size_limit = 16777216")
    connection.execute(f"PRAGMA max_page_count = {max_bytes // _PAGE_BYTES}")
    if check and (found := connection.execute("PRAGMA quick_check(1)").fetchone()) != ("ok",):
        raise Damaged(str(found[0]) if found else "it cannot be checked")
    connection.execute("BEGIN IMMEDIATE")
    version = _version(connection)
    for statements in MIGRATIONS[version:]:
        for statement in statements:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
    connection.execute("COMMIT")


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    owner: int = connection.execute("PRAGMA application_id").fetchone()[0]
    if owner not in (0, _APPLICATION_ID):
        raise Damaged("it is a database of another program")
    if version > len(MIGRATIONS):
        raise LaterVersion(f"the file has version {version}, and this release writes {len(MIGRATIONS)}")
    return version
