import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from extracted_services.chassis.database import open_engine, reading, writing
from extracted_services.chassis.settings import parse_database
from extracted_services.chassis.sync.endpoints import MOST_EVENTS, REFUSALS, routes
from extracted_services.chassis.sync.inbox import Inbox, cover, find_imported_at
from extracted_services.chassis.sync.ownership import Behind, own
from extracted_services.chassis.sync.tables import inbox_position
from extracted_services.chassis.sync.tests.service import ENTITIES, payment, write_payment
from extracted_services.chassis.web.app import create_app
from extracted_services.chassis.web.resource import public, reply, resource
from extracted_services.contracts.envelope import checksum, to_document
from extracted_services.contracts.tests.examples import ID, OTHER_ID, make_event

pytestmark = pytest.mark.anyio

TOKEN = "the-shops-own"
PATHS = ("/internal/sync", "/internal/sync/checksums")
MOVES = ("/internal/sync/fence", "/internal/sync/own")


def build(engine: AsyncEngine, inbox: Inbox) -> Starlette:
    async def write(_request: Request) -> Response:
        await write_payment(engine, ID)
        return reply({}, 201)

    own_route = resource("/api/write", POST=public(write))
    return create_app([own_route, *routes(engine, inbox)], checks={}, tags=[], internal_token=TOKEN, refusals=REFUSALS)


@pytest.fixture
async def api(engine: AsyncEngine, inbox: Inbox) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(build(engine, inbox))
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers) as client:
        yield client


def told(name: str = ID, version: int = 1, **changed: Any) -> dict[str, Any]:
    data = payment(name) | {"answer": None}
    event = make_event("PaymentCompleted", aggregate_id=name, aggregate_version=version, position=None, data=data)
    return to_document(event) | changed


def errors_of(answer: httpx.Response) -> list[tuple[str, str]]:
    return [(error["field"], error["message"]) for error in answer.json()["errors"]]


async def test_everything_internal_needs_the_token(api: httpx.AsyncClient) -> None:
    for headers in ({"Authorization": "Bearer another"}, {"Authorization": "Basic x"}, {"Authorization": ""}):
        for path in PATHS:
            assert (await api.get(path, headers=headers)).status_code == 401
        for path in (*MOVES, "/internal/sync/import"):
            refused = await api.post(path, json={}, headers=headers)
            assert refused.status_code == 401
            assert refused.json()["type"] == "urn:shop:unauthenticated"


async def test_ownership_moves_there_and_back(api: httpx.AsyncClient) -> None:
    asked: dict[str, Any] = {"entities": ["payment"], "epoch": 2}

    assert (await api.post("/api/write")).status_code == 409
    for _ in range(2):
        owned = await api.post("/internal/sync/own", json=asked)
        assert owned.status_code == 200
        assert owned.json() == {"entities": {"payment": {"owner": "service", "epoch": 2, "outbox_last": 0}}}
    assert (await api.post("/api/write")).status_code == 201
    for _ in range(2):
        fenced = await api.post("/internal/sync/fence", json=asked | {"epoch": 3})
        assert fenced.json() == {"entities": {"payment": {"owner": "legacy", "epoch": 3, "outbox_last": 1}}}

    refused = await api.post("/api/write")
    assert (refused.status_code, refused.headers["content-type"]) == (409, "application/problem+json")
    assert refused.json() == {
        "type": "urn:shop:not-owner",
        "title": "Not the owner",
        "status": 409,
        "detail": "payments are written elsewhere at the moment",
    }
    status = (await api.get("/internal/sync")).json()["entities"]["payment"]
    assert (status["owner"], status["epoch"], status["outbox_last"], status["unpublished"]) == ("legacy", 3, 1, 1)


async def test_who_has_not_heard_everything_may_not_own(api: httpx.AsyncClient, engine: AsyncEngine) -> None:
    asked: dict[str, Any] = {"entities": ["payment", "stock"], "epoch": 2, "heard": {"payment": 7, "stock": 0}}
    async with writing(engine) as connection:
        await cover(connection, "payment", 6)

    refused = await api.post("/internal/sync/own", json=asked)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:shop:behind")
    assert refused.json()["detail"] == "of payment, events up to 6 have been heard, not up to 7"
    entities = (await api.get("/internal/sync")).json()["entities"]
    assert {entities[name]["epoch"] for name in ("payment", "stock")} == {1}

    async with writing(engine) as connection:
        await cover(connection, "payment", 7)
    for _ in range(2):
        assert (await api.post("/internal/sync/own", json=asked)).status_code == 200


async def test_who_does_not_know_what_was_heard_has_heard_nothing(engine: AsyncEngine) -> None:
    async def own_without_a_position() -> None:
        async with writing(engine) as connection:
            await connection.execute(delete(inbox_position).where(inbox_position.c.entity == "payment"))
            await own(connection, ["payment"], 2, {"payment": 1})

    with pytest.raises(Behind, match="up to 0 have been heard, not up to 1"):
        await own_without_a_position()


@pytest.mark.parametrize("heard", [None, [], {"payment": -1}, {"payment": True}, {"payment": 2**53}, {"tea": 1}])
async def test_a_senseless_word_on_what_was_heard_is_refused(api: httpx.AsyncClient, heard: object) -> None:
    refused = await api.post("/internal/sync/own", json={"entities": ["payment"], "epoch": 2, "heard": heard})
    assert refused.status_code == 422
    assert errors_of(refused) == [("heard", "must be an object with a position for each entity")]


async def test_what_was_heard_is_no_matter_of_a_fence(api: httpx.AsyncClient) -> None:
    refused = await api.post("/internal/sync/fence", json={"entities": ["payment"], "epoch": 2, "heard": {}})
    assert refused.status_code == 422


@pytest.mark.parametrize("path", MOVES)
async def test_an_epoch_that_has_passed_and_products_are_refused(api: httpx.AsyncClient, path: str) -> None:
    await api.post("/internal/sync/own", json={"entities": ["payment"], "epoch": 5})

    stale = await api.post(path, json={"entities": ["payment", "stock"], "epoch": 4})
    assert (stale.status_code, stale.json()["type"]) == (409, "urn:shop:stale-epoch")
    assert stale.json()["detail"] == "payment is at epoch 5, owned by service"
    fixed = await api.post(path, json={"entities": ["stock", "product"], "epoch": 9})
    assert (fixed.status_code, fixed.json()["type"]) == (409, "urn:shop:conflict")
    entities = (await api.get("/internal/sync")).json()["entities"]
    assert {name: (its["owner"], its["epoch"]) for name, its in entities.items()} == {
        "payment": ("service", 5),
        "product": ("legacy", 1),
        "stock": ("legacy", 1),
    }


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"entities": ["order"], "epoch": 2}, "entities[0]"),
        ({"entities": [["payment"]], "epoch": 2}, "entities[0]"),
        ({"entities": [], "epoch": 2}, "entities"),
        ({"entities": "payment", "epoch": 2}, "entities"),
        ({"entities": ["payment"], "epoch": 0}, "epoch"),
        ({"entities": ["payment"], "epoch": True}, "epoch"),
        ({"entities": ["payment"], "epoch": 2**53}, "epoch"),
        ({"entities": ["payment"]}, "epoch"),
        (["payment"], "body"),
    ],
)
async def test_a_move_that_is_not_well_described_moves_nothing(api: httpx.AsyncClient, body: Any, field: str) -> None:
    for path in MOVES:
        refused = await api.post(path, json=body)

        assert (refused.status_code, refused.json()["type"]) == (422, "urn:shop:invalid-fields")
        assert [name for name, _ in errors_of(refused)] == [field]
    assert (await api.get("/internal/sync")).json()["entities"]["payment"]["epoch"] == 1


async def test_an_import_takes_over_states_and_may_be_repeated(api: httpx.AsyncClient, engine: AsyncEngine) -> None:
    body = {"events": [told(ID), told(OTHER_ID, 4)]}

    first = await api.post("/internal/sync/import", json=body)
    again = await api.post("/internal/sync/import", json=body)

    assert first.json() == {"decisions": {"told": 0, "take": 2, "old": 0, "agree": 0, "conflict": 0}}
    assert again.json() == {"decisions": {"told": 0, "take": 0, "old": 2, "agree": 0, "conflict": 0}}
    async with reading(engine) as connection:
        assert await find_imported_at(connection, ENTITIES) is None


async def test_the_last_import_says_that_it_is_complete_and_what_it_covers(
    api: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    body = {"events": [], "complete": True, "covers": {"payment": 41, "stock": 0}}
    assert (await api.post("/internal/sync/import", json=body)).status_code == 200

    async with reading(engine) as connection:
        assert await find_imported_at(connection, ENTITIES) is not None
        rows = await connection.execute(select(inbox_position.c.entity, inbox_position.c.last))
        assert {row.entity: row.last for row in rows} == {"payment": 41, "stock": 0, "product": 0}


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, ("body", "must be an object with events, covers and complete")),
        ({"events": [], "all": True}, ("body", "must be an object with events, covers and complete")),
        ({"events": {}}, ("body", "must be an object with events, covers and complete")),
        ({"events": [], "complete": "yes"}, ("complete", "must be true or false")),
        ({"events": [], "covers": {"order": 1}}, ("covers", "must be an object with a position for each entity")),
        ({"events": [], "covers": {"stock": -1}}, ("covers", "must be an object with a position for each entity")),
        ({"events": [], "covers": {"stock": True}}, ("covers", "must be an object with a position for each entity")),
        ({"events": [told(), told() | {"id": 1}]}, ("events[1]", "id must be text")),
        (
            {"events": [told(origin="service")]},
            ("events[0]", "must be the monolith's, without a position, of an entity of this service"),
        ),
        (
            {"events": [told(position=1)]},
            ("events[0]", "must be the monolith's, without a position, of an entity of this service"),
        ),
        (
            {"events": [to_document(make_event("OrderCreated", position=None))]},
            ("events[0]", "must be the monolith's, without a position, of an entity of this service"),
        ),
    ],
)
async def test_an_import_with_one_bad_event_imports_nothing(
    api: httpx.AsyncClient, body: dict[str, Any], error: tuple[str, str]
) -> None:
    refused = await api.post("/internal/sync/import", json=body)

    assert refused.status_code == 422
    assert errors_of(refused) == [error]
    assert (await api.get("/internal/sync/checksums?entity=payment")).json() == {"items": [], "next": None}


async def test_an_import_has_a_largest_size(api: httpx.AsyncClient) -> None:
    refused = await api.post("/internal/sync/import", json={"events": [told()] * (MOST_EVENTS + 1)})

    assert errors_of(refused) == [("events", "must be a list of at most 200 items")]


async def test_checksums_come_page_by_page(api: httpx.AsyncClient) -> None:
    names = [f"019ccb1e-5a00-7c3e-9d52-{number:012x}" for number in range(5)]
    await api.post("/internal/sync/import", json={"events": [told(name, 2) for name in reversed(names)]})

    found: list[Mapping[str, Any]] = []
    after = ""
    while True:
        page = (await api.get(f"/internal/sync/checksums?entity=payment&limit=2&after={after}")).json()
        found += page["items"]
        if page["next"] is None:
            break
        after = page["next"]

    assert [item["id"] for item in found] == names
    assert found[0] == {"id": names[0], "version": 2, "checksum": checksum(payment(names[0]))}
    assert len((await api.get("/internal/sync/checksums?entity=payment")).json()["items"]) == 5


async def test_kinds_are_compared_apart_and_removed_ones_left_out(api: httpx.AsyncClient) -> None:
    changed = [make_event("StockChanged", position=None), make_event("InventoryReserved", position=None)]
    removed = make_event("ProductRemoved", position=None)
    await api.post("/internal/sync/import", json={"events": [to_document(event) for event in (*changed, removed)]})

    async def names(query: str) -> list[str]:
        answer = await api.get(f"/internal/sync/checksums?{query}")
        return [item["id"] for item in answer.json()["items"]]

    assert await names("entity=stock&kind=level") == ["MUG-0001"]
    assert await names("entity=stock&kind=reservation") == [ID]
    assert await names("entity=product") == []


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("", ("entity", "must be one of payment, product, stock")),
        ("entity=order", ("entity", "must be one of payment, product, stock")),
        ("entity=stock", ("kind", "must be one of level, reservation")),
        ("entity=payment&kind=level", ("kind", "must be one of payment")),
        ("entity=payment&limit=1001", ("limit", "must be a whole number from 1 to 1000")),
        ("entity=payment&limit=0", ("limit", "must be a whole number from 1 to 1000")),
        ("entity=payment&limit=%D9%A3", ("limit", "must be a whole number from 1 to 1000")),
    ],
)
async def test_a_comparison_of_nothing_is_refused(api: httpx.AsyncClient, query: str, error: tuple[str, str]) -> None:
    refused = await api.get(f"/internal/sync/checksums?{query}")

    assert refused.status_code == 400
    assert errors_of(refused) == [error]


async def test_a_database_that_is_away_is_told_as_a_problem(inbox: Inbox) -> None:
    nowhere = open_engine(parse_database("postgresql://nobody@127.0.0.1:1/nothing"))
    transport = httpx.ASGITransport(build(nowhere, inbox))
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        answer = await client.get("/internal/sync", headers={"Authorization": f"Bearer {TOKEN}"})
    await nowhere.dispose()

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert json.loads(answer.content)["type"] == "urn:shop:unavailable"
