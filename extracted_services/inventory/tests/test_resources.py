import json
from collections.abc import Awaitable, Callable

import httpx
import pytest

from extracted_services.inventory.domain.backfill import Run
from extracted_services.inventory.tests.shop import GARDEN, ShopInMemory, level, product

pytestmark = pytest.mark.anyio
Fill = Callable[[ShopInMemory], Awaitable[Run]]


@pytest.fixture
async def shop(fill: Fill) -> ShopInMemory:
    shop = ShopInMemory(
        [
            product("MUG-1", "Stoneware mug, slate"),
            product("MUG-2", "Enamel mug 100%_pure"),
            product("MUG-3", "Straße mug"),
            product("POT-1", "Plant pot", GARDEN, price_cents=5),
            product("POT-2", "Stoneware pot", GARDEN, price_cents=100_000_000),
        ],
        [level("MUG-1"), level("MUG-2", on_hand=0, reserved=0), level("POT-1")],
    )
    await fill(shop)
    return shop


async def list_skus(api: httpx.AsyncClient, **parameters: str) -> list[str]:
    answer = await api.get("/api/products", params=parameters)
    assert answer.status_code == 200, answer.text
    return [item["sku"] for item in answer.json()["items"]]


async def test_a_product_is_written_as_the_contract_says(api: httpx.AsyncClient, shop: ShopInMemory) -> None:
    answer = await api.get("/api/products/MUG-1")

    assert answer.text == (
        '{"sku":"MUG-1","name":"Stoneware mug, slate",'
        '"description":"Thrown by hand; glazed inside and out. Für jeden Tag.",'
        '"category":{"slug":"kitchen","name":"Kitchen"},"price":{"amount":"14.90","currency":"EUR"},'
        '"tags":["handmade","stoneware"],"image":"/media/products/mug-1.png","updated_at":"2026-03-01T09:30:00.000Z"}'
    )
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"


async def test_a_stock_level_is_written_as_the_contract_says(api: httpx.AsyncClient, shop: ShopInMemory) -> None:
    answer = await api.get("/api/stock/MUG-1")

    assert answer.text == (
        '{"sku":"MUG-1","on_hand":42,"reserved":3,"available":39,"updated_at":"2026-03-01T09:30:00.000Z"}'
    )


@pytest.mark.parametrize(("sku", "amount"), [("POT-1", "0.05"), ("POT-2", "1000000.00")])
async def test_money_has_two_decimals(api: httpx.AsyncClient, shop: ShopInMemory, sku: str, amount: str) -> None:
    answer = await api.get(f"/api/products/{sku}")

    assert answer.json()["price"] == {"amount": amount, "currency": "EUR"}


@pytest.mark.parametrize("path", ["/api/products", "/api/stock"])
async def test_pages_join_to_the_whole_list(api: httpx.AsyncClient, shop: ShopInMemory, path: str) -> None:
    whole = (await api.get(path)).json()
    assert whole["next"] is None

    items, cursor = [], ""
    while cursor is not None:
        page = (await api.get(path, params={"limit": "2", "cursor": cursor})).json()
        assert len(page["items"]) <= 2
        items += page["items"]
        cursor = page["next"]
    assert items == whole["items"]
    assert [item["sku"] for item in items] == sorted(item["sku"] for item in items)


async def test_a_page_starts_behind_a_key_that_is_gone(api: httpx.AsyncClient, shop: ShopInMemory) -> None:
    assert await list_skus(api, cursor="TVVHLTItWA") == ["MUG-3", "POT-1", "POT-2"]  # behind MUG-2-X


@pytest.mark.parametrize(
    ("query", "skus"),
    [
        ("stoneware", ["MUG-1", "POT-2"]),
        ("STONEWARE  pot", ["POT-2"]),
        ("mug-2", ["MUG-2"]),
        ("100%", ["MUG-2"]),
        ("%", ["MUG-2"]),
        ("%_pure", ["MUG-2"]),
        ("strasse", ["MUG-3"]),
        ("stra/sse", []),
        ("slatemug", []),
        ("   ", ["MUG-1", "MUG-2", "MUG-3", "POT-1", "POT-2"]),
    ],
)
async def test_a_search_finds_every_word_after_case_folding(
    api: httpx.AsyncClient, shop: ShopInMemory, query: str, skus: list[str]
) -> None:
    assert await list_skus(api, q=query) == skus


async def test_a_category_has_its_own_products(api: httpx.AsyncClient, shop: ShopInMemory) -> None:
    assert await list_skus(api, category="garden") == ["POT-1", "POT-2"]
    assert await list_skus(api, category="garden", q="stoneware") == ["POT-2"]
    assert await list_skus(api, category="cellar") == []


async def test_of_a_repeated_parameter_the_last_counts_and_an_empty_one_is_absent(
    api: httpx.AsyncClient, shop: ShopInMemory
) -> None:
    assert len((await api.get("/api/products?limit=1&limit=2")).json()["items"]) == 2
    assert len((await api.get("/api/products?limit=1&limit=")).json()["items"]) == 5
    assert len((await api.get("/api/products?cursor=&category=&q=&colour=blue")).json()["items"]) == 5


@pytest.mark.parametrize("limit", ["0", "101", "-1", "+5", "05", "5.0", "x", "٣", "1e1", " 5"])
async def test_a_limit_is_a_plain_number_from_1_to_100(api: httpx.AsyncClient, shop: ShopInMemory, limit: str) -> None:
    answer = await api.get("/api/stock", params={"limit": limit})

    assert answer.status_code == 400
    assert answer.json() == {
        "type": "urn:shop:invalid-parameter",
        "title": "A parameter is not valid",
        "status": 400,
        "detail": "limit must be a whole number from 1 to 100",
        "errors": [{"field": "limit", "message": "must be a whole number from 1 to 100"}],
    }


async def test_every_wrong_parameter_is_named_in_the_contracts_order(
    api: httpx.AsyncClient, shop: ShopInMemory
) -> None:
    answer = await api.get("/api/products", params={"q": "a\tb", "category": "A B", "cursor": "?", "limit": "0"})

    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["field"] for error in answer.json()["errors"]] == ["limit", "cursor", "category", "q"]
    assert answer.json()["detail"] == "; ".join(
        f"{error['field']} {error['message']}" for error in answer.json()["errors"]
    )


async def test_a_search_of_101_characters_is_refused(api: httpx.AsyncClient, shop: ShopInMemory) -> None:
    assert (await api.get("/api/products", params={"q": "é" * 100})).status_code == 200
    assert (await api.get("/api/products", params={"q": "é" * 101})).status_code == 400


async def test_a_query_of_a_thousand_parameters_and_more_is_refused(api: httpx.AsyncClient, shop: ShopInMemory) -> None:
    assert (await api.get("/api/products?" + "&".join(["a=1"] * 1000))).status_code == 200
    answer = await api.get("/api/products?" + "&".join(["a=1"] * 1001))
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:shop:invalid-request")


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/api/products/MUG-9", "There is no product with this SKU"),
        ("/api/products/mug-1", "There is no product with this SKU"),
        ("/api/products/MUG-1%00", "There is no product with this SKU"),
        ("/api/products/" + "A" * 5000, "There is no product with this SKU"),
        ("/api/stock/POT-2", "There is no stock for this SKU"),
        ("/api/products/", "There is nothing at this path"),
        ("/api/products%0A", "There is nothing at this path"),
        ("/api/products/MUG-1/", "There is nothing at this path"),
        ("/api/orders", "There is nothing at this path"),
        ("/", "There is nothing at this path"),
    ],
)
async def test_what_is_not_there_is_a_problem(
    api: httpx.AsyncClient, shop: ShopInMemory, path: str, detail: str
) -> None:
    answer = await api.get(path)

    assert answer.status_code == 404
    assert json.loads(answer.content) == {
        "type": "urn:shop:not-found",
        "title": "Not found",
        "status": 404,
        "detail": detail,
    }


@pytest.mark.parametrize("path", ["/api/products", "/api/products/MUG-1", "/api/stock", "/api/stock/MUG-1"])
async def test_what_can_be_read_cannot_be_written(api: httpx.AsyncClient, shop: ShopInMemory, path: str) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE", "DISPATCH"):
        answer = await api.request(method, path)
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
        assert answer.json()["detail"] == "Allowed here: GET, HEAD, OPTIONS"


@pytest.mark.parametrize("path", ["/api/products", "/api/products/MUG-1", "/api/stock", "/api/stock/NONE"])
async def test_head_is_get_without_a_body(api: httpx.AsyncClient, shop: ShopInMemory, path: str) -> None:
    got, head = await api.get(path), await api.head(path)

    assert (head.status_code, head.content) == (got.status_code, b"")
    assert dict(head.headers) == dict(got.headers)


async def test_options_says_what_is_allowed(api: httpx.AsyncClient, shop: ShopInMemory) -> None:
    answer = await api.options("/api/stock")

    assert (answer.status_code, answer.headers["allow"], answer.content) == (204, "GET, HEAD, OPTIONS", b"")


async def test_before_the_first_copy_nothing_is_said_about_the_shop(api: httpx.AsyncClient, fill: Fill) -> None:
    for path in ("/api/products", "/api/products/MUG-1", "/api/stock", "/api/stock/MUG-1"):
        answer = await api.get(path)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert answer.json()["type"] == "urn:shop:unavailable"

    await fill(ShopInMemory.selling("MUG-1"))

    assert await list_skus(api) == ["MUG-1"]
