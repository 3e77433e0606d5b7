"""What the service leans on goes away, and comes back by itself."""

from dataclasses import replace
from pathlib import Path

import pytest

from extracted_services.chassis.database import open_engine, writing
from extracted_services.chassis.sync.ownership import own
from extracted_services.payments.bootstrap import audit, migrate_database
from extracted_services.payments.settings import Settings, read_settings
from extracted_services.payments.tests.conftest import NOWHERE, TOKEN, serving
from extracted_services.payments.tests.test_api import new_payment
from tests.support.postgres import started_postgres
from tests.support.processes import free_port

pytestmark = pytest.mark.anyio


async def take_ownership(settings: Settings) -> None:
    engine = open_engine(settings.database)
    async with writing(engine) as connection:
        await own(connection, ["payment"], 2)
    await engine.dispose()


@pytest.mark.slow
async def test_a_database_that_is_away_is_503_and_comes_back(tmp_path: Path) -> None:
    with started_postgres() as server:
        settings = read_settings(
            {
                "DATABASE_URL": server.url(server.create_database()),
                "BROKER_URL": f"sqlite:///{tmp_path / 'broker.db'}",
                "PROCESSOR_LEDGER": str(tmp_path / "card-processor.db"),
                "INTERNAL_TOKEN": TOKEN,
                "LEGACY_URL": NOWHERE,
            }
        )
        await migrate_database(settings)
        await take_ownership(settings)
        async with serving(settings) as api:
            body = new_payment()
            made = await api.post("/api/payments", body, key="k")
            assert made.status_code == 201
            server.stop()

            for away in (await api.post("/api/payments", new_payment(), key="l"), await api.get("/api/payments")):
                assert (away.status_code, away.headers["retry-after"]) == (503, "5")
                assert away.json()["type"] == "urn:shop:unavailable"
            ready = await api.get("/readyz", None)
            assert (ready.status_code, ready.json()["ready"]) == (503, False)
            assert ready.json()["checks"]["database"]["problem"]
            assert (await api.get("/healthz", None)).status_code == 200

            server.start()
            assert (await api.get("/api/payments")).json()["items"] == [made.json()]
            assert (await api.post("/api/payments", body, key="k")).content == made.content
            assert (await api.get("/readyz", None)).status_code == 200
            assert (await audit(settings)).agree


async def test_while_the_broker_is_away_cards_are_charged_and_readiness_says_so(settings: Settings) -> None:
    await take_ownership(settings)
    settings = replace(settings, broker_url=f"kafka://127.0.0.1:{free_port()}")
    async with serving(settings) as api:
        assert (await api.post("/api/payments", new_payment(), key="k")).status_code == 201
        ready = await api.get("/readyz", None)
        waiting = (await api.get("/internal/sync", "service")).json()["entities"]["payment"]

    assert (ready.status_code, ready.json()["checks"]["database"]["problem"]) == (503, None)
    assert ready.json()["checks"]["broker"]["problem"]
    assert (waiting["outbox_last"], waiting["unpublished"]) == (1, 1)


async def test_while_the_processor_is_away_nothing_is_charged_and_what_was_asked_for_is_kept(
    settings: Settings, tmp_path: Path
) -> None:
    await take_ownership(settings)
    (tmp_path / "card-processor.db").mkdir()
    body = new_payment()
    async with serving(settings) as api:
        away = await api.post("/api/payments", body, key="k")
        assert (away.status_code, away.json()["type"]) == (503, "urn:shop:unavailable")
        (tmp_path / "card-processor.db").rmdir()
        assert (await api.post("/api/payments", body, key="k")).status_code == 201
    assert (await audit(settings)).agree
