import base64
import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from .shop import ON_BOTH_DATABASES, get

pytestmark = ON_BOTH_DATABASES


def skus(answer) -> list[str]:
    return [item["sku"] for item in answer.json()["items"]]


def test_a_product_is_written_as_the_contract_says(client, shop):
    answer = get(client, "/api/products/MUG-0001")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    expected = {
        "sku": "MUG-0001",
        "name": "Stoneware mug, rosé",
        "description": "",
        "category": {"slug": "kitchen", "name": "Kitchen"},
        "price": {"amount": "14.90", "currency": "EUR"},
        "tags": ["handmade", "stoneware"],
        "image": None,
        "updated_at": shop.mug.updated_at.strftime("%Y-%m-%dT%H:%M:%S.")
        + f"{shop.mug.updated_at.microsecond // 1000:03d}Z",
    }
    # Bytes, not values: key order, separators and encoding are part of the contract.
    assert answer.content == json.dumps(expected, ensure_ascii=False, separators=(",", ":")).encode()


@pytest.mark.parametrize("sku", ["NO-SUCH", "OLD-0001", "mug-0001", "MUG-0001%00", "MUG%200001"])
def test_what_is_not_for_sale_is_not_found(client, sku):
    answer = get(client, f"/api/products/{sku}")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["detail"] == "There is no product with this SKU"


def test_products_come_by_sku_and_pages_join_without_gap_or_overlap(client):
    first = get(client, "/api/products?limit=2")
    assert skus(first) == ["BOWL-0001", "MUG-0001"]
    assert first.json()["next"] == base64.urlsafe_b64encode(b"MUG-0001").decode().rstrip("=")
    second = get(client, f"/api/products?limit=2&cursor={first.json()['next']}")
    assert skus(second) == ["RUG-0001"]
    assert second.json()["next"] is None


def test_a_page_that_ends_with_the_last_product_has_no_next(client):
    assert get(client, "/api/products?limit=3").json()["next"] is None


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("category=textiles", ["RUG-0001"]),
        ("category=nowhere", []),
        ("category=", ["BOWL-0001", "MUG-0001", "RUG-0001"]),
        ("q=ROSÉ", ["MUG-0001"]),
        ("q=strasse", ["RUG-0001"]),
        ("q=stra%C3%9Fe", ["RUG-0001"]),
        ("q=mug+stoneware", ["MUG-0001"]),
        ("q=mug+rug", []),
        ("q=0001", ["BOWL-0001", "MUG-0001", "RUG-0001"]),
        ("q=100%25", ["BOWL-0001"]),
        ("q=_", []),
        ("q=bowl&category=kitchen", ["BOWL-0001"]),
        ("limit=1&limit=2", ["BOWL-0001", "MUG-0001"]),
        ("unknown=1", ["BOWL-0001", "MUG-0001", "RUG-0001"]),
    ],
)
def test_filters_choose(client, query, found):
    assert skus(get(client, f"/api/products?{query}")) == found


@pytest.mark.parametrize("limit", ["0", "101", "-1", "+5", "05", "5.0", "1_0", "٥", " 5"])
def test_a_limit_is_plain_digits_from_1_to_100(client, limit):
    answer = client.get("/api/products", {"limit": limit})
    assert answer.status_code == 400
    assert answer.json()["detail"] == "limit must be a whole number from 1 to 100"


@pytest.mark.parametrize("cursor", ["!", "a", "TVVH=", "TVVHLTAwMDF=", "bXVn", "TVVHLTAwMDG", "A" * 65])
def test_a_cursor_has_one_form_only(client, cursor):
    answer = client.get("/api/products", {"cursor": cursor})
    assert answer.json()["errors"] == [{"field": "cursor", "message": "is not a cursor of this list"}]


def test_all_wrong_parameters_are_named_in_the_order_of_the_contract(client):
    answer = client.get("/api/products", {"q": "\n", "category": "A b", "cursor": "!", "limit": "x"})
    assert [error["field"] for error in answer.json()["errors"]] == ["limit", "cursor", "category", "q"]


def test_stock_counts_what_is_there_and_what_is_promised(client, shop):
    answer = get(client, "/api/stock/MUG-0001").json()
    assert list(answer) == ["sku", "on_hand", "reserved", "available", "updated_at"]
    assert (answer["on_hand"], answer["reserved"], answer["available"]) == (10, 0, 10)


def test_stock_lists_what_is_for_sale_by_sku(client):
    first = get(client, "/api/stock?limit=2").json()
    assert [item["sku"] for item in first["items"]] == ["BOWL-0001", "MUG-0001"]
    rest = get(client, f"/api/stock?cursor={first['next']}").json()
    assert [item["sku"] for item in rest["items"]] == ["RUG-0001"]
    assert get(client, "/api/stock/OLD-0001").json()["detail"] == "There is no stock for this SKU"


def test_lists_cost_the_same_number_of_queries_however_long(client, shop):
    with CaptureQueriesContext(connection) as short:
        get(client, "/api/products?limit=1")
    with CaptureQueriesContext(connection) as long:
        get(client, "/api/products")
    assert len(short) == len(long) == 2
