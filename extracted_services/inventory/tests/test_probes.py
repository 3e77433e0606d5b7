from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from extracted_services.inventory.bootstrap import build_app
from extracted_services.inventory.domain.backfill import Run
from extracted_services.inventory.service_layer.ports import SourceUnreachable
from extracted_services.inventory.settings import Settings, read_settings
from extracted_services.inventory.tests.shop import ShopInMemory

pytestmark = pytest.mark.anyio
Fill = Callable[[ShopInMemory], Awaitable[Run]]


async def test_the_process_is_healthy_whatever_its_database_holds(api: httpx.AsyncClient) -> None:
    answer = await api.get("/healthz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_it_is_ready_once_a_whole_copy_was_made(api: httpx.AsyncClient, fill: Fill) -> None:
    shop = ShopInMemory.selling("A", "B", "C")
    shop.fails_at = 1
    with pytest.raises(SourceUnreachable):
        await fill(shop)
    before = await api.get("/readyz")
    assert (before.status_code, before.json()["ready"]) == (503, False)
    assert before.headers["content-type"] == "application/problem+json"
    assert before.json()["detail"] == "backfill: never filled: run backfill"
    assert before.json()["checks"]["backfill"]["unfinished"]["products"] == 2

    shop.fails_at = None
    await fill(shop)
    after = await api.get("/readyz")
    assert after.status_code == 200
    assert after.json() == {
        "ready": True,
        "checks": {
            "database": {"problem": None},
            "broker": {"problem": None, "lag": 0},
            "backfill": {
                "problem": None,
                "imported_at": None,
                "finished": {
                    "started_at": "2026-03-01T09:30:00.000Z",
                    "finished_at": "2026-03-01T09:30:00.000Z",
                    "products": 3,
                    "stock": 3,
                },
                "unfinished": None,
            },
        },
    }


async def test_it_stays_ready_while_a_later_copy_is_made(api: httpx.AsyncClient, fill: Fill) -> None:
    shop = ShopInMemory.selling("A", "B", "C")
    await fill(shop)
    shop.fails_at = len(shop.requests) + 1
    with pytest.raises(SourceUnreachable):
        await fill(shop)

    answer = await api.get("/readyz")

    assert answer.status_code == 200
    assert answer.json()["checks"]["backfill"]["unfinished"]["products"] == 2


async def test_a_database_that_was_never_migrated_is_not_ready(empty: Settings) -> None:
    app = build_app(empty)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://inventory.test") as client,
    ):
        answer = await client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["checks"]["database"]["problem"] == "the database is at no revision, not 0002"


async def test_a_database_that_breaks_is_told_by_readyz_and_answered_with_503(tmp_path: Path) -> None:
    file, broker = tmp_path / "inventory.db", tmp_path / "broker.db"
    file.write_text("this is a text, and no database at all")
    urls = {"DATABASE_URL": f"sqlite:///{file}", "BROKER_URL": f"sqlite:///{broker}"}
    app = build_app(read_settings(urls | {"INTERNAL_TOKEN": "a-token"}))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://inventory.test") as client,
    ):
        assert (await client.get("/readyz")).json()["checks"]["database"]["problem"] == "file is not a database"
        answer = await client.get("/api/products")
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:shop:unavailable")
        assert (await client.get("/healthz")).status_code == 200
