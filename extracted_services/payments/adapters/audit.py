"""Both books, whole: the processor's ledger, and ours as one statement sees it."""

import asyncio
import sqlite3
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, null, select, union_all
from sqlalchemy.ext.asyncio import AsyncEngine

from extracted_services.chassis.database import reading
from extracted_services.payments.adapters.processor.ledger import Ledger
from extracted_services.payments.adapters.tables import charges, payments
from extracted_services.payments.domain.agreement import Account, Entry
from extracted_services.payments.domain.charge import Standing
from extracted_services.payments.domain.payment import Status
from extracted_services.payments.service_layer.ports import LedgerUnreadable


class SqlAuditor:
    """The `Auditor` port."""

    def __init__(self, engine: AsyncEngine, ledger: Ledger) -> None:
        self._engine = engine
        self._ledger = ledger

    async def read_accounts(self) -> Sequence[Account]:
        try:
            return await asyncio.to_thread(self._ledger.read)
        except (sqlite3.Error, OSError) as problem:
            raise LedgerUnreadable(str(problem)) from None

    async def read_entries(self) -> Sequence[Entry]:
        dealt = select(
            charges.c.payment_id.label("id"),
            func.coalesce(payments.c.amount_cents, charges.c.amount_cents, 0).label("amount_cents"),
            charges.c.standing,
            payments.c.status,
        ).outerjoin(payments, payments.c.id == charges.c.payment_id)
        elsewhere = (
            select(payments.c.id, payments.c.amount_cents, null(), payments.c.status)
            .outerjoin(charges, charges.c.payment_id == payments.c.id)
            .where(charges.c.payment_id.is_(None))
        )
        async with reading(self._engine) as connection:
            rows = (await connection.execute(union_all(dealt, elsewhere))).all()
        return [
            Entry(UUID(key), cents, standing and Standing(standing), status and Status(status))
            for key, cents, standing, status in rows
        ]
