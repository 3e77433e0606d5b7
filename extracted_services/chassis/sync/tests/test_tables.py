import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, inspect
from sqlalchemy.ext.asyncio import AsyncEngine

from extracted_services.chassis.database import writing
from extracted_services.chassis.drift import find_differences
from extracted_services.chassis.sync.tables import drop_sync_tables_v1
from extracted_services.chassis.sync.tests.service import metadata

pytestmark = pytest.mark.anyio

SYNC = {
    "inbox",
    "inbox_position",
    "outbox",
    "outbox_position",
    "ownership",
    "relay_lease",
    "sync_conflicts",
}


def tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())


async def test_the_migration_makes_the_tables_that_the_code_uses(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        assert await connection.run_sync(tables) >= SYNC
        assert await connection.run_sync(find_differences, metadata) == []


async def test_the_way_back_leaves_nothing(engine: AsyncEngine) -> None:
    def drop(connection: Connection) -> None:
        with Operations.context(MigrationContext.configure(connection)):
            drop_sync_tables_v1()

    async with engine.connect() as connection:  # never committed: the database is shared by the tests
        await connection.run_sync(drop)
        assert not await connection.run_sync(tables) & SYNC
        await connection.rollback()
