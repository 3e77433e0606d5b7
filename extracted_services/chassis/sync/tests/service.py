"""A small service of the tests: it keeps every state as the JSON that an event has."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from extracted_services.chassis.database import writing
from extracted_services.chassis.schema import Schema
from extracted_services.chassis.sync.outbox import Change, record
from extracted_services.chassis.sync.ownership import require_owner
from extracted_services.chassis.sync.tables import add_sync_tables
from extracted_services.contracts.takeover import Local
from extracted_services.contracts.tests.examples import PAYMENT

ENTITIES = frozenset({"payment", "product", "stock"})

metadata = sa.MetaData()
add_sync_tables(metadata)
states = sa.Table(
    "states",
    metadata,
    sa.Column("kind", sa.String(16), primary_key=True),
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("peer_version", sa.BigInteger, nullable=False),
    sa.Column("data", sa.JSON(none_as_null=True), nullable=True),
)
answers = sa.Table("answers", metadata, sa.Column("key", sa.String(255), primary_key=True), sa.Column("body", sa.Text))

SCHEMA = Schema(metadata, Path(__file__).parent / "migrations")


class States:
    """Implements `inbox.Applier`."""

    async def find(self, connection: AsyncConnection, kind: str, name: str, /) -> Local | None:
        query = sa.select(states).where(states.c.kind == kind, states.c.name == name).with_for_update()
        row = (await connection.execute(query)).one_or_none()
        return None if row is None else Local(row.version, row.peer_version, row.data)

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
        values = {"version": version, "peer_version": peer_version, "data": data}
        changed = sa.update(states).where(states.c.kind == kind, states.c.name == name).values(values)
        if (await connection.execute(changed)).rowcount == 0:
            await connection.execute(sa.insert(states).values(kind=kind, name=name, **values))

    async def keep_answer(self, connection: AsyncConnection, answer: Mapping[str, Any], /, *, replace: bool) -> None:
        kept = sa.select(answers).where(answers.c.key == answer["key"])
        if (await connection.execute(kept)).one_or_none() is None:
            await connection.execute(sa.insert(answers).values(key=answer["key"], body=answer["body"]))
        elif replace:
            await connection.execute(
                sa.update(answers).where(answers.c.key == answer["key"]).values(body=answer["body"])
            )

    async def page(
        self, connection: AsyncConnection, kind: str, after: str, limit: int, /
    ) -> Sequence[tuple[str, Local]]:
        query = sa.select(states).where(states.c.kind == kind, states.c.name > after, states.c.version > 0)
        rows = await connection.execute(query.order_by(states.c.name).limit(limit))
        return [(row.name, Local(row.version, row.peer_version, row.data)) for row in rows if row.data is not None]


def payment(name: str, **changed: Any) -> dict[str, Any]:
    return {"payment": PAYMENT | {"id": name} | changed}


async def write_payment(engine: AsyncEngine, name: str, **changed: Any) -> None:
    """What a use case of a service does: ownership first, then the row, the event last."""
    async with writing(engine) as connection:
        owned = await require_owner(connection, "payment")
        local = await States().find(connection, "payment", name)
        version = 1 if local is None else local.version + 1
        data = payment(name, **changed)
        await States().replace(connection, "payment", name, version, local.peer_version if local else 0, data)
        change = Change("PaymentCompleted", name, version, data | {"answer": None})
        await record(connection, owned, change)
