"""The book of payments on SQL: a change is one transaction, which holds the state, its first answer and its event."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from extracted_services.chassis.answers import Answer, Asked
from extracted_services.chassis.database import reading, writing
from extracted_services.chassis.kept_answers import KeptAnswers
from extracted_services.chassis.sync import outbox
from extracted_services.chassis.sync.ownership import Owned, require_owner
from extracted_services.chassis.sync.tables import SERVICE, ownership
from extracted_services.payments.adapters.rows import read_charge, read_payment, write_charge, write_payment
from extracted_services.payments.adapters.states import show_state
from extracted_services.payments.adapters.tables import UNSETTLED, charges, kept_answers, payments
from extracted_services.payments.domain.charge import SERVICES, Charge, Terms
from extracted_services.payments.domain.payment import Payment, Status
from extracted_services.payments.service_layer.ports import Told, Transaction

ENTITY = "payment"


class SqlBook:
    """The `Book` port. `poke` says that an event was committed."""

    def __init__(self, engine: AsyncEngine, poke: Callable[[], None] = lambda: None) -> None:
        self._engine = engine
        self._poke = poke

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Transaction]:
        async with writing(self._engine) as connection:
            transaction = SqlTransaction(connection)
            yield transaction
        if transaction.has_told:
            self._poke()

    async def is_owner(self) -> bool:
        async with reading(self._engine) as connection:
            owner = await connection.scalar(select(ownership.c.owner).where(ownership.c.entity == ENTITY))
        return bool(owner == SERVICE)

    async def list_unsettled(self, before: datetime, limit: int) -> Sequence[Charge]:
        query = select(charges).where(UNSETTLED, charges.c.changed_at < before)
        async with reading(self._engine) as connection:
            rows = await connection.execute(query.order_by(charges.c.changed_at).limit(limit))
            return [read_charge(row) for row in rows]


class SqlTransaction:
    """The `Transaction` port on an open connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._kept = KeptAnswers(kept_answers, connection)
        self._owned: Owned | None = None
        self.has_told = False

    async def require_owner(self) -> None:
        self._owned = await require_owner(self._connection, ENTITY)

    async def find_kept(self, asked: Asked) -> Answer | None:
        kept = await self._kept.find(asked.customer, asked.path, asked.key)
        return kept if kept is not None and kept.is_given else None

    async def keep(self, answer: Answer) -> None:
        await self._kept.adopt(answer)  # under the charge's lock, so there is none for this key yet

    async def open_charge(self, charge: Charge) -> Charge:
        asked = charge.asked
        dialect = sqlite if self._connection.dialect.name == "sqlite" else postgresql
        adding = dialect.insert(charges).values(write_charge(charge)).on_conflict_do_nothing()
        added = await self._connection.execute(adding.returning(charges.c.payment_id))
        if asked is None or added.first() is not None:
            return charge
        same_key = select(charges).where(
            charges.c.asked_customer == asked.customer,
            charges.c.asked_path == asked.path,
            charges.c.asked_key == asked.key,
        )
        # Its key may have been given free between the two statements; then this one begins anew.
        found = await self._first(same_key.with_for_update())
        return await self.open_charge(charge) if found is None else read_charge(found)

    async def lock_charge(self, payment_id: UUID) -> Charge | None:
        row = await self._first(select(charges).where(charges.c.payment_id == str(payment_id)).with_for_update())
        return None if row is None else read_charge(row)

    async def save_charge(self, charge: Charge) -> None:
        changed = update(charges).where(charges.c.payment_id == str(charge.payment_id))
        await self._connection.execute(changed.values(write_charge(charge)))

    async def find_paid(self, terms: Terms) -> Payment | None:
        query = select(payments).where(
            payments.c.order_id == str(terms.order_id),
            payments.c.customer == str(terms.customer),
            payments.c.amount_cents == terms.amount_cents,
            payments.c.status == Status.CAPTURED.value,
        )
        row = await self._first(query.order_by(payments.c.id).limit(1))
        return None if row is None else read_payment(row)

    async def lock_payment(self, payment_id: UUID) -> Payment | None:
        row = await self._first(select(payments).where(payments.c.id == str(payment_id)).with_for_update())
        return None if row is None else read_payment(row)

    async def add_payment(self, payment: Payment) -> None:
        await self._connection.execute(insert(payments).values(**write_payment(payment), peer_version=0))

    async def save_payment(self, payment: Payment) -> None:
        changed = update(payments).where(payments.c.id == str(payment.id))
        await self._connection.execute(changed.values(write_payment(payment)))

    async def tell(self, told: Told, payment: Payment, answer: Answer | None) -> None:
        assert self._owned is not None, "only an owner has something to tell"
        # A service's key means nothing to the monolith, which has no such path.
        travels = answer is not None and answer.asked.customer != SERVICES
        data = {**show_state(payment), "answer": answer.as_data() if answer is not None and travels else None}
        change = outbox.Change(told.value, str(payment.id), payment.version, data)
        await outbox.record(self._connection, self._owned, change, now=payment.updated_at)
        self.has_told = True

    async def _first(self, query: Select[Any]) -> Any:
        return (await self._connection.execute(query)).first()
