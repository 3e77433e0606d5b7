import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from shutil import copyfile

import httpx
import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from extracted_services.chassis.database import open_engine, writing
from extracted_services.inventory.adapters.catalogue import SqlCatalogue
from extracted_services.inventory.adapters.runs import SqlStore
from extracted_services.inventory.adapters.tables import kept_keys
from extracted_services.inventory.bootstrap import build_app, migrate_database
from extracted_services.inventory.domain.backfill import Run
from extracted_services.inventory.service_layer.backfill import backfill
from extracted_services.inventory.settings import Settings, read_settings
from extracted_services.inventory.tests.client import INTERNAL_TOKEN, Client
from extracted_services.inventory.tests.shop import MORNING, ShopInMemory
from tests.support.postgres import Postgres
from tests.support.tokens import JWKS


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def _read(url: str, folder: Path) -> Settings:
    return read_settings(
        {
            "DATABASE_URL": url,
            "BROKER_URL": f"sqlite:///{folder / 'broker.db'}",
            "INTERNAL_TOKEN": INTERNAL_TOKEN,
            "LEGACY_URL": "http://127.0.0.1:9",  # nobody listens there
        }
    )


@pytest.fixture
def empty(database_url: str, tmp_path: Path) -> Settings:
    """Settings of a database that was never migrated, of each kind in turn."""
    return _read(database_url, tmp_path)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database without rows: made once, since a copy of it costs a hundredth of the migrations."""
    file = tmp_path_factory.mktemp("migrated") / "inventory.db"
    asyncio.run(migrate_database(read_settings({"DATABASE_URL": f"sqlite:///{file}"})))
    return file


@pytest.fixture(scope="session")
def migrated_database(postgres: Postgres) -> str:
    """Its like on PostgreSQL."""
    name = postgres.create_database()
    asyncio.run(migrate_database(read_settings({"DATABASE_URL": postgres.url(name)})))
    return name


@pytest.fixture
def postgres_copy(postgres: Postgres, migrated_database: str) -> Iterator[str]:
    name = postgres.create_database(template=migrated_database)
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path, migrated_file: Path) -> Settings:
    """Settings of a migrated database of the test's own, of each kind in turn."""
    if request.param == "postgresql":
        return _read(request.getfixturevalue("postgres_copy"), tmp_path)
    copyfile(migrated_file, tmp_path / "inventory.db")
    return _read(f"sqlite:///{tmp_path / 'inventory.db'}", tmp_path)


@pytest.fixture
async def engine(settings: Settings) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(settings.database)
    yield engine
    await engine.dispose()


@pytest.fixture
def store(engine: AsyncEngine) -> SqlStore:
    return SqlStore(engine)


@pytest.fixture
def catalogue(engine: AsyncEngine) -> SqlCatalogue:
    return SqlCatalogue(engine)


@pytest.fixture
def fill(store: SqlStore) -> Callable[[ShopInMemory], Awaitable[Run]]:
    """Backfills the database from a shop in memory."""

    async def fill_from(shop: ShopInMemory) -> Run:
        return await backfill(shop, store, lambda: MORNING, lambda run: None)

    return fill_from


@pytest.fixture
async def api(settings: Settings, engine: AsyncEngine) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the service's application. The issuer of tokens is away, and its keys were kept."""
    async with writing(engine) as connection:
        keys = {"url": settings.jwks_url, "document": JWKS, "fetched_at": MORNING}
        await connection.execute(insert(kept_keys), keys)
    app = build_app(settings)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(app.router.lifespan_context(app))
        transport = httpx.ASGITransport(app)
        yield await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://inventory.test"))


@pytest.fixture
def client(api: httpx.AsyncClient) -> Client:
    return Client(api)
