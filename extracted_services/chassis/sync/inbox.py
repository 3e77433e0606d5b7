"""Events of the other side: what each does here, once, in one transaction with the note that it was done.

Whose state stands is decided by `contracts.takeover`; how a state is kept, by the service's Applier. Where both sides
have changed an aggregate, that is recorded as a conflict, and the local state stays.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from extracted_services.chassis.sync.outbox import Clock, utc_now
from extracted_services.chassis.sync.tables import inbox, inbox_position, sync_conflicts
from extracted_services.contracts.envelope import SUBJECTS, Event, Traces, canonical
from extracted_services.contracts.takeover import Decision, Local, close_gap, decide, replaces_answer

DUPLICATE = "duplicate"
_RUN = 500  # positions above a gap that are read at a time


class Applier(Protocol):
    """A service's own tables, as synchronisation sees them; all in the transaction of the connection that is given.

    `kind` is order, payment, level, reservation or product; `data` is an event's, without the answer.
    """

    async def find(self, connection: AsyncConnection, kind: str, name: str, /) -> Local | None:
        """The aggregate of that id or SKU, with its row locked (FOR UPDATE)."""

    async def replace(
        self,
        connection: AsyncConnection,
        kind: str,
        name: str,
        version: int,
        peer_version: int,
        data: Mapping[str, Any] | None,
        /,
    ) -> None:
        """Make the aggregate exactly this, adding it if there is none; `data` None: it is removed.

        By UPDATE where there is one: who waits for the row's lock would find nothing after a DELETE.
        """

    async def keep_answer(self, connection: AsyncConnection, answer: Mapping[str, Any], /, *, replace: bool) -> None:
        """Keep a first answer: customer, path, key, body_hash, status, location, body.

        One that is kept for that customer, path and key already stays as it is, unless `replace`.
        """

    async def page(
        self, connection: AsyncConnection, kind: str, after: str, limit: int, /
    ) -> Sequence[tuple[str, Local]]:
        """The next `limit` aggregates behind that id or SKU, ordered by it (by code point); removed ones left out."""


@dataclass(frozen=True, slots=True)
class Inbox:
    """Takes in events about `entities` from the other side."""

    applier: Applier
    entities: frozenset[str]
    now: Clock = utc_now

    async def take(self, connection: AsyncConnection, event: Event) -> str:
        """Do what the event says, unless that was done before; the decision, or DUPLICATE.

        The event is the other side's and about one of `entities`.
        """
        last = await lock_positions(connection, event.aggregate_type)
        if event.position is not None and await _is_applied(connection, event.aggregate_type, event.position, last):
            await _count_duplicate(connection, event.aggregate_type)
            if not await _was_buried(connection, event.id):
                return DUPLICATE
            return await self._apply(connection, event)  # replayed by hand, and this time understood
        decision = await self._apply(connection, event)
        if event.position is not None:
            await _mark_applied(connection, event.aggregate_type, event.position, last)
        return decision

    async def take_all(self, connection: AsyncConnection, events: Iterable[Event]) -> dict[str, int]:
        """Do what events without positions say; how often each decision was made.

        In the order of their aggregates, in which writers take them too: then neither waits for the other in a ring.
        """
        ordered = sorted(events, key=lambda event: (event.aggregate_type, event.kind or "", event.aggregate_id))
        for entity in sorted({event.aggregate_type for event in ordered}):
            await lock_positions(connection, entity)
        made = dict.fromkeys(Decision, 0)
        for event in ordered:
            made[await self._apply(connection, event)] += 1
        return {decision.value: count for decision, count in made.items()}

    async def bury(self, connection: AsyncConnection, traces: Traces, reason: str) -> None:
        """Record an event that nobody could take in as a conflict, and go on behind its position.

        When it comes again and can be taken in by then, it is; the conflict stays on record.
        """
        last = await lock_positions(connection, traces.entity)
        if await _is_applied(connection, traces.entity, traces.position, last):
            return
        conflict = {
            "entity": traces.entity,
            "aggregate_id": traces.aggregate_id,
            "event_id": traces.id,
            "reason": f"position {traces.position} became a dead letter: {reason}",
        }
        await self._record_conflict(connection, conflict)
        await _mark_applied(connection, traces.entity, traces.position, last)

    async def _apply(self, connection: AsyncConnection, event: Event) -> Decision:
        kind = SUBJECTS[event.type].kind
        local = None if kind is None else await self.applier.find(connection, kind, event.aggregate_id)
        decision, version = decide(event, local), event.aggregate_version
        data = None if event.removes else {name: value for name, value in event.data.items() if name != "answer"}
        match decision, kind, local:
            case Decision.TAKE, str(), _:
                await self.applier.replace(connection, kind, event.aggregate_id, version, version, data)
            case Decision.AGREE, str(), Local():
                await self.applier.replace(connection, kind, event.aggregate_id, local.version, version, data)
            case Decision.CONFLICT, _, Local():
                await self._record_conflict(connection, _describe_conflict(event, local, data))
        if event.data.get("answer") is not None:
            await self.applier.keep_answer(connection, event.data["answer"], replace=replaces_answer(decision))
        return decision

    async def _record_conflict(self, connection: AsyncConnection, conflict: Mapping[str, Any]) -> None:
        """Once, however often the same event or the same backfill comes."""
        same = {name: value for name, value in conflict.items() if name != "event_id"}
        fingerprint = hashlib.sha256(canonical(same)).hexdigest()
        known = select(sync_conflicts.c.id).where(sync_conflicts.c.fingerprint == fingerprint)
        if (await connection.execute(known)).first() is None:
            await connection.execute(insert(sync_conflicts).values(**conflict, fingerprint=fingerprint, at=self.now()))


async def lock_positions(connection: AsyncConnection, entity: str) -> int:
    """The position up to which all of the other side's events about `entity` are applied. Until the transaction ends,
    nobody else takes in events about it."""
    query = select(inbox_position.c.last).where(inbox_position.c.entity == entity).with_for_update()
    return int((await connection.execute(query)).scalar_one())


async def cover(connection: AsyncConnection, entity: str, position: int) -> None:
    """All events up to `position` count as applied: a backfill that began behind them has brought what they did."""
    last = await lock_positions(connection, entity)
    if position > last:
        await connection.execute(delete(inbox).where(inbox.c.entity == entity, inbox.c.position <= position))
        await _advance(connection, entity, position)


async def mark_imported(connection: AsyncConnection, entities: Collection[str], at: datetime) -> None:
    """A whole backfill of these entities has ended."""
    await connection.execute(update(inbox_position).where(inbox_position.c.entity.in_(entities)).values(imported_at=at))


async def find_imported_at(connection: AsyncConnection, entities: Collection[str]) -> datetime | None:
    """When the last backfill of all of these entities ended; None when one was never filled."""
    rows = await connection.execute(select(inbox_position.c.imported_at).where(inbox_position.c.entity.in_(entities)))
    moments = [moment for (moment,) in rows]
    return None if not moments or None in moments else min(moments)


async def _is_applied(connection: AsyncConnection, entity: str, position: int, last: int) -> bool:
    if position <= last + 1:  # the next one is never kept above the gap: it would have closed it
        return position <= last
    query = select(inbox.c.position).where(inbox.c.entity == entity, inbox.c.position == position)
    return (await connection.execute(query)).first() is not None


async def _was_buried(connection: AsyncConnection, event_id: str) -> bool:
    dead = select(sync_conflicts.c.id).where(
        sync_conflicts.c.event_id == event_id, sync_conflicts.c.peer_version.is_(None)
    )
    return (await connection.execute(dead)).first() is not None


async def _mark_applied(connection: AsyncConnection, entity: str, position: int, last: int) -> None:
    if position == last + 1:
        await _advance(connection, entity, position)
    else:
        await connection.execute(insert(inbox).values(entity=entity, position=position))


async def _advance(connection: AsyncConnection, entity: str, last: int) -> None:
    """Move on to `last`, and over all that was applied behind it."""
    reached = await _close_gap(connection, entity, last)
    await connection.execute(update(inbox_position).where(inbox_position.c.entity == entity).values(last=reached))
    if reached > last:
        await connection.execute(delete(inbox).where(inbox.c.entity == entity, inbox.c.position <= reached))


async def _close_gap(connection: AsyncConnection, entity: str, last: int) -> int:
    above = select(inbox.c.position).where(inbox.c.entity == entity).order_by(inbox.c.position).limit(_RUN)
    while True:
        waiting = list((await connection.execute(above.where(inbox.c.position > last))).scalars())
        reached = close_gap(last, waiting)
        if len(waiting) < _RUN or reached < waiting[-1]:
            return reached
        last = reached


async def _count_duplicate(connection: AsyncConnection, entity: str) -> None:
    counted = update(inbox_position).where(inbox_position.c.entity == entity)
    await connection.execute(counted.values(duplicates=inbox_position.c.duplicates + 1))


def _describe_conflict(event: Event, local: Local, data: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        "entity": event.aggregate_type,
        "aggregate_id": event.aggregate_id,
        "event_id": event.id,
        "reason": f"both sides have changed it: {event.type} is version {event.aggregate_version}",
        "local_version": local.version,
        "peer_version": event.aggregate_version,
        "local_state": local.data,
        "peer_state": data,
    }
