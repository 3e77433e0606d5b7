"""Products and stock: the inventory service answers as the monolith does."""

from typing import Any

import httpx
import jsonschema
import pytest
import yaml

from tests.contract.sides import Sides, told
from tests.support.processes import ROOT

CONTRACT = yaml.safe_load((ROOT / "extracted_services" / "contracts" / "shop-api.yaml").read_text(encoding="utf-8"))


def assert_same(sides: Sides, target: str, method: str = "GET") -> httpx.Response:
    monolith, inventory = sides.ask(method, target)
    assert told(inventory) == told(monolith), f"{method} {target}"
    return inventory


def assert_fits_contract(answer: httpx.Response, path: str) -> None:
    described = CONTRACT["paths"][path]["get"]["responses"][str(answer.status_code)]
    if "$ref" in described:
        described = CONTRACT["components"]["responses"][described["$ref"].rsplit("/", 1)[1]]
    schema = described["content"][answer.headers["content-type"]]["schema"]
    jsonschema.Draft202012Validator({**schema, "components": CONTRACT["components"]}).validate(answer.json())


def walk(sides: Sides, target: str) -> list[dict[str, Any]]:
    """Every page of a list, compared on the way; the items."""
    items: list[dict[str, Any]] = []
    cursor = ""
    while cursor is not None:
        answer = assert_same(sides, f"{target}cursor={cursor}")
        assert_fits_contract(answer, target.partition("?")[0])
        items += answer.json()["items"]
        cursor = answer.json()["next"]
    return items


@pytest.mark.parametrize("path", ["/api/products", "/api/stock"])
@pytest.mark.parametrize("limit", ["", "1", "7", "100"])
def test_every_page_of_a_list_is_the_same(sides: Sides, path: str, limit: str) -> None:
    if limit == "1":
        assert_same(sides, f"{path}?limit=1")
        return
    items = walk(sides, f"{path}?limit={limit}&")

    assert len(items) > 100
    assert [item["sku"] for item in items] == sorted({item["sku"] for item in items})


def test_every_product_and_its_stock_are_the_same(sides: Sides) -> None:
    for item in walk(sides, "/api/products?limit=100&"):
        product = assert_same(sides, f"/api/products/{item['sku']}")
        assert product.json() == item
        assert_fits_contract(product, "/api/products/{sku}")
        assert_fits_contract(assert_same(sides, f"/api/stock/{item['sku']}"), "/api/stock/{sku}")


def test_every_category_has_the_same_products(sides: Sides) -> None:
    products = walk(sides, "/api/products?limit=100&")
    categories = {item["category"]["slug"] for item in products}

    assert len(categories) > 1
    assert sum(len(walk(sides, f"/api/products?category={slug}&limit=9&")) for slug in categories) == len(products)


def test_searches_find_the_same_products(sides: Sides) -> None:
    products = walk(sides, "/api/products?limit=100&")
    words = sorted({word for item in products[::9] for word in item["name"].split()})
    assert len(words) > 10

    for word in words:
        found = walk(sides, str(httpx.URL("/api/products", params={"q": word.upper()})) + "&")
        assert found, word
    for query in ("a", "a e", "%", "_", "\\", "/", "'", "  ", "ß", "no such thing", products[0]["sku"].lower()):
        walk(sides, str(httpx.URL("/api/products", params={"q": query, "limit": "50"})) + "&")


@pytest.mark.parametrize("path", ["/api/products", "/api/stock"])
@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=-1",
        "limit=%2B5",
        "limit=05",
        "limit=5.0",
        "limit=five",
        "limit=%D9%A3",
        "limit=",
        "limit=3&limit=0",
        "limit=0&limit=3",
        "limit=3&limit=",
        "cursor=",
        "cursor=*",
        "cursor=TVVHLTAwMDE%3D",
        "cursor=TVVHLTAwMDF",
        "cursor=bXVn",
        "cursor=w4Q",
        "cursor=A",
        "cursor=QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE",
        "cursor=" + "QUFB" * 16,
        "cursor=" + "QUFB" * 16 + "QUFB",
        "cursor=WlpaWlo",
        "q=%00",
        "q=a%7Fb",
        "q=" + "a" * 100,
        "q=" + "a" * 101,
        "q=%FF",
        "q=a+b&q=",
        "category=A+B",
        "category=Kitchen",
        "category=no-such-category",
        "category=" + "a" * 51,
        "category=%D9%A3",
        "limit=0&cursor=*&category=A+B&q=%00&colour=blue",
        "q=%00&category=%00&cursor=%00&limit=%00",
        "colour=blue&limit=2",
        "limit=2;cursor=*",
        "&&limit=2&",
        "limit",
        "&".join(["a=1"] * 1000),
        "&".join(["a=1"] * 1001),
    ],
)
def test_parameters_are_judged_the_same(sides: Sides, path: str, query: str) -> None:
    assert_same(sides, f"{path}?{query}")


@pytest.mark.parametrize(
    "path",
    [
        "/api/products/NO-SUCH-SKU",
        "/api/products/lower-case",
        "/api/products/" + "A" * 33,
        "/api/products/A%20B",
        "/api/products/A%00",
        "/api/products/A%0A",
        "/api/products/%C3%84",
        "/api/products/%FF",
        "/api/products/A--B",
        "/api/products/",
        "/api/products//",
        "/api/products/A/",
        "/api/products/A/B",
        "/api/products/A%2FB",
        "/api/products%0A",
        "/api/productsx",
        "/api/Products",
        "/api/stock/NO-SUCH-SKU",
        "/api/stock/lower-case",
        "/api/stock/A%00",
        "/api/stock/",
        "/api/stock/A/B",
        "/api/stock%0A",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_is_not_there_is_refused_the_same(sides: Sides, method: str, path: str) -> None:
    assert_same(sides, path, method)


@pytest.mark.parametrize("path", ["/api/products", "/api/products/ANY", "/api/stock", "/api/stock/ANY"])
@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "PROPFIND"])
def test_other_methods_are_answered_the_same(sides: Sides, method: str, path: str) -> None:
    assert_same(sides, path, method)


def test_head_of_what_exists_is_the_same(sides: Sides) -> None:
    sku = walk(sides, "/api/products?limit=100&")[0]["sku"]

    for path in ("/api/products", f"/api/products/{sku}", "/api/stock?limit=3", f"/api/stock/{sku}"):
        assert int(assert_same(sides, path, "HEAD").headers["content-length"]) > 0


def test_after_an_order_the_next_backfill_makes_the_answers_equal_again(sides: Sides) -> None:
    available = [item for item in walk(sides, "/api/stock?limit=100&") if item["available"] > 0]
    sku = available[0]["sku"]
    token = sides.monolith.post("/api/token", json={"username": "alice", "password": "alice-pass"}).json()
    order = sides.monolith.post(
        "/api/orders",
        headers={"Authorization": f"Bearer {token['access_token']}"},
        json={
            "lines": [{"sku": sku, "quantity": 1}],
            "shipping_address": {
                "name": "Alice Larsen",
                "street": "Harbour Street 12",
                "postcode": "1050",
                "city": "Copenhagen",
                "country": "DK",
            },
            "card": {"number": "4242424242424242"},
        },
    )
    assert order.status_code == 201, order.text
    monolith, inventory = sides.ask("GET", f"/api/stock/{sku}")
    assert monolith.json() != inventory.json()

    summary = sides.backfill()

    assert "0 added, 1 changed" in summary
    assert_same(sides, f"/api/stock/{sku}")
    walk(sides, "/api/stock?limit=100&")
