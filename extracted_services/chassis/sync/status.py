"""How far this side is: what it owns, what it has yet to publish, what it has taken in from the other side."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from extracted_services.chassis.sync.tables import inbox_position, outbox, outbox_position, ownership, sync_conflicts


async def read_status(connection: AsyncConnection, now: datetime) -> dict[str, Mapping[str, Any]]:
    """entity -> owner, epoch, outbox_last, unpublished (events), oldest_unpublished_seconds, applied_from_peer
    (position), conflicts. Of one moment: a single statement."""
    unpublished = (
        select(
            outbox.c.entity,
            func.count().label("unpublished"),
            func.min(outbox.c.created_at, type_=outbox.c.created_at.type).label("oldest"),
        )
        .where(outbox.c.published_at.is_(None))
        .group_by(outbox.c.entity)
        .subquery()
    )
    conflicts = (
        select(sync_conflicts.c.entity, func.count().label("conflicts")).group_by(sync_conflicts.c.entity).subquery()
    )
    query = (
        select(
            ownership,
            outbox_position.c.last.label("outbox_last"),
            func.coalesce(unpublished.c.unpublished, 0).label("unpublished"),
            unpublished.c.oldest,
            inbox_position.c.last.label("applied_from_peer"),
            func.coalesce(conflicts.c.conflicts, 0).label("conflicts"),
        )
        .join(outbox_position, outbox_position.c.entity == ownership.c.entity)
        .join(inbox_position, inbox_position.c.entity == ownership.c.entity)
        .outerjoin(unpublished, unpublished.c.entity == ownership.c.entity)
        .outerjoin(conflicts, conflicts.c.entity == ownership.c.entity)
        .order_by(ownership.c.entity)
    )
    return {row.entity: _show(row, now) for row in await connection.execute(query)}


def _show(row: Any, now: datetime) -> Mapping[str, Any]:
    waiting = 0.0 if row.oldest is None else max(0.0, (now - row.oldest).total_seconds())
    return {
        "owner": row.owner,
        "epoch": row.epoch,
        "outbox_last": row.outbox_last,
        "unpublished": row.unpublished,
        "oldest_unpublished_seconds": round(waiting, 3),
        "applied_from_peer": row.applied_from_peer,
        "conflicts": row.conflicts,
    }
