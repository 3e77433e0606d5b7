"""What the monolith tells of payments, put into this service's tables (`chassis.sync.inbox.Applier`).

A refund that the monolith decided for a payment that was charged here is paid out from here: the processor knows the
charge as ours.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from extracted_services.chassis.answers import read_answer
from extracted_services.chassis.kept_answers import KeptAnswers
from extracted_services.chassis.sync.outbox import Clock
from extracted_services.contracts.takeover import Local
from extracted_services.payments.adapters.book import SqlTransaction
from extracted_services.payments.adapters.rows import read_payment, write_payment
from extracted_services.payments.adapters.states import read_state, show_state
from extracted_services.payments.adapters.tables import kept_answers, payments
from extracted_services.payments.domain.charge import Standing
from extracted_services.payments.domain.payment import Payment, Status


class PaymentApplier:
    def __init__(self, now: Clock) -> None:
        self._now = now

    async def find(self, connection: AsyncConnection, kind: str, id: str) -> Local | None:  # noqa: A002 - the port's name
        await SqlTransaction(connection).lock_charge(UUID(id))  # first, as everybody does
        query = select(payments).where(payments.c.id == id)
        row = (await connection.execute(query.with_for_update())).one_or_none()
        return None if row is None else _read_local(row)

    async def replace(
        self,
        connection: AsyncConnection,
        kind: str,
        id: str,  # noqa: A002 - the port's name
        version: int,
        peer_version: int,
        data: Mapping[str, Any] | None,
    ) -> None:
        if data is None:
            await connection.execute(delete(payments).where(payments.c.id == id))
            return
        payment = read_state(data, version)
        values = {**write_payment(payment), "peer_version": peer_version}
        changed = await connection.execute(update(payments).where(payments.c.id == id).values(values))
        if changed.rowcount == 0:
            await connection.execute(insert(payments).values(values))
        elif payment.status is Status.REFUNDED:
            await self._owe_refund(connection, payment)

    async def keep_answer(self, connection: AsyncConnection, answer: Mapping[str, Any], *, replace: bool) -> None:
        await KeptAnswers(kept_answers, connection).adopt(read_answer(dict(answer)), replace=replace)

    async def page(
        self, connection: AsyncConnection, kind: str, after: str | None, limit: int
    ) -> Sequence[tuple[str, Local]]:
        query = select(payments).order_by(payments.c.id).limit(limit)
        if after is not None:
            query = query.where(payments.c.id > after)
        return [(row.id, _read_local(row)) for row in await connection.execute(query)]

    async def _owe_refund(self, connection: AsyncConnection, payment: Payment) -> None:
        transaction = SqlTransaction(connection)
        charge = await transaction.lock_charge(payment.id)
        if charge is not None and charge.standing is Standing.CAPTURED:
            await transaction.save_charge(charge.moved(Standing.RETURNING, self._now()))


def _read_local(row: Row[Any]) -> Local:
    return Local(row.version, row.peer_version, show_state(read_payment(row)))
