import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from shutil import copyfile

import httpx
import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from extracted_services.chassis.database import open_engine, writing
from extracted_services.chassis.sync.ownership import own
from extracted_services.payments.adapters.book import SqlBook
from extracted_services.payments.adapters.tables import kept_keys
from extracted_services.payments.bootstrap import build_app, migrate_database
from extracted_services.payments.service_layer.till import Till
from extracted_services.payments.settings import Settings, read_settings
from extracted_services.payments.tests.client import Client
from extracted_services.payments.tests.shop import MORNING, Clock, ScriptedProcessor, open_till
from tests.support.postgres import Postgres
from tests.support.tokens import JWKS

NOWHERE = "http://127.0.0.1:9"
TOKEN = "between-services"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def _migrate(url: str) -> None:
    asyncio.run(migrate_database(read_settings({"DATABASE_URL": url})))


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database without rows: made once, since a copy of it costs a hundredth of the migrations."""
    file = tmp_path_factory.mktemp("migrated") / "payments.db"
    _migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def migrated_database(postgres: Postgres) -> str:
    name = postgres.create_database()
    _migrate(postgres.url(name))
    return name


@pytest.fixture
def postgres_copy(postgres: Postgres, migrated_database: str) -> Iterator[str]:
    name = postgres.create_database(template=migrated_database)
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path, migrated_file: Path) -> str:
    """A migrated database of the test's own, of each kind in turn."""
    if request.param == "postgresql":
        found: str = request.getfixturevalue("postgres_copy")
        return found
    copyfile(migrated_file, tmp_path / "payments.db")
    return f"sqlite:///{tmp_path / 'payments.db'}"


@pytest.fixture
def settings(url: str, tmp_path: Path) -> Settings:
    return read_settings(
        {
            "DATABASE_URL": url,
            "BROKER_URL": f"sqlite:///{tmp_path / 'broker.db'}",
            "PROCESSOR_LEDGER": str(tmp_path / "card-processor.db"),
            "INTERNAL_TOKEN": TOKEN,
            "LEGACY_URL": NOWHERE,
        }
    )


@pytest.fixture
async def engine(settings: Settings) -> AsyncIterator[AsyncEngine]:
    """Of a database where this service records payments."""
    engine = open_engine(settings.database)
    async with writing(engine) as connection:
        await own(connection, ["payment"], 2)
    yield engine
    await engine.dispose()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def processor() -> ScriptedProcessor:
    return ScriptedProcessor()


@pytest.fixture
def book(engine: AsyncEngine) -> SqlBook:
    return SqlBook(engine)


@pytest.fixture
def till(book: SqlBook, processor: ScriptedProcessor, clock: Clock) -> Till:
    return open_till(book, processor, clock)


@pytest.fixture
async def api(settings: Settings, engine: AsyncEngine) -> AsyncIterator[Client]:
    """A client of the service's application, which records payments here."""
    async with serving(settings) as client:
        yield client


@pytest.fixture
async def unfilled(settings: Settings) -> AsyncIterator[Client]:
    """As `api`, while payments are recorded elsewhere, and none was ever copied."""
    async with serving(settings) as client:
        yield client


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[Client]:
    """The issuer of tokens is away, and its keys were kept."""
    engine = open_engine(settings.database)
    async with writing(engine) as connection:
        keys = {"url": settings.jwks_url, "document": JWKS, "fetched_at": MORNING}
        await connection.execute(insert(kept_keys), keys)
    await engine.dispose()
    app = build_app(settings)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(app.router.lifespan_context(app))
        transport = httpx.ASGITransport(app)
        client = httpx.AsyncClient(transport=transport, base_url="http://payments.test")
        yield Client(await stack.enter_async_context(client), TOKEN)
