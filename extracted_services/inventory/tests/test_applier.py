"""What the monolith tells is taken over: through the import and the bus, on a real database."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from extracted_services.chassis.answers import fingerprint
from extracted_services.chassis.database import reading, writing
from extracted_services.chassis.identifiers import uuid7
from extracted_services.chassis.sync.inbox import Inbox
from extracted_services.chassis.sync.ownership import own
from extracted_services.contracts.envelope import Event, checksum, encode, to_document
from extracted_services.contracts.takeover import Local
from extracted_services.inventory.adapters.applier import ENTITIES, InventoryApplier
from extracted_services.inventory.adapters.catalogue import SqlCatalogue
from extracted_services.inventory.adapters.states import show_level, show_product, show_reservation
from extracted_services.inventory.domain.backfill import Run
from extracted_services.inventory.domain.reservations import Line, Reservation, Status
from extracted_services.inventory.settings import Settings
from extracted_services.inventory.tests.client import ALICE, STAFF, Client, body_of
from extracted_services.inventory.tests.shop import MORNING, ShopInMemory, level, product
from extracted_services.messaging.open import open_bus
from extracted_services.messaging.ports import Message

pytestmark = pytest.mark.anyio
Fill = Callable[[ShopInMemory], Awaitable[Run]]
HELD = Reservation(
    id="019ccb1e-5a00-7c3e-9d52-0f3e6f0a7b13",
    order_id="019ccb1e-5a00-7c3e-9d52-0f3e6f0a7b11",
    customer=ALICE,
    status=Status.HELD,
    lines=(Line("A", 2), Line("B", 1)),
    expires_at=MORNING + timedelta(minutes=15),
    created_at=MORNING,
    updated_at=MORNING,
)
ANSWER = {
    "customer": STAFF,
    "path": "/api/reservations",
    "key": "of-the-monolith",
    "body_hash": "0" * 64,
    "status": 201,
    "location": f"/api/reservations/{HELD.id}",
    "body": '{"told":"by the monolith"}',
}


def product_told(sku: str, version: int, position: int | None = None, **changes: Any) -> Event:
    return event("ProductChanged", sku, version, {"product": {**show_product(product(sku)), **changes}}, position)


def removal_told(sku: str, version: int, position: int | None = None) -> Event:
    return event("ProductRemoved", sku, version, {"sku": sku}, position)


def level_told(sku: str, version: int, position: int | None = None, on_hand: int = 42) -> Event:
    return event("StockChanged", sku, version, {"level": show_level(level(sku, on_hand))}, position)


def reservation_told(
    version: int, position: int | None = None, answer: Mapping[str, Any] | None = None, **changes: Any
) -> Event:
    state = {**show_reservation(HELD), **changes}
    return event("InventoryReserved", HELD.id, version, {"reservation": state, "answer": answer}, position)


def event(name: str, aggregate_id: str, version: int, data: Mapping[str, Any], position: int | None) -> Event:
    return Event(
        id=str(uuid7()),
        type=name,
        schema_version=1,
        aggregate_type="product" if name.startswith("Product") else "stock",
        aggregate_id=aggregate_id,
        aggregate_version=version,
        occurred_at=MORNING,
        origin="legacy",
        position=position,
        traceparent=None,
        data=data,
    )


async def take(engine: AsyncEngine, *events: Event) -> list[str]:
    inbox = Inbox(InventoryApplier(), ENTITIES)
    decisions = []
    for told in events:
        async with writing(engine) as connection:
            decisions.append(await inbox.take(connection, told))
    return decisions


async def names(engine: AsyncEngine) -> dict[str, str]:
    found = await SqlCatalogue(engine).list_products("", 100, None, ())
    return {item.sku: item.name for item in found.items}


async def test_products_come_change_and_go(engine: AsyncEngine) -> None:
    await take(engine, product_told("A", 1), product_told("B", 1), product_told("A", 2, name="Another mug"))
    assert await names(engine) == {"A": "Another mug", "B": "Stoneware mug"}
    assert [item.sku for item in (await SqlCatalogue(engine).list_products("", 9, None, ("another",))).items] == ["A"]

    await take(engine, removal_told("A", 3))
    assert await names(engine) == {"B": "Stoneware mug"}
    assert await SqlCatalogue(engine).find_product("A") is None

    await take(engine, product_told("A", 4, name="Back again"))
    assert (await names(engine))["A"] == "Back again"


async def test_a_removed_product_is_not_brought_back_by_what_was_read_before(engine: AsyncEngine) -> None:
    assert await take(engine, removal_told("A", 3), product_told("A", 2)) == ["take", "old"]
    assert await take(engine, product_told("B", 1), removal_told("B", 2), product_told("B", 1)) == [
        "take",
        "take",
        "old",
    ]
    assert await names(engine) == {}


async def test_a_level_is_shown_with_its_product_and_kept_without(engine: AsyncEngine) -> None:
    catalogue = SqlCatalogue(engine)
    await take(engine, level_told("A", 1, on_hand=7))
    assert (await catalogue.find_stock("A"), (await catalogue.list_stock("", 9)).items) == (None, ())

    await take(engine, product_told("A", 1))
    found = await catalogue.find_stock("A")
    assert found is not None
    assert (found.on_hand, found.version) == (7, 1)
    assert [item.sku for item in (await catalogue.list_stock("", 9)).items] == ["A"]


async def test_what_was_copied_gives_way_to_what_is_told_and_not_the_other_way_round(
    engine: AsyncEngine, fill: Fill
) -> None:
    shop = ShopInMemory.selling("A", "B", "C")
    await fill(shop)
    await take(engine, level_told("A", 5, on_hand=9), product_told("A", 5, name="Told"), removal_told("B", 2))
    shop.stock["C"] = level("C", on_hand=8)
    del shop.products["A"]

    await fill(shop)

    assert await names(engine) == {"A": "Told", "C": "Stoneware mug"}
    stock = (await SqlCatalogue(engine).list_stock("", 9)).items
    assert {item.sku: (item.on_hand, item.version) for item in stock} == {"A": (9, 5), "C": (8, 0)}


async def test_everything_comes_back_out_as_it_was_told(engine: AsyncEngine) -> None:
    events = [product_told("A", 3), level_told("A", 4), reservation_told(5, answer=ANSWER)]
    await take(engine, *events)
    applier = InventoryApplier()

    async with writing(engine) as connection:
        for told in events:
            assert told.kind is not None
            found = await applier.find(connection, told.kind, told.aggregate_id)
            assert found is not None
            assert (found.version, found.peer_version) == (told.aggregate_version, told.aggregate_version)
            assert found.data is not None
            assert checksum(found.data) == checksum(told.data)
        assert await applier.find(connection, "level", "B") is None


async def test_pages_leave_out_what_was_removed_and_go_on_behind_an_id(engine: AsyncEngine) -> None:
    await take(engine, *(product_told(sku, 1) for sku in ("A", "B-1", "B", "C")), removal_told("B", 2))
    applier = InventoryApplier()

    async with reading(engine) as connection:
        first = await applier.page(connection, "product", None, 2)
        rest = await applier.page(connection, "product", first[-1][0], 2)
    assert [name for name, _ in first] + [name for name, _ in rest] == ["A", "B-1", "C"]
    assert isinstance(first[0][1], Local)


async def test_both_sides_having_changed_a_level_is_recorded_and_ours_stays(
    client: Client, engine: AsyncEngine
) -> None:
    await take(engine, product_told("A", 1), product_told("B", 1), level_told("A", 1), level_told("B", 1))
    async with writing(engine) as connection:
        await own(connection, ["stock"], 2)
    assert (await client.reserve({"A": 1})).status_code == 201

    assert await take(engine, level_told("A", 2, on_hand=1)) == ["conflict"]

    found = await SqlCatalogue(engine).find_stock("A")
    assert found is not None
    assert (found.on_hand, found.reserved, found.version) == (42, 4, 2)
    status = (await client.get("/internal/sync", "internal")).json()["entities"]
    assert (status["stock"]["conflicts"], status["product"]["conflicts"]) == (1, 0)


async def test_a_whole_shop_is_imported_and_then_served(client: Client, api: httpx.AsyncClient) -> None:
    assert (await client.get("/readyz", None)).status_code == 503
    events = [
        *(product_told(sku, 1) for sku in ("A", "B")),
        *(level_told(sku, 7) for sku in ("A", "B", "HIDDEN")),
        reservation_told(2, answer=ANSWER),
    ]
    sent = {"events": [to_document(item) for item in events]}
    answer = await client.post("/internal/sync/import", sent, "internal")
    assert (answer.status_code, answer.json()["decisions"]["take"]) == (200, 6)
    assert (await client.get("/api/products", None)).status_code == 503

    done = {"events": [], "complete": True, "covers": {"stock": 0, "product": 0}}
    assert (await client.post("/internal/sync/import", done, "internal")).status_code == 200

    ready = await client.get("/readyz", None)
    assert ready.status_code == 200, ready.text
    assert ready.json()["checks"]["backfill"]["imported_at"] is not None
    assert [item["sku"] for item in (await client.get("/api/stock", None)).json()["items"]] == ["A", "B"]
    mine = (await client.get("/api/reservations", "alice")).json()["items"]
    assert [item["id"] for item in mine] == [HELD.id]
    found = (await client.get("/internal/sync/checksums?entity=stock&kind=level", "internal")).json()
    assert [(item["id"], item["version"]) for item in found["items"]] == [("A", 7), ("B", 7), ("HIDDEN", 7)]
    assert found["items"][0]["checksum"] == checksum({"level": show_level(level("A"))})


async def test_a_first_answer_of_the_monolith_is_given_again_here(client: Client, engine: AsyncEngine) -> None:
    body = body_of({"A": 2, "B": 1})
    await take(engine, reservation_told(1, answer={**ANSWER, "body_hash": fingerprint(body)}))
    async with writing(engine) as connection:
        await own(connection, ["stock"], 2)

    answer = await client.post("/api/reservations", body, key="of-the-monolith")

    assert (answer.status_code, answer.text) == (201, '{"told":"by the monolith"}')
    assert answer.headers["location"] == ANSWER["location"]
    assert answer.headers["idempotency-replayed"] == "true"


@pytest.fixture
async def bus_of_the_monolith(settings: Settings) -> AsyncIterator[Callable[..., Awaitable[None]]]:
    bus = open_bus(settings.broker_url, client="monolith")

    async def publish(*events: Event) -> None:
        await bus.publish(
            [
                Message(topic=item.aggregate_type, key=item.aggregate_id, value=encode(item), id=item.id)
                for item in events
            ]
        )

    yield publish
    await bus.close()


async def until(client: Client, target: str, holds: Callable[[Any], bool]) -> Any:
    """Ask until it holds, as a client would; the bus has no event to wait for on this side."""
    async with asyncio.timeout(60):
        while True:
            answer = await client.get(target, "internal")
            if answer.status_code == 200 and holds(answer.json()):
                return answer.json()
            await asyncio.sleep(0.02)


async def test_events_of_the_bus_are_taken_over_while_the_service_serves(
    client: Client, bus_of_the_monolith: Callable[..., Awaitable[None]]
) -> None:
    await bus_of_the_monolith(product_told("A", 1, position=1), level_told("A", 1, position=1))
    await bus_of_the_monolith(level_told("A", 2, position=2, on_hand=11), reservation_told(1, position=3))

    status = await until(client, "/internal/sync", lambda told: told["entities"]["stock"]["applied_from_peer"] == 3)
    assert status["entities"]["stock"]["conflicts"] == 0
    await until(client, "/internal/sync", lambda told: told["entities"]["product"]["applied_from_peer"] == 1)
    assert (await client.get("/api/stock/A", None)).status_code == 503  # no import has told that this is all


async def test_what_this_service_writes_is_published(client: Client, engine: AsyncEngine) -> None:
    await take(engine, product_told("A", 1), level_told("A", 1))
    async with writing(engine) as connection:
        await own(connection, ["stock"], 2)
    assert (await client.reserve({"A": 1})).status_code == 201

    status = await until(client, "/internal/sync", lambda told: told["entities"]["stock"]["unpublished"] == 0)
    assert status["entities"]["stock"]["outbox_last"] == 2
