"""Who may write an entity: the row in this database decides, and nothing else.

A writing transaction reads it with a shared lock, which it keeps to its end; moving it waits for all of these. So a
fence that has returned says: no write of this side is under way, and none will come.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from extracted_services.chassis.sync.tables import (
    ALWAYS_LEGACY,
    LEGACY,
    SERVICE,
    inbox_position,
    outbox_position,
    ownership,
)


class NotOwner(Exception):
    """The other side writes this entity at the moment; nothing was done."""

    def __init__(self, entity: str) -> None:
        what = "stock is" if entity == "stock" else f"{entity}s are"
        super().__init__(f"{what} written elsewhere at the moment")
        self.entity = entity


class UnknownEntity(LookupError):
    """This service has no such entity."""


class StaleEpoch(Exception):
    """The entity was moved since by somebody with this epoch or a higher one."""


class Behind(Exception):
    """Not all of the other side's events have had their effect here yet."""


class Immovable(Exception):
    """The entity stays with the monolith for good."""


@dataclass(frozen=True, slots=True)
class Owned:
    """Leave to write `entity` in the transaction that obtained it (`require_owner`), and in no other."""

    entity: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an entity stands after a move; `outbox_last` is the position of the last event that this side wrote."""

    owner: str
    epoch: int
    outbox_last: int


async def require_owner(connection: AsyncConnection, entity: str) -> Owned:
    """The first statement of every transaction that writes `entity`. Raises NotOwner."""
    query = select(ownership.c.owner, ownership.c.epoch).where(ownership.c.entity == entity)
    row = (await connection.execute(query.with_for_update(read=True))).one_or_none()
    if row is None:
        raise UnknownEntity(entity)
    if row.owner != SERVICE:
        raise NotOwner(entity)
    return Owned(entity, row.epoch)


async def fence(connection: AsyncConnection, entities: Collection[str], epoch: int) -> dict[str, Standing]:
    """Give the entities to the monolith, all or none, once every open write of them has ended.

    The same call again gives the same answer. Raises UnknownEntity, Immovable or StaleEpoch.
    """
    return await _move(connection, entities, LEGACY, epoch)


async def own(
    connection: AsyncConnection, entities: Collection[str], epoch: int, heard: Mapping[str, int] | None = None
) -> dict[str, Standing]:
    """Take the entities, all or none; otherwise as `fence`.

    `heard` has positions of the other side's events, by entity: none is taken unless all up to there have had their
    effect here. Raises Behind.
    """
    await _lock(connection)
    for entity, position in sorted((heard or {}).items()):
        query = select(inbox_position.c.last).where(inbox_position.c.entity == entity)
        last = (await connection.execute(query)).scalar_one_or_none() or 0
        if last < position:
            raise Behind(f"of {entity}, events up to {last} have been heard, not up to {position}")
    return await _move(connection, entities, SERVICE, epoch)


async def _move(connection: AsyncConnection, entities: Collection[str], owner: str, epoch: int) -> dict[str, Standing]:
    await _lock(connection)
    rows = (await connection.execute(select(ownership).where(ownership.c.entity.in_(entities)))).all()
    _check(entities, {row.entity: (row.owner, row.epoch) for row in rows}, owner, epoch)
    await connection.execute(update(ownership).where(ownership.c.entity.in_(entities)).values(owner=owner, epoch=epoch))
    last = await connection.execute(select(outbox_position).where(outbox_position.c.entity.in_(entities)))
    return {row.entity: Standing(owner, epoch, row.last) for row in sorted(last, key=lambda row: str(row.entity))}


async def _lock(connection: AsyncConnection) -> None:
    """Wait for all who hold a row shared. Locks of rows have no line: writers that overlap could keep each other's lock
    shared for ever. The table's lock has one: writers that come later wait behind this. Plain reading goes on."""
    if connection.dialect.name == "postgresql":
        await connection.execute(text("LOCK TABLE ownership IN EXCLUSIVE MODE"))


def _check(entities: Iterable[str], present: dict[str, tuple[str, int]], owner: str, epoch: int) -> None:
    for entity in sorted(entities):
        if entity not in present:
            raise UnknownEntity(entity)
        if entity in ALWAYS_LEGACY:
            raise Immovable(f"{entity} stays with the monolith")
        its_owner, its_epoch = present[entity]
        if epoch < its_epoch or (epoch == its_epoch and owner != its_owner):
            raise StaleEpoch(f"{entity} is at epoch {its_epoch}, owned by {its_owner}")
