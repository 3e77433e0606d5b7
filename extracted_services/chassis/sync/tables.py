"""The tables of synchronisation, which every service has in its own database beside its own.

Decides their shape, and how a migration makes them; a service adds them to its metadata, so that drift is seen.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from extracted_services.chassis.columns import UtcDateTime

LEGACY, SERVICE = "legacy", "service"
ALWAYS_LEGACY = frozenset({"product"})  # nothing but the monolith's admin writes it

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")  # SQLite counts by itself only in an INTEGER key
_MOMENT = sa.DateTime().with_variant(sa.DateTime(timezone=True), "postgresql")

_tables = sa.MetaData()

ownership = sa.Table(
    "ownership",
    _tables,
    sa.Column("entity", sa.String(16), primary_key=True),
    sa.Column("owner", sa.String(8), nullable=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
)

# Ids of one entity grow as its transactions commit: they are drawn while its row of outbox_position is locked.
outbox = sa.Table(
    "outbox",
    _tables,
    sa.Column("id", _NUMBER, primary_key=True, autoincrement=True),
    sa.Column("entity", sa.String(16), nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("aggregate_id", sa.String(64), nullable=False),
    sa.Column("event_id", sa.String(36), nullable=False),
    sa.Column("value", sa.LargeBinary, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("published_at", UtcDateTime, nullable=True),
    sa.UniqueConstraint("entity", "position", name="one_event_per_position"),
)
sa.Index(
    "outbox_unpublished",
    outbox.c.id,
    sqlite_where=outbox.c.published_at.is_(None),
    postgresql_where=outbox.c.published_at.is_(None),
)

outbox_position = sa.Table(
    "outbox_position",
    _tables,
    sa.Column("entity", sa.String(16), primary_key=True),
    sa.Column("last", sa.BigInteger, nullable=False),
)

# Applied positions above the first gap; those below stand in inbox_position as one number.
inbox = sa.Table(
    "inbox",
    _tables,
    sa.Column("entity", sa.String(16), primary_key=True),
    sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
)

inbox_position = sa.Table(
    "inbox_position",
    _tables,
    sa.Column("entity", sa.String(16), primary_key=True),
    sa.Column("last", sa.BigInteger, nullable=False),
    sa.Column("duplicates", sa.BigInteger, nullable=False),
    sa.Column("imported_at", UtcDateTime, nullable=True),
)

sync_conflicts = sa.Table(
    "sync_conflicts",
    _tables,
    sa.Column("id", _NUMBER, primary_key=True, autoincrement=True),
    sa.Column("entity", sa.String(16), nullable=False),
    sa.Column("aggregate_id", sa.String(64), nullable=False),
    sa.Column("event_id", sa.String(64), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("local_version", sa.BigInteger, nullable=True),
    sa.Column("peer_version", sa.BigInteger, nullable=True),
    sa.Column("local_state", sa.JSON(none_as_null=True), nullable=True),
    sa.Column("peer_state", sa.JSON(none_as_null=True), nullable=True),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("fingerprint", name="a_conflict_once"),
)

relay_lease = sa.Table(
    "relay_lease",
    _tables,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("holder", sa.String(200), nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False),
)


def add_sync_tables(metadata: sa.MetaData) -> None:
    """Make the tables part of a service's metadata."""
    for table in _tables.sorted_tables:
        table.to_metadata(metadata)


def create_sync_tables_v1(entities: Sequence[str]) -> None:
    """For a migration: make the tables, with every one of the service's `entities` the monolith's at epoch 1.

    Frozen: a later shape is another function, which changes what this one made.
    """
    op.create_table(
        "ownership",
        sa.Column("entity", sa.String(16), primary_key=True),
        sa.Column("owner", sa.String(8), nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "outbox",
        sa.Column("id", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("entity", sa.String(16), nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("aggregate_id", sa.String(64), nullable=False),
        sa.Column("event_id", sa.String(36), nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("published_at", _MOMENT, nullable=True),
        sa.UniqueConstraint("entity", "position", name="one_event_per_position"),
    )
    unpublished = sa.text("published_at IS NULL")
    op.create_index("outbox_unpublished", "outbox", ["id"], sqlite_where=unpublished, postgresql_where=unpublished)
    op.create_table(
        "outbox_position",
        sa.Column("entity", sa.String(16), primary_key=True),
        sa.Column("last", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "inbox",
        sa.Column("entity", sa.String(16), primary_key=True),
        sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
    )
    op.create_table(
        "inbox_position",
        sa.Column("entity", sa.String(16), primary_key=True),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("duplicates", sa.BigInteger, nullable=False),
        sa.Column("imported_at", _MOMENT, nullable=True),
    )
    op.create_table(
        "sync_conflicts",
        sa.Column("id", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("entity", sa.String(16), nullable=False),
        sa.Column("aggregate_id", sa.String(64), nullable=False),
        sa.Column("event_id", sa.String(64), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("local_version", sa.BigInteger, nullable=True),
        sa.Column("peer_version", sa.BigInteger, nullable=True),
        sa.Column("local_state", sa.JSON, nullable=True),
        sa.Column("peer_state", sa.JSON, nullable=True),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.UniqueConstraint("fingerprint", name="a_conflict_once"),
    )
    op.create_table(
        "relay_lease",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("holder", sa.String(200), nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
    )
    for entity in entities:
        op.execute(sa.insert(ownership).values(entity=entity, owner=LEGACY, epoch=1))
        op.execute(sa.insert(outbox_position).values(entity=entity, last=0))
        op.execute(sa.insert(inbox_position).values(entity=entity, last=0, duplicates=0))
    op.execute(sa.text("INSERT INTO relay_lease (id, holder, expires_at) VALUES (1, '', '2000-01-01 00:00:00')"))


def drop_sync_tables_v1() -> None:
    """For a migration's way back."""
    for name in ("relay_lease", "sync_conflicts", "inbox_position", "inbox", "outbox_position", "outbox", "ownership"):
        op.drop_table(name)
