"""Stock and reservations in the database, to be changed: what is saved here is told in the same transaction.

Locks are taken in one order everywhere: ownership, the key of a kept answer, levels by SKU, a reservation, and the
counter of events last, because every transaction of the service meets there.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Table, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from extracted_services.chassis.answers import Answer, Asked
from extracted_services.chassis.database import writing
from extracted_services.chassis.kept_answers import KeptAnswers
from extracted_services.chassis.sync.outbox import Change, record
from extracted_services.chassis.sync.ownership import require_owner
from extracted_services.inventory.adapters.rows import (
    read_lines,
    read_reservation,
    read_stock,
    write_reservation,
    write_stock,
)
from extracted_services.inventory.adapters.states import show_level, show_reservation
from extracted_services.inventory.adapters.tables import kept_answers, products, reservations, stock_levels
from extracted_services.inventory.adapters.upserts import insert_missing
from extracted_services.inventory.domain.model import StockLevel
from extracted_services.inventory.domain.reservations import Line, Reservation, Shortage, Status

STOCK = "stock"
TYPES = {
    Status.HELD: "InventoryReserved",
    Status.COMMITTED: "InventoryCommitted",
    Status.RELEASED: "InventoryReleased",
}


class ChangedMeanwhile(RuntimeError):
    """A row that was locked has another version now: somebody saved what they had not locked."""


class SqlWarehouse:
    """The `Warehouse` port, and the first answers that belong to it, on one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._answers = KeptAnswers(kept_answers, connection)
        self._answer: Answer | None = None
        self._levels: list[StockLevel] = []
        self._reservations: list[Reservation] = []
        self._rejections: list[tuple[str, Shortage]] = []

    async def claim(self, asked: Asked) -> Answer | None:
        return await self._answers.claim(asked)

    async def keep(self, answer: Answer) -> None:
        await self._answers.keep(answer)
        self._answer = answer

    async def find_products(self, skus: Sequence[str]) -> frozenset[str]:
        query = select(products.c.sku).where(products.c.sku.in_(skus), products.c.removed.is_(False))
        return frozenset((await self._connection.execute(query)).scalars())

    async def lock_levels(self, skus: Sequence[str]) -> Mapping[str, StockLevel]:
        query = select(stock_levels).where(stock_levels.c.sku.in_(skus)).order_by(stock_levels.c.sku)
        rows = await self._connection.execute(query.with_for_update())
        return {row.sku: read_stock(row) for row in rows}

    async def find_lines(self, reservation_id: str) -> tuple[Line, ...] | None:
        query = select(reservations.c.lines).where(reservations.c.id == reservation_id)
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else read_lines(row.lines)

    async def lock_reservation(self, reservation_id: str) -> Reservation:
        query = select(reservations).where(reservations.c.id == reservation_id)
        return read_reservation((await self._connection.execute(query.with_for_update())).one())

    async def add_levels(self, levels: Sequence[StockLevel]) -> None:
        for level in levels:
            added = await insert_missing(self._connection, stock_levels, {**write_stock(level), "peer_version": 0})
            self._levels += [level] if added else []

    async def save_levels(self, levels: Sequence[StockLevel]) -> None:
        for level in levels:
            await self._save(stock_levels, stock_levels.c.sku == level.sku, level.version, write_stock(level))
        self._levels += levels

    async def add_reservation(self, reservation: Reservation) -> None:
        await self._connection.execute(insert(reservations), {**write_reservation(reservation), "peer_version": 0})
        self._reservations.append(reservation)

    async def save_reservation(self, reservation: Reservation) -> None:
        row = write_reservation(reservation)
        await self._save(reservations, reservations.c.id == reservation.id, reservation.version, row)
        self._reservations.append(reservation)

    async def reject(self, order_id: str, shortage: Shortage) -> None:
        self._rejections.append((order_id, shortage))

    def changes(self) -> list[Change]:
        """What is to be told of this transaction."""
        answer = None if self._answer is None else self._answer.as_data()
        return [
            *(Change("StockChanged", level.sku, level.version, {"level": show_level(level)}) for level in self._levels),
            *(
                Change(
                    TYPES[item.status], item.id, item.version, {"reservation": show_reservation(item), "answer": answer}
                )
                for item in self._reservations
            ),
            *(
                Change("InventoryRejected", order_id, 0, {"order_id": order_id, "short": dict(shortage.available)})
                for order_id, shortage in self._rejections
            ),
        ]

    async def _save(self, table: Table, is_it: Any, version: int, row: Mapping[str, Any]) -> None:
        statement = update(table).where(is_it, table.c.version == version - 1).values(row)
        if (await self._connection.execute(statement)).rowcount != 1:
            raise ChangedMeanwhile(f"{table.name}: there is no version {version - 1} to follow")


def open_warehouse(engine: AsyncEngine, on_told: Callable[[], None]) -> Callable[[], Any]:
    """The `OpenWarehouse` port; `on_told` is called after a commit that has events to be published."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[SqlWarehouse]:
        async with writing(engine) as connection:
            owned = await require_owner(connection, STOCK)
            warehouse = SqlWarehouse(connection)
            yield warehouse
            changes = warehouse.changes()
            if changes:
                await record(connection, owned, *changes)
        if changes:
            on_told()

    return opened
