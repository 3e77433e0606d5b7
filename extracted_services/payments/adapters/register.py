"""Reads payments from the database: one SELECT each, along an index, never more than a page."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from extracted_services.chassis.database import reading
from extracted_services.chassis.keyset import behind
from extracted_services.chassis.paging import NEWEST_FIRST, Page, PageRequest, cut_page
from extracted_services.chassis.sync.inbox import find_imported_at
from extracted_services.chassis.sync.tables import ownership
from extracted_services.payments.adapters.book import ENTITY
from extracted_services.payments.adapters.rows import read_payment
from extracted_services.payments.adapters.tables import payments
from extracted_services.payments.domain.payment import Payment


class SqlRegister:
    """The `Register` port."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def list_payments(self, page: PageRequest, *, customer: str | None, order_id: str | None) -> Page[Payment]:
        query = select(payments)
        if customer is not None:
            query = query.where(payments.c.customer == customer)
        if order_id is not None:
            query = query.where(payments.c.order_id == order_id)
        async with reading(self._engine) as connection:
            rows = (await connection.execute(behind(query, payments.c.id, NEWEST_FIRST, page))).all()
        return cut_page([read_payment(row) for row in rows], page.limit, lambda payment: str(payment.id))

    async def find_payment(self, payment_id: UUID, *, customer: str | None) -> Payment | None:
        query = select(payments).where(payments.c.id == str(payment_id))
        if customer is not None:
            query = query.where(payments.c.customer == customer)
        async with reading(self._engine) as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else read_payment(row)

    async def is_filled(self) -> bool:
        """Whether a whole backfill has ended, or payments were handed to this side at some time (an epoch above 1)."""
        async with reading(self._engine) as connection:
            epoch = await connection.scalar(select(ownership.c.epoch).where(ownership.c.entity == ENTITY))
            return (epoch or 0) > 1 or await find_imported_at(connection, [ENTITY]) is not None

    async def list_of_order(self, order_id: str) -> list[Payment]:
        query = select(payments).where(payments.c.order_id == order_id).order_by(payments.c.id)
        async with reading(self._engine) as connection:
            return [read_payment(row) for row in await connection.execute(query)]
