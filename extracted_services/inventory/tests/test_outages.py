"""What the service rests on goes away and comes back, and nobody has to do anything."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import insert

from extracted_services.chassis.database import open_engine, writing
from extracted_services.chassis.sync.inbox import mark_imported
from extracted_services.chassis.sync.ownership import own
from extracted_services.inventory.adapters.applier import ENTITIES
from extracted_services.inventory.adapters.rows import write_product, write_stock
from extracted_services.inventory.adapters.tables import kept_keys, products, stock_levels
from extracted_services.inventory.bootstrap import build_app, migrate_database
from extracted_services.inventory.settings import Settings, read_settings
from extracted_services.inventory.tests.client import INTERNAL_TOKEN, Client
from extracted_services.inventory.tests.shop import MORNING, level, product
from tests.support.postgres import started_postgres
from tests.support.processes import free_port
from tests.support.tokens import JWKS

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[Client]:
    """A service that owns stock and sells A."""
    await migrate_database(settings)
    engine = open_engine(settings.database)
    async with writing(engine) as connection:
        await connection.execute(insert(products), {**write_product(product("A")), "peer_version": 0})
        await connection.execute(insert(stock_levels), {**write_stock(level("A")), "peer_version": 0})
        keys = {"url": settings.jwks_url, "document": JWKS, "fetched_at": MORNING}
        await connection.execute(insert(kept_keys), keys)
        await mark_imported(connection, ENTITIES, MORNING)
        await own(connection, ["stock"], 2)
    await engine.dispose()
    app = build_app(settings)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://inventory.test", timeout=60) as http,
    ):
        yield Client(http)


def settings_for(database: str, broker: str) -> Settings:
    return read_settings(
        {
            "DATABASE_URL": database,
            "BROKER_URL": broker,
            "INTERNAL_TOKEN": INTERNAL_TOKEN,
            "LEGACY_URL": "http://127.0.0.1:9",
        }
    )


async def test_a_database_that_is_away_is_told_and_comes_back_by_itself(tmp_path: Path) -> None:
    with started_postgres() as server:
        settings = settings_for(server.url(server.create_database()), f"sqlite:///{tmp_path / 'broker.db'}")
        async with serving(settings) as client:
            made = await client.reserve({"A": 1}, key="before")
            assert made.status_code == 201

            server.stop()
            for answer in (await client.reserve({"A": 1}), await client.get("/api/stock/A", None)):
                assert (answer.status_code, answer.json()["type"]) == (503, "urn:shop:unavailable")
                assert answer.headers["retry-after"] == "5"
            ready = await client.get("/readyz", None)
            assert ready.status_code == 503
            assert ready.json()["checks"]["database"]["problem"] is not None
            assert (await client.get("/healthz", None)).status_code == 200

            server.start()
            again = await client.reserve({"A": 1}, key="after")
            assert again.status_code == 201, again.text
            assert (await client.get("/readyz", None)).status_code == 200
            assert (await client.get("/api/stock/A", None)).json()["reserved"] == 5


async def test_goods_are_reserved_while_the_broker_is_away(tmp_path: Path) -> None:
    settings = settings_for(f"sqlite:///{tmp_path / 'inventory.db'}", f"kafka://127.0.0.1:{free_port()}")
    async with serving(settings) as client:
        took = []
        for _ in range(3):  # of which the machine may keep one or two waiting
            began = time.monotonic()
            assert (await client.reserve({"A": 1})).status_code == 201
            took.append(time.monotonic() - began)
        assert min(took) < 2.0
        ready = await client.get("/readyz", None)
        assert ready.status_code == 503
        assert ready.json()["checks"]["broker"]["problem"] is not None
        status = (await client.get("/internal/sync", "internal")).json()["entities"]["stock"]
        assert (status["unpublished"], status["outbox_last"]) == (6, 6)
