"""Connections to a service's own database, and how each kind of work begins a transaction on it.

Reading takes no lock. Writing on SQLite takes the right to write from its first statement on, so that a transaction
that reads first cannot fail half-way; on PostgreSQL (READ COMMITTED) writers run side by side, and whoever decides on
a row locks that row (`with_for_update`, or an UPDATE with its condition).
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import URL, Connection, event
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    DisconnectionError,
    IntegrityError,
    NotSupportedError,
    ProgrammingError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

LOCK_SECONDS = 10.0
CONNECT_SECONDS = 5

_OUR_MISTAKES = (DataError, IntegrityError, NotSupportedError, ProgrammingError)  # not the database's: let them be seen
_READ_ONLY = "chassis_read_only"
_IN_LINE: WeakKeyDictionary[AsyncEngine, asyncio.Lock] = WeakKeyDictionary()


class DatabaseUnavailable(Exception):
    """The database cannot be opened or asked; says why in one line, without secrets."""


def open_engine(url: URL, *, lock_seconds: float = LOCK_SECONDS) -> AsyncEngine:
    """The one engine of a process; `dispose()` it at the end. Opens no connection yet. Raises DatabaseUnavailable.

    Whoever waits longer than `lock_seconds` for what another transaction holds gets DatabaseUnavailable.
    """
    try:
        return (
            _open_sqlite(url, lock_seconds) if url.get_backend_name() == "sqlite" else _open_server(url, lock_seconds)
        )
    except ModuleNotFoundError as problem:
        raise DatabaseUnavailable(
            f"the driver for {url.get_backend_name()} is not installed ({problem.name})"
        ) from None


@asynccontextmanager
async def reading(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection on which each SELECT stands by itself, without BEGIN and ROLLBACK. Raises DatabaseUnavailable."""
    options: dict[str, Any] = (
        {_READ_ONLY: True} if engine.dialect.name == "sqlite" else {"isolation_level": "AUTOCOMMIT"}
    )
    with _telling_unavailability():
        async with engine.connect() as connection:
            yield await connection.execution_options(**options)


@asynccontextmanager
async def writing(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A transaction, committed at the end, rolled back when the block raises. Raises DatabaseUnavailable.

    Never one inside another: on SQLite the inner one would wait for the outer one.
    """
    with _telling_unavailability():
        async with _turn(engine), engine.begin() as connection:
            yield connection


def _turn(engine: AsyncEngine) -> AbstractAsyncContextManager[object]:
    """SQLite has one writer, and those who wait for it poll: in one process they had better stand in line."""
    if engine.dialect.name != "sqlite":
        return nullcontext()
    return _waiting(_IN_LINE.setdefault(engine, asyncio.Lock()))


@asynccontextmanager
async def _waiting(lock: asyncio.Lock) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(LOCK_SECONDS):
            await lock.acquire()
    except TimeoutError:
        raise DatabaseUnavailable("the database is busy") from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _telling_unavailability() -> Iterator[None]:
    try:
        yield
    except _OUR_MISTAKES:
        raise
    except (DBAPIError, PoolTimeout) as problem:
        raise DatabaseUnavailable(_describe(problem)) from problem


def _open_sqlite(url: URL, lock_seconds: float) -> AsyncEngine:
    if url.database:
        _make_folder(Path(url.database))
    engine = create_async_engine(url, hide_parameters=True, connect_args={"timeout": lock_seconds})
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_immediate)
    if url.database:
        _follow(engine, Path(url.database))
    return engine


def _open_server(url: URL, lock_seconds: float) -> AsyncEngine:
    # A connection that a restarted server has cut is found by the ping, and replaced, before a request is lost on it.
    limits = f"-c lock_timeout={round(lock_seconds * 1000)}ms -c TimeZone=UTC"
    connecting = {"connect_timeout": CONNECT_SECONDS, "options": limits}
    return create_async_engine(url, hide_parameters=True, pool_pre_ping=True, connect_args=connecting)


def _make_folder(file: Path) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise DatabaseUnavailable(f"cannot make the folder of {file}: {problem.strerror}") from None


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # else sqlite3 begins late, and not at all before a change of schema
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")  # readers go on while someone writes
    cursor.execute("PRAGMA synchronous = FULL")  # what was answered is still there after a power cut
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _follow(engine: AsyncEngine, file: Path) -> None:
    """Replace a pooled connection whose file was removed: what is written there is gone when the last one closes."""

    def note(_connection: Any, record: Any) -> None:
        record.info["file"] = _identify(file)

    def compare(_connection: Any, record: Any, _proxy: Any) -> None:
        if record.info["file"] != _identify(file):
            raise DisconnectionError(f"{file} was removed or replaced")

    event.listen(engine.sync_engine, "connect", note)
    event.listen(engine.sync_engine, "checkout", compare)


def _identify(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _begin_immediate(connection: Connection) -> None:
    if not connection.get_execution_options().get(_READ_ONLY):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _describe(problem: SQLAlchemyError) -> str:
    """One line on what the database refused, without statement, parameters or URL."""
    cause = problem.orig if isinstance(problem, DBAPIError) else problem
    lines = str(cause).strip().splitlines()
    return lines[0] if lines else type(cause).__name__
