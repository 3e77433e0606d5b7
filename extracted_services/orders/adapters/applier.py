"""What the monolith tells of orders, put into this service's tables (`chassis.sync.inbox.Applier`).

Drafts are none of its business: the monolith never heard of them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from extracted_services.chassis.answers import read_answer
from extracted_services.chassis.kept_answers import KeptAnswers
from extracted_services.contracts.takeover import Local
from extracted_services.orders.adapters.rows import read_order, write_order
from extracted_services.orders.adapters.states import read_state, show_state
from extracted_services.orders.adapters.tables import kept_answers, orders, sagas
from extracted_services.orders.domain.order import Order
from extracted_services.orders.saga.states import State

# What belongs to the request that placed it here stays as it is.
_OF_THE_REQUEST = {"asked_path", "asked_key", "body_hash", "told_status", "told_location", "told_body"}


class OrderApplier:
    """`notify` is told the orders that were changed."""

    def __init__(self, notify: Callable[[str], None] = lambda order_id: None) -> None:
        self._notify = notify

    async def find(self, connection: AsyncConnection, kind: str, id: str) -> Local | None:  # noqa: A002 - the port's name
        query = select(orders).where(orders.c.id == id, orders.c.version > 0)
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
            await connection.execute(delete(orders).where(orders.c.id == id))
            return
        order = read_state(data, version, peer_version)
        values = write_order(order)
        kept = {name: value for name, value in values.items() if name not in _OF_THE_REQUEST}
        changed = await connection.execute(update(orders).where(orders.c.id == id).values(kept))
        if changed.rowcount == 0:
            await connection.execute(insert(orders).values(values))
        elif order.is_settled and order.is_from_peer:
            await _end_stuck_sagas(connection, order)
        self._notify(id)  # before the commit: whoever is woken looks again soon

    async def keep_answer(self, connection: AsyncConnection, answer: Mapping[str, Any], *, replace: bool) -> None:
        await KeptAnswers(kept_answers, connection).adopt(read_answer(dict(answer)), replace=replace)

    async def page(
        self, connection: AsyncConnection, kind: str, after: str | None, limit: int
    ) -> Sequence[tuple[str, Local]]:
        query = select(orders).where(orders.c.version > 0, orders.c.id > (after or "")).order_by(orders.c.id)
        return [(row.id, _read_local(row)) for row in await connection.execute(query.limit(limit))]


def _read_local(row: Row[Any]) -> Local:
    return Local(row.version, row.peer_version, show_state(read_order(row)))


async def _end_stuck_sagas(connection: AsyncConnection, order: Order) -> None:
    """A saga that runs sees by itself that the other side has finished; one that is stuck looks no more."""
    stuck = (sagas.c.order_id == order.id, sagas.c.state == State.STUCK.value)
    await connection.execute(
        update(sagas).where(*stuck).values(state=State.SUPERSEDED.value, updated_at=order.updated_at)
    )
