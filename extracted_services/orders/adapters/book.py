"""Orders on SQL: transactions that hold a change, its first answer, its saga and its event, and reads beside them."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, exists, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from extracted_services.chassis import trace
from extracted_services.chassis.answers import Answer, Asked
from extracted_services.chassis.database import reading, writing
from extracted_services.chassis.identifiers import uuid7
from extracted_services.chassis.kept_answers import KeptAnswers
from extracted_services.chassis.keyset import behind
from extracted_services.chassis.paging import NEWEST_FIRST, Page, PageRequest, cut_page
from extracted_services.chassis.sync.inbox import find_imported_at
from extracted_services.chassis.sync.outbox import Change, record
from extracted_services.chassis.sync.ownership import NotOwner, Owned, require_owner
from extracted_services.chassis.sync.tables import SERVICE, ownership
from extracted_services.orders.adapters.rows import read_order, write_order
from extracted_services.orders.adapters.states import show_answer, show_state
from extracted_services.orders.adapters.tables import kept_answers, orders, sagas
from extracted_services.orders.domain.order import Order, Status
from extracted_services.orders.saga.plan import Progress, write_progress
from extracted_services.orders.saga.states import FINAL, State
from extracted_services.orders.service_layer.ports import Begun, Clock, Unit

ENTITY = "order"


class SqlWork:
    """The `Work` port. `poke` is told when an event was committed, `notify` the orders that somebody may wait for."""

    def __init__(
        self,
        engine: AsyncEngine,
        now: Clock,
        *,
        poke: Callable[[], None] = lambda: None,
        notify: Callable[[str], None] = lambda order_id: None,
    ) -> None:
        self._engine, self._now, self._poke, self._notify = engine, now, poke, notify

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[Unit]:
        async with writing(self._engine) as connection:
            unit = SqlUnit(connection, self._now)
            yield unit
            await unit.record_changes()
        if unit.changes:
            self._poke()
        for order_id in unit.answered:
            self._notify(order_id)


class SqlUnit:
    """The `Unit` port on an open connection."""

    def __init__(self, connection: AsyncConnection, now: Clock) -> None:
        self._connection = connection
        self._now = now
        self._kept = KeptAnswers(kept_answers, connection)
        self._owned: Owned | None = None
        self.changes: list[Change] = []
        self.answered: set[str] = set()

    async def own(self) -> int:
        self._owned = await require_owner(self._connection, ENTITY)
        return self._owned.epoch

    async def claim(self, asked: Asked) -> bool:
        return await self._kept.claim(asked) is None

    async def forget(self, asked: Asked) -> None:
        await self._kept.forget(asked)

    async def lock(self, order_id: str) -> Order | None:
        row = (await self._connection.execute(select(orders).where(orders.c.id == order_id).with_for_update())).first()
        return None if row is None else read_order(row)

    async def add(self, order: Order) -> None:
        await self._connection.execute(insert(orders).values(write_order(order)))

    async def save(self, order: Order, event: str | None = None) -> None:
        await self._connection.execute(update(orders).where(orders.c.id == order.id).values(write_order(order)))
        if order.asked is not None and order.told is not None:
            answer = Answer(order.asked, order.told.status, order.told.location, order.told.body)
            # A draft that ends may have been overtaken: what the other side answered under its key stands.
            await self._kept.keep(answer, if_claimed=order.is_draft)
        if event is not None:
            data = {**show_state(order), "answer": show_answer(order)}
            self.changes.append(Change(event, order.id, order.version, data))
        if order.is_settled or order.told is not None:
            self.answered.add(order.id)

    async def begin_saga(self, name: str, order_id: str) -> Begun:
        now, span = self._now(), trace.current.get()
        begun = Begun(str(uuid7()), name, order_id, traceparent=span.traceparent if span else None)
        row = {**asdict(begun), "state": State.RUNNING.value, "progress": write_progress(Progress())}
        await self._connection.execute(insert(sagas).values(**row, created_at=now, updated_at=now))
        return begun

    async def record_changes(self) -> None:
        """The last thing that the transaction does: see `chassis.sync.outbox`."""
        if not self.changes:
            return
        if self._owned is None:
            raise NotOwner(ENTITY)
        await record(self._connection, self._owned, *self.changes, now=self._now())


class SqlOrders:
    """The `Orders` port."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._filled = False

    async def find(self, order_id: str) -> Order | None:
        return await self._first(orders.c.id == order_id)

    async def find_asked(self, asked: Asked) -> Order | None:
        column = orders.c
        return await self._first(
            column.customer == asked.customer, column.asked_path == asked.path, column.asked_key == asked.key
        )

    async def find_answer(self, asked: Asked) -> Answer | None:
        async with reading(self._engine) as connection:
            return await KeptAnswers(kept_answers, connection).find(asked.customer, asked.path, asked.key)

    async def list_of(self, customer: str, status: Status | None, page: PageRequest) -> Page[Order]:
        query = select(orders).where(orders.c.customer == customer, orders.c.version > 0)
        if status is not None:
            query = query.where(orders.c.status == status.value)
        async with reading(self._engine) as connection:
            rows = (await connection.execute(behind(query, orders.c.id, NEWEST_FIRST, page))).all()
        return cut_page([read_order(row) for row in rows], page.limit, lambda order: order.id)

    async def is_being_worked_on(self, order_id: str) -> bool:
        at_rest = [state.value for state in (*FINAL, State.STUCK)]
        busy = exists().where(sagas.c.order_id == order_id, sagas.c.state.not_in(at_rest))
        async with reading(self._engine) as connection:
            return bool(await connection.scalar(select(busy)))

    async def is_owned(self) -> bool:
        async with reading(self._engine) as connection:
            owner = await connection.scalar(select(ownership.c.owner).where(ownership.c.entity == ENTITY))
        return bool(owner == SERVICE)

    async def is_filled(self) -> bool:
        """Whether the orders are all here: they were copied, or are written here. Once so, it stays so."""
        if not self._filled:
            async with reading(self._engine) as connection:
                imported_at = await find_imported_at(connection, {ENTITY})
            self._filled = imported_at is not None or await self.is_owned()
        return self._filled

    async def _first(self, *conditions: ColumnElement[bool]) -> Order | None:
        async with reading(self._engine) as connection:
            row: Any = (await connection.execute(select(orders).where(*conditions))).first()
        return None if row is None else read_order(row)
