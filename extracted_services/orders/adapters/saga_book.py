"""Sagas on SQL: what people see of them, and what a new run of one begins with.

The runner's own journal decides what is done again after a crash; this is written with every act and may lag behind it
by one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from extracted_services.chassis.database import reading, writing
from extracted_services.chassis.keyset import behind
from extracted_services.chassis.paging import NEWEST_FIRST, Page, PageRequest, cut_page
from extracted_services.orders.adapters.tables import sagas
from extracted_services.orders.saga.plan import Progress, read_progress, resume, write_progress
from extracted_services.orders.saga.states import FINAL, State
from extracted_services.orders.service_layer.ports import Clock
from extracted_services.orders.service_layer.watch import SagaRecord

_AT_REST = [state.value for state in (*FINAL, State.STUCK)]


@dataclass(frozen=True, slots=True)
class SqlSagaBook:
    """The `SagaBook` port."""

    engine: AsyncEngine
    now: Clock

    async def find(self, saga_id: str) -> SagaRecord | None:
        async with reading(self.engine) as connection:
            row = (await connection.execute(select(sagas).where(sagas.c.id == saga_id))).first()
        return None if row is None else _read(row)

    async def list_in(self, state: State | None, page: PageRequest) -> Page[SagaRecord]:
        query = select(sagas) if state is None else select(sagas).where(sagas.c.state == state.value)
        async with reading(self.engine) as connection:
            rows = (await connection.execute(behind(query, sagas.c.id, NEWEST_FIRST, page))).all()
        return cut_page([_read(row) for row in rows], page.limit, lambda saga: saga.id)

    async def resume(self, saga_id: str) -> SagaRecord | None:
        async with writing(self.engine) as connection:
            row = (await connection.execute(select(sagas).where(sagas.c.id == saga_id).with_for_update())).first()
            if row is None:
                return None
            record = _read(row)
            progress = resume(record.progress if record.state is State.STUCK else Progress(ended=record.state))
            values: dict[str, Any] = {"state": progress.state.value, "progress": write_progress(progress)}
            values |= {"run": row.run + 1, "next_try_at": None, "updated_at": self.now()}
            await connection.execute(update(sagas).where(sagas.c.id == saga_id).values(values))
        return await self.find(saga_id)

    async def count_stuck(self) -> int:
        query = select(func.count()).select_from(sagas).where(sagas.c.state == State.STUCK.value)
        async with reading(self.engine) as connection:
            return int(await connection.scalar(query) or 0)

    async def find_overdue(self, before: datetime) -> Sequence[SagaRecord]:
        due_at = func.coalesce(sagas.c.next_try_at, sagas.c.updated_at)
        query = select(sagas).where(sagas.c.state.not_in(_AT_REST), due_at < before)
        async with reading(self.engine) as connection:
            return [_read(row) for row in await connection.execute(query.order_by(sagas.c.id).limit(100))]


@dataclass(frozen=True, slots=True)
class SqlNotes:
    """The `Notes` of one run of a saga; a run that was overtaken by another one writes nothing any more."""

    engine: AsyncEngine
    now: Clock
    run: int
    notify: Callable[[str], None]

    async def load(self, saga_id: str) -> Progress:
        async with reading(self.engine) as connection:
            row = (await connection.execute(select(sagas.c.progress).where(sagas.c.id == saga_id))).one()
        return read_progress(row.progress)

    async def save(self, saga_id: str, act: str, progress: Progress, next_try_in: timedelta | None) -> None:
        now = self.now()
        values = {
            "state": progress.state.value,
            "step": act,
            "progress": write_progress(progress),
            "next_try_at": None if next_try_in is None else now + next_try_in,
            "updated_at": now,
        }
        is_open = or_(sagas.c.state.not_in([state.value for state in FINAL]), sagas.c.state == progress.state.value)
        mine = and_(sagas.c.id == saga_id, sagas.c.run == self.run, is_open)
        async with writing(self.engine) as connection:
            order_id = await connection.scalar(update(sagas).where(mine).values(values).returning(sagas.c.order_id))
        if order_id is not None and progress.ended is not None:
            self.notify(order_id)


def _read(row: Row[Any]) -> SagaRecord:
    return SagaRecord(
        id=row.id,
        name=row.name,
        order_id=row.order_id,
        state=State(row.state),
        step=row.step,
        progress=read_progress(row.progress),
        next_try_at=row.next_try_at,
        run=row.run,
        traceparent=row.traceparent,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
