import asyncio
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, make_url

from extracted_services.inventory.adapters.database import open_for_reading, open_for_writing
from extracted_services.inventory.adapters.schema import migrate, newest_revision, read_revision
from extracted_services.inventory.adapters.tables import metadata
from extracted_services.inventory.service_layer.ports import DatabaseUnavailable
from extracted_services.inventory.settings import Settings

pytestmark = pytest.mark.anyio


async def test_the_migrations_make_the_tables_that_the_code_uses(settings: Settings) -> None:
    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata))

    engine = open_for_writing(settings.database)
    await migrate(engine)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


async def test_migrating_twice_changes_nothing(settings: Settings) -> None:
    engine = open_for_writing(settings.database)

    assert await read_revision(engine) is None
    assert await migrate(engine) == await migrate(engine) == await read_revision(engine) == newest_revision()
    await engine.dispose()


async def test_several_processes_may_start_at_once(settings: Settings) -> None:
    engines = [open_for_writing(settings.database) for _ in range(4)]

    assert await asyncio.gather(*map(migrate, engines)) == [newest_revision()] * 4
    for engine in engines:
        await engine.dispose()


async def test_a_database_that_cannot_be_opened_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "inventory.db").write_text("this is a text, and no database at all")
    engine = open_for_reading(make_url(f"sqlite+aiosqlite:///{tmp_path / 'inventory.db'}"))

    with pytest.raises(DatabaseUnavailable, match=r"^file is not a database$"):
        await read_revision(engine)
    await engine.dispose()


async def test_a_folder_that_cannot_be_made_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file in the folder's place")

    with pytest.raises(DatabaseUnavailable, match="cannot make the folder"):
        open_for_reading(make_url(f"sqlite+aiosqlite:///{tmp_path / 'var' / 'inventory.db'}"))
