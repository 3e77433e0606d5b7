"""The backfill's side of the database: what it holds of each stretch of keys, and how far each run came.

A page's rows and the run's new place are one transaction. A run is advanced only from the very page count
that was read with it: of two processes on one run, the slower one stops.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, exists, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from extracted_services.chassis.database import reading, writing
from extracted_services.chassis.paging import Page
from extracted_services.chassis.sync.inbox import find_imported_at
from extracted_services.chassis.sync.ownership import NotOwner, require_owner
from extracted_services.inventory.adapters.applier import ENTITIES
from extracted_services.inventory.adapters.rows import PRODUCTS, STOCK, Shelf
from extracted_services.inventory.adapters.tables import backfill_runs
from extracted_services.inventory.adapters.upserts import insert_missing, put
from extracted_services.inventory.domain.backfill import (
    Change,
    Collection,
    Item,
    Run,
    Tally,
    advance,
    may_resume,
    plan_change,
    start_run,
)
from extracted_services.inventory.domain.model import Product, StockLevel
from extracted_services.inventory.service_layer.ports import RunOvertaken, StockIsOurs

BACKFILLING = 8103  # on PostgreSQL: any number that nothing else in this database takes


class SqlRuns:
    """The `Runs` port."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def find_imported_at(self) -> datetime | None:
        async with reading(self._engine) as connection:
            return await find_imported_at(connection, ENTITIES)

    async def find_finished(self) -> Run | None:
        query = select(backfill_runs).where(backfill_runs.c.finished_at.is_not(None))
        async with reading(self._engine) as connection:
            row = (await connection.execute(query.order_by(backfill_runs.c.id.desc()).limit(1))).one_or_none()
        return None if row is None else _read_run(row)

    async def find_unfinished(self) -> Run | None:
        async with reading(self._engine) as connection:
            run = await _find_latest(connection)
        return run if run is not None and run.finished_at is None else None


class SqlStore:
    """The `Store` port; every call has the database's backfills to itself."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def open_run(self, source: str, now: datetime, *, restart: bool) -> Run:
        async with _writing_alone(self._engine) as connection:
            latest = await _find_latest(connection)
            if latest is not None and not restart and may_resume(latest, source, now):
                return latest
            run = start_run(1 if latest is None else latest.id + 1, source, now)
            await connection.execute(insert(backfill_runs), _write_run(run))
        return run

    async def holds_any(self, collection: Collection) -> bool:
        table = PRODUCTS.table if collection == "products" else STOCK.table
        async with reading(self._engine) as connection:
            return bool(await connection.scalar(select(exists().select_from(table))))

    async def apply_products(self, run: Run, page: Page[Product], now: datetime) -> Run:
        return await self._apply(PRODUCTS, run, page, now)

    async def apply_stock(self, run: Run, page: Page[StockLevel], now: datetime) -> Run:
        return await self._apply(STOCK, run, page, now)

    async def _apply(self, shelf: Shelf[Item], run: Run, page: Page[Item], now: datetime) -> Run:
        async with _writing_alone(self._engine) as connection:
            await _claim(connection, run)
            change = plan_change(await _read_stretch(connection, shelf, run.after, page), page)
            await _carry_out(connection, shelf, change)
            advanced = advance(run, change.tally(page), page.next, now)
            await connection.execute(update(backfill_runs).where(backfill_runs.c.id == run.id), _write_run(advanced))
        return advanced


@asynccontextmanager
async def _writing_alone(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A transaction of one backfill at a time; other writers go on. Raises StockIsOurs."""
    async with writing(engine) as connection:
        await _require_monolith_to_own_stock(connection)
        if connection.dialect.name == "postgresql":
            await connection.execute(text(f"SELECT pg_advisory_xact_lock({BACKFILLING})"))  # freed with the transaction
        yield connection


async def _require_monolith_to_own_stock(connection: AsyncConnection) -> None:
    try:
        await require_owner(connection, "stock")
    except NotOwner:
        return
    raise StockIsOurs


async def _find_latest(connection: AsyncConnection) -> Run | None:
    row = (await connection.execute(select(backfill_runs).order_by(backfill_runs.c.id.desc()).limit(1))).one_or_none()
    return None if row is None else _read_run(row)


async def _claim(connection: AsyncConnection, run: Run) -> None:
    latest = select(backfill_runs.c.id, backfill_runs.c.pages).order_by(backfill_runs.c.id.desc()).limit(1)
    row = (await connection.execute(latest)).one_or_none()
    if row is None or (row.id, row.pages) != (run.id, run.pages):
        raise RunOvertaken


async def _read_stretch(connection: AsyncConnection, shelf: Shelf[Item], after: str, page: Page[Item]) -> list[Item]:
    key = shelf.table.c.sku
    query = select(shelf.table).where(key > after)
    if page.next is not None:
        query = query.where(key <= page.items[-1].sku)
    rows = await connection.execute(query.order_by(key).with_for_update())  # else an event could change them meanwhile
    return [shelf.read(row) for row in rows]


async def _carry_out(connection: AsyncConnection, shelf: Shelf[Item], change: Change[Item]) -> None:
    if change.removed:
        await connection.execute(delete(shelf.table).where(shelf.table.c.sku.in_(change.removed)))
    for item in change.changed:
        await put(connection, shelf.table, _as_copied(shelf, item))
    for item in change.added:
        await insert_missing(connection, shelf.table, _as_copied(shelf, item))  # what an event brought by now stays


def _as_copied(shelf: Shelf[Item], item: Item) -> Mapping[str, Any]:
    return {**shelf.write(item), "peer_version": 0}


def _write_run(run: Run) -> Mapping[str, Any]:
    return asdict(run)


def _read_run(row: Row[Any]) -> Run:
    values = row._asdict()
    tallies = {collection: Tally(**tally) for collection, tally in values.pop("tallies").items()}
    return Run(**values, tallies=tallies)
