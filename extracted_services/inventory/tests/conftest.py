from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from extracted_services.inventory.adapters.catalogue import SqlCatalogue
from extracted_services.inventory.adapters.database import open_for_reading, open_for_writing
from extracted_services.inventory.adapters.runs import SqlStore
from extracted_services.inventory.adapters.schema import migrate
from extracted_services.inventory.bootstrap import build_app
from extracted_services.inventory.domain.backfill import Run
from extracted_services.inventory.service_layer.backfill import backfill
from extracted_services.inventory.settings import Settings, read_settings
from extracted_services.inventory.tests.shop import MORNING, ShopInMemory


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read_settings({"DATABASE_URL": f"sqlite:///{tmp_path / 'inventory.db'}"})


@pytest.fixture
async def store(settings: Settings) -> AsyncIterator[SqlStore]:
    engine = open_for_writing(settings.database)
    await migrate(engine)
    yield SqlStore(engine)
    await engine.dispose()


@pytest.fixture
async def catalogue(settings: Settings, store: SqlStore) -> AsyncIterator[SqlCatalogue]:
    engine = open_for_reading(settings.database)
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
