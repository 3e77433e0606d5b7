import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, insert, make_url, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from extracted_services.chassis.database import DatabaseUnavailable, open_engine, reading, writing
from extracted_services.chassis.settings import parse_database

pytestmark = pytest.mark.anyio

metadata = MetaData()
counters = Table(
    "counters", metadata, Column("name", String(20), primary_key=True), Column("value", Integer, nullable=False)
)


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(parse_database(database_url))
    async with writing(engine) as connection:
        await connection.run_sync(metadata.create_all)
        await connection.execute(insert(counters), [{"name": "a", "value": 0}, {"name": "b", "value": 0}])
    yield engine
    await engine.dispose()


async def read_value(engine: AsyncEngine, name: str = "a") -> int:
    async with reading(engine) as connection:
        value = await connection.scalar(select(counters.c.value).where(counters.c.name == name))
    return int(value or 0)


async def test_writers_that_read_first_lose_no_update(engine: AsyncEngine) -> None:
    async def count() -> None:
        async with writing(engine) as connection:
            query = select(counters.c.value).where(counters.c.name == "a").with_for_update()
            value = await connection.scalar(query)
            await connection.execute(update(counters).where(counters.c.name == "a").values(value=(value or 0) + 1))

    await asyncio.gather(*(count() for _ in range(40)))

    assert await read_value(engine) == 40


async def test_a_reader_sees_what_is_committed_and_waits_for_nobody(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        await connection.execute(update(counters).values(value=7))
        assert await read_value(engine) == 0

    assert await read_value(engine) == 7


async def test_what_raises_is_rolled_back(engine: AsyncEngine) -> None:
    async def fail() -> None:
        async with writing(engine) as connection:
            await connection.execute(update(counters).values(value=7))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()

    assert await read_value(engine) == 0


async def test_a_broken_constraint_is_seen_as_what_it_is_without_its_values(engine: AsyncEngine) -> None:
    with pytest.raises(IntegrityError) as refused:
        async with writing(engine) as connection:
            await connection.execute(insert(counters), {"name": "a", "value": 4711})

    assert "4711" not in str(refused.value).splitlines()[-1]
    assert "[SQL parameters hidden" in str(refused.value)


async def test_a_writer_of_sqlite_does_not_wait_for_ever(tmp_path: Path) -> None:
    """Another process holds the file: the answer comes when the time for waiting is over."""
    url = parse_database(f"sqlite:///{tmp_path / 'a.db'}")
    holder, waiter = open_engine(url), open_engine(url, lock_seconds=0.2)
    async with writing(holder) as connection:
        await connection.run_sync(metadata.create_all)
        with pytest.raises(DatabaseUnavailable, match="database is locked"):
            async with writing(waiter):
                pass
    await holder.dispose()
    await waiter.dispose()


async def test_writers_of_postgresql_go_side_by_side(postgres_url: str) -> None:
    engine = open_engine(parse_database(postgres_url))
    async with writing(engine) as connection:
        await connection.run_sync(metadata.create_all)
        await connection.execute(insert(counters), [{"name": "a", "value": 0}, {"name": "b", "value": 0}])

    async with writing(engine) as first, writing(engine) as second:
        await first.execute(update(counters).where(counters.c.name == "a").values(value=1))
        await second.execute(update(counters).where(counters.c.name == "b").values(value=1))

    assert (await read_value(engine, "a"), await read_value(engine, "b")) == (1, 1)
    await engine.dispose()


async def test_a_server_that_is_not_there_is_told_in_one_line() -> None:
    engine = open_engine(parse_database("postgresql://shop:hunter2@127.0.0.1:1/shop"))

    with pytest.raises(DatabaseUnavailable, match="onnection refused") as refused:
        async with reading(engine):
            pass
    assert "hunter2" not in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1
    await engine.dispose()


async def test_a_server_that_was_restarted_is_found_again_at_once() -> None:
    from tests.support.postgres import started_postgres

    with started_postgres() as server:
        engine = open_engine(parse_database(server.url()))
        async with reading(engine) as connection:
            assert await connection.scalar(text("SELECT 1")) == 1
        server.stop()
        with pytest.raises(DatabaseUnavailable):
            async with reading(engine):
                pass
        server.start()

        async with writing(engine) as connection:
            assert await connection.scalar(text("SELECT 1")) == 1
        await engine.dispose()


async def test_a_file_that_is_no_database_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("this is a text, and no database at all")
    engine = open_engine(make_url(f"sqlite+aiosqlite:///{tmp_path / 'text.db'}"))

    with pytest.raises(DatabaseUnavailable, match=r"^file is not a database$"):
        async with reading(engine):
            pass
    await engine.dispose()


async def test_a_folder_that_cannot_be_made_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file in the folder's place")

    with pytest.raises(DatabaseUnavailable, match="cannot make the folder"):
        open_engine(make_url(f"sqlite+aiosqlite:///{tmp_path / 'var' / 'a.db'}"))


async def test_a_removed_file_is_not_written_to_and_one_put_in_its_place_is_used(tmp_path: Path) -> None:
    file, copy = tmp_path / "service.db", tmp_path / "copy.db"
    engine = open_engine(parse_database(f"sqlite:///{file}"))
    async with writing(engine) as connection:
        await connection.run_sync(metadata.create_all)
    async with reading(engine) as connection:
        await connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
    file.rename(copy)

    with pytest.raises(DatabaseUnavailable):
        async with writing(engine) as connection:
            await connection.execute(insert(counters), {"name": "lost", "value": 1})
    copy.replace(file)
    async with writing(engine) as connection:
        await connection.execute(insert(counters), {"name": "kept", "value": 2})

    assert await read_value(engine, "kept") == 2
    await engine.dispose()
