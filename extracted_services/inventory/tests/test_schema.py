import pytest
from sqlalchemy import text

from extracted_services.chassis.database import open_engine, writing
from extracted_services.chassis.drift import find_differences
from extracted_services.chassis.schema import SchemaMismatch
from extracted_services.inventory.adapters.schema import SCHEMA
from extracted_services.inventory.adapters.tables import metadata
from extracted_services.inventory.settings import Settings

pytestmark = pytest.mark.anyio


async def test_the_migrations_make_the_tables_that_the_code_uses(empty: Settings) -> None:
    engine = open_engine(empty.database)

    assert await SCHEMA.migrate(engine) == SCHEMA.newest_revision() == await SCHEMA.read_revision(engine)
    async with writing(engine) as connection:
        assert await connection.run_sync(find_differences, metadata) == []
    await engine.dispose()


async def test_a_database_that_was_changed_by_hand_is_not_served(empty: Settings) -> None:
    engine = open_engine(empty.database)
    await SCHEMA.migrate(engine)
    async with writing(engine) as connection:
        await connection.execute(text("DROP TABLE stock_levels"))

    with pytest.raises(SchemaMismatch, match="the table stock_levels is missing"):
        await SCHEMA.migrate(engine)
    await engine.dispose()
