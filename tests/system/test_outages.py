"""What is no event, a broker that is away, a database that is away: told, and got over without anybody's help."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from random import Random
from signal import SIGKILL
from typing import Any

import httpx
import pytest

from extracted_services.chassis.identifiers import uuid7
from extracted_services.contracts.envelope import MOST_BYTES
from extracted_services.messaging.open import open_bus
from extracted_services.messaging.ports import Bus, DeadLetter, Message
from tests.support.grounds import Real, begun
from tests.support.system import MEMBERS, SERVICES, System, running
from tests.system.customers import Crowd, gathered

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
TOLD_WITHIN_S = 30.0
PAGES = {
    "monolith": "/api/orders",
    "orders": "/api/orders",
    "payments": "/api/payments",
    "inventory": "/api/reservations",
}


@pytest.fixture(scope="module")
async def system(filled_real: Real, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    with begun(filled_real.copy(tmp_path_factory.mktemp("outages") / "ground", with_broker=True)) as ground:
        async with running(ground) as system:
            yield system


@pytest.fixture(scope="module")
async def crowd(system: System) -> AsyncIterator[Crowd]:
    async with gathered(system) as crowd:
        yield crowd


async def test_what_is_no_event_becomes_a_dead_letter_and_its_partition_goes_on(
    system: System, crowd: Crowd, chance: Random
) -> None:
    wish = crowd.wish(chance, "monolith")
    sku = wish.body["lines"][0]["sku"]
    values = {
        "malformed": b'{"id": ',
        "of another version": json.dumps(stock_changed(sku, schema_version=99)).encode(),
        "oversized": json.dumps(stock_changed(sku, data={"note": "x" * MOST_BYTES})).encode(),
    }
    bus = open_bus(system.ground.broker_url, client="test")
    try:
        # The same partition as what the order below changes.
        await bus.publish([Message("stock", sku, value, name) for name, value in values.items()])
        await crowd.ask(wish)
        await system.wait_until_in_step()
        letters = await read_letters(bus, 2 * len(values))
    finally:
        await bus.close()

    for name in values:
        assert groups_of(letters, name) == {"inventory": 1, "monolith": 1}
    reasons = {letter.delivery.message.id: letter.reason for letter in letters}
    assert "99" in reasons["of another version"]
    assert str(MOST_BYTES) in reasons["oversized"]
    assert reasons["malformed"]


async def test_while_the_broker_is_away_orders_are_taken_and_told_later(
    system: System, crowd: Crowd, chance: Random
) -> None:
    assert isinstance(system.ground, Real)
    await system.hand_over("service")
    await system.wait_until_in_step()
    await asyncio.to_thread(system.ground.broker.kill)

    told = await crowd.ask(crowd.wish(chance, "orders"))
    for name in SERVICES:
        answer = await ask(crowd, name, "/readyz")
        assert (answer.status_code, answer.json()["detail"].split(":")[0]) == (503, "broker")
    system.ground.broker.start()

    await system.wait_until_in_step()
    books = await crowd.read_books("legacy")
    assert told.order_id is None or books.orders[told.order_id]["status"] == told.status
    await system.wait_until_ready()


async def test_while_the_database_is_away_requests_are_told_to_come_again_and_nothing_has_to_be_restarted(
    system: System, crowd: Crowd, chance: Random
) -> None:
    assert isinstance(system.ground, Real)
    placing = [asyncio.create_task(crowd.ask(crowd.wish(chance, "orders"))) for _ in range(3)]
    processes = {name: system.members[name].process for name in MEMBERS}
    await asyncio.sleep(0.2)  # some of them are under way
    system.ground.postgres.stop(how=SIGKILL)
    try:
        for name, path in PAGES.items():
            answer = await ask(crowd, name, path)
            assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json"), name
            assert int(answer.headers["retry-after"]) > 0
            assert answer.json()["type"] == "urn:shop:unavailable"
            assert (await ask(crowd, name, "/readyz")).status_code == 503
            assert (await ask(crowd, name, "/healthz")).status_code == 200
    finally:
        system.ground.postgres.start()

    told = await asyncio.gather(*placing)
    await system.wait_until_ready()
    await system.wait_until_in_step()
    assert {name: system.members[name].process for name in MEMBERS} == processes
    assert all(system.members[name].is_running for name in MEMBERS)
    assert len({answer.key for answer in told}) == 3


async def read_letters(bus: Bus, count: int) -> list[DeadLetter]:
    """When there are as many."""
    async with asyncio.timeout(TOLD_WITHIN_S):
        while True:
            letters = await bus.dead_letters(["stock"], 100)
            if len(letters) >= count:
                return letters
            await asyncio.sleep(0.1)


def stock_changed(sku: str, **other: Any) -> dict[str, Any]:
    """An event as the monolith's, but for `other`; without a position, as it stands for no change."""
    return {
        "id": str(uuid7()),
        "type": "StockChanged",
        "schema_version": 1,
        "aggregate_type": "stock",
        "aggregate_id": sku,
        "aggregate_version": 1,
        "occurred_at": "2026-11-22T12:00:00.000Z",
        "origin": "legacy",
        "position": None,
        "traceparent": None,
        "data": {},
        **other,
    }


async def ask(crowd: Crowd, member: str, path: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {crowd.tokens['alice']}"}
    return await crowd.client.get(crowd.system.urls[member] + path, headers=headers)


def groups_of(letters: list[DeadLetter], name: str) -> Counter[str]:
    return Counter(letter.group for letter in letters if letter.delivery.message.id == name)
