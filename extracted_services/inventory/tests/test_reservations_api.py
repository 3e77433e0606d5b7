"""Reservations over HTTP. That the monolith answers alike is tested in tests/contract."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from extracted_services.chassis.database import reading, writing
from extracted_services.chassis.identifiers import uuid7
from extracted_services.chassis.sync.inbox import mark_imported
from extracted_services.chassis.sync.ownership import fence, own
from extracted_services.chassis.sync.tables import outbox
from extracted_services.inventory.adapters.tables import reservations
from extracted_services.inventory.domain.backfill import Run
from extracted_services.inventory.tests.client import ALICE, BOB, STAFF, Client, body_of
from extracted_services.inventory.tests.shop import MORNING, ShopInMemory, level, product

pytestmark = pytest.mark.anyio
Fill = Callable[[ShopInMemory], Awaitable[Run]]
NOBODY = "019ccb1e-5a00-7c3e-9d52-0f3e6f0a7bff"


@pytest.fixture
async def shop(engine: AsyncEngine, fill: Fill, client: Client) -> Client:
    """A client of a service that owns stock: 10 of A, 5 of B, none of C."""
    stock = [level("A", 10, 0), level("B", 5, 0), level("C", 0, 0)]
    await fill(ShopInMemory([product(item.sku) for item in stock], stock))
    async with writing(engine) as connection:
        await mark_imported(connection, ["stock", "product"], MORNING)
        await own(connection, ["stock"], 2)
    return client


async def available(shop: Client, sku: str) -> tuple[int, int]:
    found = (await shop.get(f"/api/stock/{sku}", None)).json()
    return found["on_hand"], found["reserved"]


def problem(answer: httpx.Response) -> tuple[int, str, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["type"].removeprefix("urn:shop:"), answer.json()["detail"]


async def test_a_reservation_is_written_as_the_contract_says(shop: Client) -> None:
    order = str(uuid7())
    made = await shop.reserve({"B": 2, "A": 1}, order_id=order)

    assert made.status_code == 201
    document = made.json()
    assert list(document) == ["id", "order_id", "status", "lines", "created_at", "updated_at"]
    assert made.headers["location"] == f"/api/reservations/{document['id']}"
    assert (document["order_id"], document["status"]) == (order, "held")
    assert document["lines"] == [{"sku": "A", "quantity": 1}, {"sku": "B", "quantity": 2}]
    assert document["created_at"] == document["updated_at"]
    assert (await shop.get(made.headers["location"])).content == made.content
    assert await available(shop, "B") == (5, 2)


async def test_it_is_committed_and_released_by_staff(shop: Client) -> None:
    place = (await shop.reserve({"A": 4})).headers["location"]

    committed = await shop.post(f"{place}/commit")
    assert (committed.status_code, committed.json()["status"], await available(shop, "A")) == (200, "committed", (6, 0))
    released = await shop.post(f"{place}/release")
    assert (released.status_code, released.json()["status"], await available(shop, "A")) == (200, "released", (10, 0))
    assert problem(await shop.post(f"{place}/commit")) == (
        409,
        "conflict",
        "A released reservation cannot be committed",
    )


async def test_what_is_short_is_named_by_the_lines_that_were_sent(shop: Client) -> None:
    answer = await shop.reserve({"C": 1, "A": 3, "B": 6})

    assert problem(answer) == (
        409,
        "insufficient-stock",
        "lines[0].quantity is more than the 0 available; lines[2].quantity is more than the 5 available",
    )
    assert [error["field"] for error in answer.json()["errors"]] == ["lines[0].quantity", "lines[2].quantity"]


async def test_unknown_products_are_named_by_the_lines_that_were_sent(shop: Client) -> None:
    answer = await shop.reserve({"X": 1, "A": 3, "Y": 1})

    assert problem(answer) == (
        422,
        "invalid-fields",
        "lines[0].sku is not the SKU of a product; lines[2].sku is not the SKU of a product",
    )


async def test_customers_see_their_own_and_staff_see_all(shop: Client) -> None:
    order = str(uuid7())
    for customer in (ALICE, BOB, ALICE):
        await shop.hold({"A": 1}, customer=customer, order_id=order)
    await shop.reserve({"A": 1})

    assert len((await shop.get("/api/reservations", "alice")).json()["items"]) == 2
    everyone = (await shop.get("/api/reservations")).json()["items"]
    assert len(everyone) == 4
    assert everyone == sorted(everyone, key=lambda item: str(item["id"]), reverse=True)
    assert len((await shop.get(f"/api/reservations?order_id={order}")).json()["items"]) == 3
    first = (await shop.get("/api/reservations?limit=3")).json()
    rest = (await shop.get(f"/api/reservations?limit=3&cursor={first['next']}")).json()
    assert (first["items"] + rest["items"], rest["next"]) == (everyone, None)
    bobs = (await shop.get("/api/reservations", "bob")).json()["items"][0]
    assert (await shop.get(f"/api/reservations/{bobs['id']}", "bob")).json() == bobs
    assert problem(await shop.get(f"/api/reservations/{bobs['id']}", "alice")) == (
        404,
        "not-found",
        "There is no reservation with this id",
    )


async def test_checks_come_in_the_contracts_order(shop: Client) -> None:
    assert problem(await shop.post("/api/reservations", {}, None))[0] == 401
    assert problem(await shop.post("/api/reservations", {}, "alice")) == (
        403,
        "forbidden",
        "This needs the role staff",
    )
    assert problem(await shop.post("/api/reservations"))[0] == 415
    assert problem(await shop.post("/api/reservations", {"more": "a" * 70_000}))[0] == 413
    assert problem(await shop.post("/api/reservations", {}, key="a b"))[:2] == (400, "invalid-parameter")
    assert problem(await shop.post("/api/reservations", {}))[:2] == (422, "invalid-fields")
    assert problem(await shop.post(f"/api/reservations/{NOBODY}/commit", None, "alice"))[0] == 403
    assert problem(await shop.post(f"/api/reservations/{NOBODY}/commit"))[0] == 404
    assert problem(await shop.get("/api/reservations/not-an-id", None)) == (
        404,
        "not-found",
        "There is nothing at this path",
    )


async def test_a_key_gives_the_first_answer_again(shop: Client) -> None:
    body = body_of({"A": 2})
    first = await shop.post("/api/reservations", body, key="k")
    again = await shop.post("/api/reservations", body, key="k")

    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["location"] == first.headers["location"]
    assert (again.headers["idempotency-replayed"], "idempotency-replayed" in first.headers) == ("true", False)
    assert await available(shop, "A") == (10, 2)
    assert problem(await shop.post("/api/reservations", body_of({"A": 1}), key="k")) == (
        422,
        "idempotency-key-reused",
        "This Idempotency-Key came with another body before",
    )


async def test_a_refusal_for_want_of_stock_is_a_first_answer_and_one_for_its_body_is_none(shop: Client) -> None:
    body = body_of({"C": 1})
    first = await shop.post("/api/reservations", body, key="k")
    again = await shop.post("/api/reservations", body, key="k")
    assert (first.status_code, again.status_code, again.content) == (409, 409, first.content)
    assert again.headers["content-type"] == "application/problem+json"
    assert again.headers["idempotency-replayed"] == "true"

    assert (await shop.post("/api/reservations", body_of({"X": 1}), key="l")).status_code == 422
    assert (await shop.post("/api/reservations", body_of({"A": 1}), key="l")).status_code == 201


async def test_of_many_requests_with_one_key_one_reserves(shop: Client) -> None:
    body = body_of({"A": 1})
    answers = await asyncio.gather(*(shop.post("/api/reservations", body, key="k") for _ in range(10)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 9
    assert await available(shop, "A") == (10, 1)


async def test_the_answer_travels_with_the_reservations_event(shop: Client, engine: AsyncEngine) -> None:
    made = await shop.reserve({"A": 1}, key="k")

    async with reading(engine) as connection:
        values = (await connection.execute(select(outbox.c.value).order_by(outbox.c.id.desc()))).scalars()
        event = json.loads(values.first() or "")
    answer = event["data"]["answer"]
    assert event["type"] == "InventoryReserved"
    assert (answer["customer"], answer["path"], answer["key"]) == (STAFF, "/api/reservations", "k")
    assert (answer["status"], answer["location"], answer["body"]) == (201, made.headers["location"], made.text)


async def test_a_saga_holds_commits_and_releases_for_a_customer(shop: Client) -> None:
    order = str(uuid7())
    held = await shop.hold({"A": 2}, key="saga:reserve", order_id=order)
    again = await shop.hold({"A": 2}, key="saga:reserve", order_id=order)
    assert (held.status_code, again.content, again.headers["idempotency-replayed"]) == (201, held.content, "true")
    assert (await shop.get(held.headers["location"], "alice")).json() == held.json()

    found = await shop.get(f"/internal/reservations?order_id={order}", "internal")
    assert found.json() == {"items": [held.json()]}
    one = f"/internal/reservations/{held.json()['id']}"
    assert (await shop.post(f"{one}/commit", None, "internal")).json()["status"] == "committed"
    assert (await shop.post(f"{one}/release", None, "internal")).json()["status"] == "released"
    assert problem(await shop.post(f"{one}/commit", None, "internal"))[:2] == (409, "conflict")
    assert problem(await shop.hold({"C": 1}))[:2] == (409, "insufficient-stock")
    assert problem(await shop.get("/internal/reservations", "internal"))[:2] == (400, "invalid-parameter")


async def test_what_a_saga_holds_expires_and_what_staff_hold_does_not(shop: Client, engine: AsyncEngine) -> None:
    held, kept = await shop.hold({"A": 1}), await shop.reserve({"A": 1})

    async with reading(engine) as connection:
        rows = await connection.execute(select(reservations))
        found = {row.id: row.expires_at and row.expires_at - row.created_at for row in rows}
    assert found == {held.json()["id"]: timedelta(minutes=15), kept.json()["id"]: None}


@pytest.mark.parametrize("who", [None, "alice", "staff"])
async def test_internal_paths_need_the_internal_token(shop: Client, who: str | None) -> None:
    for path in ("/internal/reservations", f"/internal/reservations/{NOBODY}/commit", "/internal/sync/own"):
        answer = await shop.post(path, {}, who)
        assert problem(answer)[:2] == (401, "unauthenticated")
        assert answer.headers["www-authenticate"].startswith('Bearer realm="internal"')


async def test_who_does_not_own_stock_says_so_and_keeps_no_answer(shop: Client, engine: AsyncEngine) -> None:
    place = (await shop.reserve({"A": 1})).headers["location"]
    async with writing(engine) as connection:
        await fence(connection, ["stock"], 3)
    body = body_of({"A": 1})

    for answer in (
        await shop.post("/api/reservations", body, key="k"),
        await shop.post(f"{place}/commit"),
        await shop.post(f"{place}/release"),
        await shop.hold({"A": 1}, key="k"),
    ):
        assert problem(answer) == (409, "not-owner", "stock is written elsewhere at the moment")
    async with writing(engine) as connection:
        await own(connection, ["stock"], 4)
    made = await shop.post("/api/reservations", body, key="k")
    assert (made.status_code, "idempotency-replayed" in made.headers) == (201, False)


async def test_before_an_import_reservations_are_not_told(client: Client, fill: Fill) -> None:
    await fill(ShopInMemory.selling("A"))

    for who, path in (
        ("alice", "/api/reservations"),
        ("alice", f"/api/reservations/{NOBODY}"),
        ("internal", f"/internal/reservations?order_id={NOBODY}"),
    ):
        answer = await client.get(path, who)
        assert problem(answer)[:2] == (503, "unavailable")
        assert answer.headers["retry-after"] == "5"
