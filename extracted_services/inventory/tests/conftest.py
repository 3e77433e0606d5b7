import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from shutil import copyfile

import httpx
import pytest

from extracted_services.chassis.database import open_engine
from extracted_services.inventory.adapters.catalogue import SqlCatalogue
from extracted_services.inventory.adapters.runs import SqlStore
from extracted_services.inventory.bootstrap import build_app, migrate_database
from extracted_services.inventory.domain.backfill import Run
from extracted_services.inventory.service_layer.backfill import backfill
from extracted_services.inventory.settings import Settings, read_settings
from extracted_services.inventory.tests.shop import MORNING, ShopInMemory

TOKEN = "the-token-of-the-shops-processes"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read_settings(
        {
            "DATABASE_URL": f"sqlite:///{tmp_path / 'inventory.db'}",
            "BROKER_URL": f"sqlite:///{tmp_path / 'broker.db'}",
            "INTERNAL_TOKEN": TOKEN,
            "LEGACY_URL": "http://127.0.0.1:9",  # nobody listens there
        }
    )


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database without rows: made once, since a copy of it costs a hundredth of the migrations."""
    file = tmp_path_factory.mktemp("migrated") / "inventory.db"
    asyncio.run(migrate_database(read_settings({"DATABASE_URL": f"sqlite:///{file}"})))
    return file


@pytest.fixture
async def store(settings: Settings, migrated_file: Path) -> AsyncIterator[SqlStore]:
    copyfile(migrated_file, settings.database.database or "")
    engine = open_engine(settings.database)
    yield SqlStore(engine)
    await engine.dispose()


@pytest.fixture
async def catalogue(settings: Settings, store: SqlStore) -> AsyncIterator[SqlCatalogue]:
    engine = open_engine(settings.database)
    yield SqlCatalogue(engine)
    await engine.dispose()


@pytest.fixture
def fill(store: SqlStore) -> Callable[[ShopInMemory], Awaitable[Run]]:
    """Backfills the database from a shop in memory."""

    async def fill_from(shop: ShopInMemory) -> Run:
        return await backfill(shop, store, lambda: MORNING, lambda run: None)

    return fill_from


@pytest.fixture
async def api(settings: Settings, store: SqlStore) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the service's application on the database of `store`."""
    app = build_app(settings)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(app.router.lifespan_context(app))
        transport = httpx.ASGITransport(app)
        yield await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://inventory.test"))
