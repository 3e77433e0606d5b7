from pathlib import Path
from shutil import copyfile

import pytest
from sqlalchemy import MetaData, insert, text, update
from sqlalchemy.exc import IntegrityError

from extracted_services.chassis.database import open_engine, writing
from extracted_services.chassis.drift import find_differences
from extracted_services.chassis.schema import Schema, SchemaMismatch
from extracted_services.inventory.adapters.catalogue import SqlCatalogue
from extracted_services.inventory.adapters.rows import write_product, write_stock
from extracted_services.inventory.adapters.schema import SCHEMA
from extracted_services.inventory.adapters.tables import metadata, products, stock_levels
from extracted_services.inventory.settings import Settings
from extracted_services.inventory.tests.shop import level, product

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


async def test_a_copy_of_the_first_shape_is_kept(empty: Settings, tmp_path: Path) -> None:
    copyfile(SCHEMA.versions / "v0001_products_and_stock.py", tmp_path / "v0001.py")
    engine = open_engine(empty.database)
    assert await Schema(MetaData(), tmp_path).migrate(engine) == "0001"
    async with writing(engine) as connection:
        for table, row in ((products, write_product(product("A"))), (stock_levels, write_stock(level("A")))):
            first = {name: value for name, value in row.items() if name not in ("removed", "version")}
            await connection.execute(insert(table).values(first))

    await SCHEMA.migrate(engine)

    [found] = (await SqlCatalogue(engine).list_products("", 9, None, ())).items
    assert (found, found.version) == (product("A"), 0)
    assert await SqlCatalogue(engine).find_stock("A") == level("A")
    async with writing(engine) as connection:
        with pytest.raises(IntegrityError):
            await connection.execute(update(stock_levels).values(reserved=43))
    await engine.dispose()
