import pytest

from extracted_services.chassis.database import open_engine, writing
from extracted_services.chassis.drift import find_differences
from extracted_services.orders.adapters.schema import SCHEMA
from extracted_services.orders.adapters.tables import metadata
from extracted_services.orders.settings import read_settings

pytestmark = pytest.mark.anyio


async def test_the_migrations_make_the_tables_that_the_code_uses(database_url: str) -> None:
    engine = open_engine(read_settings({"DATABASE_URL": database_url}).database)

    assert await SCHEMA.migrate(engine) == SCHEMA.newest_revision() == await SCHEMA.read_revision(engine)
    async with writing(engine) as connection:
        assert await connection.run_sync(find_differences, metadata) == []
    await engine.dispose()
