"""Reads reservations from the database, and finds what the owner of stock has to see to; one SELECT each."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncEngine

from extracted_services.chassis.database import reading
from extracted_services.chassis.keyset import behind
from extracted_services.chassis.paging import NEWEST_FIRST, Page, PageRequest, cut_page
from extracted_services.inventory.adapters.rows import read_reservation
from extracted_services.inventory.adapters.tables import products, reservations, stock_levels
from extracted_services.inventory.domain.reservations import Reservation, Status


class SqlReservations:
    """The `Reservations` port."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def list_newest(
        self, page: PageRequest, *, customer: str | None, order_id: str | None = None
    ) -> Page[Reservation]:
        query = select(reservations)
        if customer is not None:
            query = query.where(reservations.c.customer == customer)
        if order_id is not None:
            query = query.where(reservations.c.order_id == order_id)
        async with reading(self._engine) as connection:
            rows = (await connection.execute(behind(query, reservations.c.id, NEWEST_FIRST, page))).all()
        return cut_page([read_reservation(row) for row in rows], page.limit, lambda item: item.id)

    async def find(self, reservation_id: str, *, customer: str | None) -> Reservation | None:
        query = select(reservations).where(reservations.c.id == reservation_id)
        if customer is not None:
            query = query.where(reservations.c.customer == customer)
        async with reading(self._engine) as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else read_reservation(row)


class SqlDuties:
    """The `Duties` port."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def find_overdue(self, now: datetime, limit: int) -> Sequence[str]:
        is_overdue = reservations.c.expires_at <= now, reservations.c.status == Status.HELD.value
        query = select(reservations.c.id).where(*is_overdue).order_by(reservations.c.expires_at).limit(limit)
        async with reading(self._engine) as connection:
            return list((await connection.execute(query)).scalars())

    async def find_without_level(self, limit: int) -> Sequence[str]:
        has_level = exists().where(stock_levels.c.sku == products.c.sku)
        query = select(products.c.sku).where(products.c.removed.is_(False), ~has_level)
        async with reading(self._engine) as connection:
            return list((await connection.execute(query.order_by(products.c.sku).limit(limit))).scalars())
