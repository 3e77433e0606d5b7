"""Events of this side: written in the transaction of the change that they tell of, and fetched by the relay.

An entity's positions have no gaps and commit in order, so that the other side can tell whether it has all of them.
Nothing is published here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from extracted_services.chassis import trace
from extracted_services.chassis.database import reading, writing
from extracted_services.chassis.identifiers import uuid7
from extracted_services.chassis.sync.ownership import Owned
from extracted_services.chassis.sync.tables import SERVICE, outbox, outbox_position, relay_lease
from extracted_services.contracts.envelope import Event, encode
from extracted_services.messaging.ports import Message
from extracted_services.messaging.relay import OutboxRow

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one aggregate, as its event will tell it: type, version after it, whole state after it."""

    type: str
    aggregate_id: str
    version: int
    data: Mapping[str, Any]


async def record(
    connection: AsyncConnection,
    owned: Owned,
    *changes: Change,
    now: datetime | None = None,
    traceparent: str | None = None,
) -> None:
    """Write the events of a transaction, all in one call, as the last thing that the transaction does.

    Every row it changed is locked by then, and the lock on the entity's counter, for which all of the entity's writers
    wait, is held for a moment only. The trace is the one of the request at work, unless another is given.
    Raises BadEvent when an event would not fit its schema.
    """
    if not changes:
        return
    last = await _draw_positions(connection, owned.entity, len(changes))
    at, span = now or utc_now(), trace.current.get()
    parent = traceparent or (span.traceparent if span else None)
    events = [
        Event(
            id=str(uuid7()),
            type=change.type,
            schema_version=1,
            aggregate_type=owned.entity,
            aggregate_id=change.aggregate_id,
            aggregate_version=change.version,
            occurred_at=at,
            origin=SERVICE,
            position=position,
            traceparent=parent,
            data=change.data,
        )
        for position, change in enumerate(changes, last - len(changes) + 1)
    ]
    await connection.execute(insert(outbox), [_row(event, at) for event in events])


async def _draw_positions(connection: AsyncConnection, entity: str, count: int) -> int:
    """The last of `count` new positions."""
    raised = update(outbox_position).where(outbox_position.c.entity == entity)
    drawn = await connection.execute(
        raised.values(last=outbox_position.c.last + count).returning(outbox_position.c.last)
    )
    return int(drawn.scalar_one())


def _row(event: Event, at: datetime) -> dict[str, Any]:
    return {
        "entity": event.aggregate_type,
        "position": event.position,
        "aggregate_id": event.aggregate_id,
        "event_id": event.id,
        "value": encode(event),
        "created_at": at,
    }


@dataclass(frozen=True, slots=True)
class SqlOutbox:
    """The outbox as a relay sees it (`messaging.relay.OutboxStore`)."""

    engine: AsyncEngine
    now: Clock = utc_now

    async def take_lease(self, holder: str, seconds: float) -> bool:
        now = self.now()
        free = or_(relay_lease.c.holder == holder, relay_lease.c.expires_at <= now)
        async with writing(self.engine) as connection:
            taken = await connection.execute(
                update(relay_lease).where(free).values(holder=holder, expires_at=now + timedelta(seconds=seconds))
            )
        return taken.rowcount == 1

    async def unpublished(self, limit: int) -> Sequence[OutboxRow]:
        query = select(outbox.c.id, outbox.c.entity, outbox.c.aggregate_id, outbox.c.event_id, outbox.c.value)
        async with reading(self.engine) as connection:
            rows = await connection.execute(
                query.where(outbox.c.published_at.is_(None)).order_by(outbox.c.id).limit(limit)
            )
            return [
                OutboxRow(row.id, Message(topic=row.entity, key=row.aggregate_id, value=row.value, id=row.event_id))
                for row in rows
            ]

    async def mark_published(self, ids: Sequence[int]) -> None:
        async with writing(self.engine) as connection:
            await connection.execute(update(outbox).where(outbox.c.id.in_(ids)).values(published_at=self.now()))

    async def forget_published(self, before: datetime) -> int:
        """Delete what was published before that moment; how many rows that were."""
        async with writing(self.engine) as connection:
            deleted = await connection.execute(delete(outbox).where(outbox.c.published_at < before))
        return deleted.rowcount
