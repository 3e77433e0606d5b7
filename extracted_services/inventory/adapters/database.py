"""Connections to the inventory database, and how each kind of work begins a transaction on it.

Reading never takes a lock; writing takes the right to write at once, so that a transaction that reads first
cannot fail half-way, or decide on what has changed since, because another process wrote in between.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, event
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from extracted_services.inventory.service_layer.ports import DatabaseUnavailable

LOCK_TIMEOUT_SECONDS = 10
WRITERS_LOCK = 8103  # on PostgreSQL: any number that nothing else in this database takes

_OUR_MISTAKES = (DataError, IntegrityError, NotSupportedError, ProgrammingError)  # not the database's: let them be seen


def open_for_reading(url: URL) -> AsyncEngine:
    """Each statement by itself, without BEGIN and ROLLBACK around it: every read of this service is one SELECT."""
    return _open(url, isolation_level="AUTOCOMMIT", skip_autocommit_rollback=True)


def open_for_writing(url: URL) -> AsyncEngine:
    """Transactions that hold the right to write from their first statement on."""
    engine = _open(url)
    if url.get_backend_name() == "sqlite":
        event.listen(engine.sync_engine, "connect", _leave_begin_to_us)
        event.listen(engine.sync_engine, "begin", _begin_immediate)
    else:
        event.listen(engine.sync_engine, "begin", _wait_for_other_writers)
    return engine


@asynccontextmanager
async def reading(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection of a reading engine. Raises DatabaseUnavailable."""
    with _telling_unavailability():
        async with engine.connect() as connection:
            yield connection


@asynccontextmanager
async def writing(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A transaction of a writing engine, committed at the end. Raises DatabaseUnavailable."""
    with _telling_unavailability():
        async with engine.begin() as connection:
            yield connection


@contextmanager
def _telling_unavailability() -> Iterator[None]:
    try:
        yield
    except _OUR_MISTAKES:
        raise
    except (DBAPIError, PoolTimeout, OSError) as problem:
        raise DatabaseUnavailable(_describe(problem)) from problem


def _open(url: URL, **options: Any) -> AsyncEngine:
    sqlite = url.get_backend_name() == "sqlite"
    if sqlite and url.database:
        _make_folder(Path(url.database))
    try:
        engine = create_async_engine(url, connect_args={"timeout": LOCK_TIMEOUT_SECONDS} if sqlite else {}, **options)
    except ModuleNotFoundError as problem:
        raise DatabaseUnavailable(
            f"the driver for {url.get_backend_name()} is not installed ({problem.name})"
        ) from None
    if sqlite:
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    return engine


def _make_folder(file: Path) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise DatabaseUnavailable(f"cannot make the folder of {file}: {problem.strerror}") from None


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")  # readers go on while a backfill writes
    cursor.execute("PRAGMA synchronous = NORMAL")  # safe with WAL; every row can be copied again
    cursor.close()


def _leave_begin_to_us(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # else sqlite3 begins late, and not at all before a change of schema


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _wait_for_other_writers(connection: Connection) -> None:
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITERS_LOCK})")  # freed with the transaction


def _describe(problem: SQLAlchemyError | OSError) -> str:
    """One line on what the database refused, without statement, parameters or URL."""
    cause = problem.orig if isinstance(problem, DBAPIError) else problem
    lines = str(cause).strip().splitlines()
    return lines[0] if lines else type(cause).__name__
