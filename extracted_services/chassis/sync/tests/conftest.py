import asyncio
from collections.abc import AsyncIterator, Iterator
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
def migrated_template(postgres: Postgres) -> str:
    name = postgres.create_database()
    asyncio.run(_migrate(postgres.url(name)))
    return name


@pytest.fixture
def postgresql_url(postgres: Postgres, migrated_template: str) -> Iterator[str]:
    name = postgres.create_database(template=migrated_template)
    yield postgres.url(name)
    postgres.drop_database(name)


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
