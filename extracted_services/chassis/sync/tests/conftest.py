import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from shutil import copyfile

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from extracted_services.chassis.database import open_engine, writing
from extracted_services.chassis.settings import parse_database
from extracted_services.chassis.sync.inbox import Inbox
from extracted_services.chassis.sync.ownership import own
from extracted_services.chassis.sync.tests.service import ENTITIES, SCHEMA, States
from tests.support.postgres import Postgres

AS_NEW = """
    TRUNCATE outbox, inbox, sync_conflicts, states, answers;
    UPDATE ownership SET owner = 'legacy', epoch = 1;
    UPDATE outbox_position SET last = 0;
    UPDATE inbox_position SET last = 0, duplicates = 0, imported_at = NULL;
    UPDATE relay_lease SET holder = '', expires_at = '2000-01-01'
"""


async def _migrate(url: str) -> None:
    engine = open_engine(parse_database(url))
    await SCHEMA.migrate(engine)
    await engine.dispose()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once: a copy of it costs a hundredth of the migrations."""
    file = tmp_path_factory.mktemp("sync") / "migrated.db"
    asyncio.run(_migrate(f"sqlite:///{file}"))
    return file


@pytest.fixture(scope="session")
def migrated_database(postgres: Postgres) -> str:
    name = postgres.create_database()
    asyncio.run(_migrate(postgres.url(name)))
    return name


@pytest.fixture
def postgresql_url(postgres: Postgres, migrated_database: str) -> str:
    """One database for all tests, made as it was when it was new."""
    postgres.execute(AS_NEW, migrated_database)
    return postgres.url(migrated_database)


@pytest.fixture
def sqlite_url(tmp_path: Path, migrated_file: Path) -> str:
    copyfile(migrated_file, tmp_path / "service.db")
    return f"sqlite:///{tmp_path / 'service.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """A migrated database of each kind in turn, in which the monolith owns everything."""
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


@pytest.fixture
async def engine(url: str) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(parse_database(url))
    yield engine
    await engine.dispose()


@pytest.fixture
async def owning(engine: AsyncEngine) -> AsyncEngine:
    """The service owns payments and stock, at epoch 2."""
    async with writing(engine) as connection:
        await own(connection, ["payment", "stock"], 2)
    return engine


@pytest.fixture
def inbox() -> Inbox:
    return Inbox(States(), ENTITIES)
