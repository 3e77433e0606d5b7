"""Who may write an entity: the row in this database decides, and nothing else.

A writing transaction reads it with a shared lock, which it keeps to its end; moving it waits for all of these. So a
fence that has returned says: no write of the shop is under way, and none will come.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass

from django.db import connection, transaction

from .models import Entity, InboxPosition, OutboxPosition, Ownership, Side

MOST_WAIT_S = 10  # for open transactions; one that hangs must not stop all who want to write for ever


class NotOwner(Exception):
    """The service writes this entity at the moment; nothing was done."""

    def __init__(self, entity: str) -> None:
        super().__init__(
            f"{Entity(entity).label} {'is' if entity == Entity.STOCK else 'are'} written elsewhere at the moment"
        )
        self.entity = entity


class StaleEpoch(Exception):
    """The entity was moved since by somebody with this epoch or a higher one."""


class Behind(Exception):
    """Not all of the services' events have had their effect here yet."""


class Immovable(Exception):
    """The entity stays with the shop for good."""


@dataclass(frozen=True)
class Standing:
    """Where an entity stands after a move; `outbox_last` is the position of the last event that the shop wrote."""

    owner: str
    epoch: int
    outbox_last: int

    def show(self) -> dict:
        return asdict(self)


def require(entities: Iterable[str]) -> None:
    """In the transaction at hand: the shop owns them all until it ends. Raises `NotOwner`."""
    wanted = sorted(entities)
    if not wanted:
        return
    # Django knows no FOR SHARE. On SQLite the transaction is the only one that writes anyway.
    lock = " FOR SHARE" if connection.vendor == "postgresql" else ""
    places = ", ".join(["%s"] * len(wanted))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT entity, owner FROM sync_ownership WHERE entity IN ({places}) ORDER BY entity{lock}",  # noqa: S608 - no value is in it
            wanted,
        )
        owners = dict(cursor.fetchall())
    for entity in wanted:
        if owners[entity] != Side.LEGACY:
            raise NotOwner(entity)


def find_foreign(*entities: str) -> list[Ownership]:
    """Those of the entities that the shop does not own, as they are now; without a lock, so to look at only."""
    return list(Ownership.objects.filter(entity__in=entities).exclude(owner=Side.LEGACY))


def fence(entities: Collection[str], epoch: int) -> dict[str, Standing]:
    """Gives the entities to the service, all or none, once every open write of them has ended.

    The same call again gives the same answer. Raises `Immovable` or `StaleEpoch`.
    """
    return _move(entities, Side.SERVICE, epoch)


@transaction.atomic
def own(entities: Collection[str], epoch: int, heard: Mapping[str, int] | None = None) -> dict[str, Standing]:
    """Takes the entities, all or none; otherwise as `fence`.

    `heard` has positions of the services' events, by entity: none is taken unless all up to there have had their
    effect here. Raises `Behind`.
    """
    _lock()
    applied = dict(InboxPosition.objects.filter(entity__in=heard or {}).values_list("entity", "last"))
    for entity, position in sorted((heard or {}).items()):
        last = applied.get(entity, 0)
        if last < position:
            raise Behind(f"of {entity}, events up to {last} have been heard, not up to {position}")
    return _move(entities, Side.LEGACY, epoch)


@transaction.atomic
def _move(entities: Collection[str], owner: Side, epoch: int) -> dict[str, Standing]:
    _lock()
    rows = list(Ownership.objects.filter(entity__in=entities).order_by("entity"))
    for row in rows:
        if row.entity == Entity.PRODUCT:
            raise Immovable("product stays with the monolith")
        if epoch < row.epoch or (epoch == row.epoch and owner != row.owner):
            raise StaleEpoch(f"{row.entity} is at epoch {row.epoch}, owned by {row.owner}")
    Ownership.objects.filter(entity__in=entities).update(owner=owner, epoch=epoch)
    last = OutboxPosition.objects.in_bulk([row.entity for row in rows])
    return {row.entity: Standing(owner.value, epoch, last[row.entity].last) for row in rows}


def _lock() -> None:
    """Waits for all who hold a row shared. Locks of rows have no queue: writers that overlap could keep each other's
    lock shared for ever. The table's lock has one; who only reads goes on. (On SQLite the transaction waited when it
    began.)"""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{MOST_WAIT_S}s'")
            cursor.execute("LOCK TABLE sync_ownership IN EXCLUSIVE MODE")
