"""Migrations, and what is said of a database that has another shape than the code needs."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Column, Index, Integer, MetaData, String, Table, text
from sqlalchemy.ext.asyncio import AsyncEngine

from extracted_services.chassis.database import open_engine, writing
from extracted_services.chassis.schema import Schema, SchemaMismatch
from extracted_services.chassis.settings import parse_database

pytestmark = pytest.mark.anyio

MIGRATION = '''"""Notes."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "notes",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("text", sa.String(50), nullable=False),
        sa.Column("mood", sa.String(20), nullable=True),
    )
    op.create_index("notes_by_text", "notes", ["text"])
'''


def tables() -> MetaData:
    metadata = MetaData()
    Table(
        "notes",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("text", String(50), nullable=False),
        Column("mood", String(20), nullable=True),
        Index("notes_by_text", "text"),
    )
    return metadata


@pytest.fixture
def schema(tmp_path: Path) -> Schema:
    """In a folder whose name holds what a configuration file would trip over."""
    versions = tmp_path / "100% of: notes, " / "versions"
    versions.mkdir(parents=True)
    (versions / "v0001_notes.py").write_text(MIGRATION)
    return Schema(tables(), versions)


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(parse_database(database_url))
    yield engine
    await engine.dispose()


async def change(engine: AsyncEngine, *statements: str) -> None:
    async with writing(engine) as connection:
        for statement in statements:
            await connection.execute(text(statement))


async def test_migrating_twice_changes_nothing(schema: Schema, engine: AsyncEngine) -> None:
    assert await schema.read_revision(engine) is None
    assert await schema.migrate(engine) == await schema.migrate(engine) == "0001"
    assert await schema.read_revision(engine) == schema.newest_revision() == "0001"
    await schema.check_revision(engine)


async def test_several_processes_may_start_at_once(schema: Schema, database_url: str) -> None:
    engines = [open_engine(parse_database(database_url)) for _ in range(4)]

    assert await asyncio.gather(*map(schema.migrate, engines)) == ["0001"] * 4
    for engine in engines:
        await engine.dispose()


async def test_a_database_that_was_never_migrated_is_told(schema: Schema, engine: AsyncEngine) -> None:
    with pytest.raises(SchemaMismatch, match="at no revision, not 0001"):
        await schema.check_revision(engine)


async def test_a_database_of_a_newer_version_is_left_alone(schema: Schema, engine: AsyncEngine) -> None:
    await schema.migrate(engine)
    await change(engine, "UPDATE alembic_version SET version_num = '0002'")

    with pytest.raises(SchemaMismatch, match="revision 0002, which this version does not know"):
        await schema.migrate(engine)
    assert await schema.read_revision(engine) == "0002"


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("DROP TABLE notes", "the table notes is missing"),
        ("ALTER TABLE notes DROP COLUMN mood", "the column notes.mood is missing"),
        ("DROP INDEX notes_by_text", "notes_by_text of notes is missing"),
    ],
)
async def test_what_is_missing_is_named(schema: Schema, engine: AsyncEngine, statement: str, told: str) -> None:
    await schema.migrate(engine)
    await change(engine, statement)

    with pytest.raises(SchemaMismatch, match=told):
        await schema.migrate(engine)


async def test_all_that_differs_is_told_in_one_line(schema: Schema, postgres_url: str) -> None:
    engine = open_engine(parse_database(postgres_url))
    await schema.migrate(engine)
    await change(
        engine,
        "ALTER TABLE notes ALTER COLUMN text DROP NOT NULL",
        "ALTER TABLE notes ALTER COLUMN mood SET NOT NULL",
        "ALTER TABLE notes ALTER COLUMN mood TYPE text",
        "ALTER TABLE notes ADD COLUMN author text NOT NULL",
    )

    with pytest.raises(SchemaMismatch) as refused:
        await schema.migrate(engine)
    told = str(refused.value)
    assert "the column notes.text may be empty" in told
    assert "the column notes.mood may not be empty" in told
    assert "the column notes.mood is TEXT" in told
    assert "the column notes.author may not be empty, and nobody fills it" in told
    assert len(told.splitlines()) == 1
    await engine.dispose()


async def test_what_the_code_does_not_need_is_no_drift(schema: Schema, engine: AsyncEngine) -> None:
    await schema.migrate(engine)
    await change(
        engine,
        "CREATE TABLE of_another (id INTEGER PRIMARY KEY)",
        "CREATE INDEX of_the_operator ON notes (mood)",
        "ALTER TABLE notes ADD COLUMN remark VARCHAR(20)",
    )

    assert await schema.migrate(engine) == "0001"


async def test_a_migration_that_fails_leaves_nothing_behind(schema: Schema, engine: AsyncEngine) -> None:
    await schema.migrate(engine)
    (schema.versions / "v0002_more.py").write_text(
        MIGRATION.replace('"0001"', '"0002"')
        .replace("down_revision = None", 'down_revision = "0001"')
        .replace('"notes"', '"more"')
        .replace('op.create_index("notes_by_text"', 'raise RuntimeError\n    op.create_index("more_by_text"')
    )

    with pytest.raises(RuntimeError):
        await schema.migrate(engine)
    assert await schema.read_revision(engine) == "0001"
    (schema.versions / "v0002_more.py").unlink()
    assert await schema.migrate(engine) == "0001"
