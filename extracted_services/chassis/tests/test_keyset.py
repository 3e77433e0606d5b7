"""Pages in SQL, on both databases: ordered by code point, none twice, none left out."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import Column, MetaData, Table, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from extracted_services.chassis.columns import code_point_text
from extracted_services.chassis.database import open_engine, reading, writing
from extracted_services.chassis.keyset import behind
from extracted_services.chassis.paging import BY_SKU, NEWEST_FIRST, Key, PageRequest, cut_page, decode_cursor
from extracted_services.chassis.settings import parse_database

pytestmark = pytest.mark.anyio

metadata = MetaData()
things = Table("things", metadata, Column("key", code_point_text(36), primary_key=True))
SKUS = ["A", "A-1", "A1", "AB", "B"]  # by code point; a locale would pass over the hyphen
IDS = [f"019ccb1e-5a00-7c3e-9d52-0f3e6f0a7b1{digit}" for digit in "dcba987"]


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(parse_database(database_url))
    async with writing(engine) as connection:
        await connection.run_sync(metadata.create_all)
    yield engine
    await engine.dispose()


@pytest.mark.parametrize(("key", "wanted"), [(BY_SKU, SKUS), (NEWEST_FIRST, IDS)])
async def test_pages_join_to_the_whole_list_in_its_order(engine: AsyncEngine, key: Key, wanted: list[str]) -> None:
    async with writing(engine) as connection:
        await connection.execute(insert(things), [{"key": name} for name in sorted(wanted, key=hash)])

    found: list[str] = []
    after: str | None = ""
    while after is not None:
        query = behind(select(things.c.key), things.c.key, key, PageRequest(after, 2))
        async with reading(engine) as connection:
            page = cut_page((await connection.scalars(query)).all(), 2, str)
        found += page.items
        after = None if page.next is None else decode_cursor(page.next, key)

    assert found == wanted
