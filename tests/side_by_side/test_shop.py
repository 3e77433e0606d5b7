"""Reads, a whole order, errors, pages and permissions: each step against both sides, with the answers compared."""

from typing import Any

import pytest

from proxy.testing import Both
from tests.side_by_side.conftest import Shop

UNKNOWN = "019ccb1e-5a00-7c3e-9d52-0f3e6f0a7bff"

pytestmark = pytest.mark.slow  # five processes, and sample data for each


def test_the_catalogue_is_the_same_on_every_page(both: Both) -> None:
    seen: list[str] = []
    page = both.get("/api/products", params={"limit": 7}).assert_same()
    while page["next"]:
        seen += [product["sku"].legacy for product in page["items"]]
        page = both.get("/api/products", params={"limit": 7, "cursor": page["next"]}).assert_same()
    assert len(set(seen)) == len(seen) > 20


def test_a_product_and_its_stock_are_the_same(both: Both, shop: Shop) -> None:
    for sku in shop.skus()[:10]:
        both.get(f"/api/products/{sku}").assert_same()
        both.get(f"/api/stock/{sku}").assert_same()


def test_an_order_goes_its_whole_way(both: Both, shop: Shop, order: dict[str, Any]) -> None:
    shop.log_in("alice")
    sku = order["lines"][0]["sku"]
    before = both.get(f"/api/stock/{sku}")["available"]

    placed = both.post("/api/orders", json=order, headers={"Idempotency-Key": "side-by-side"})
    assert placed.status_code == 201
    placed.assert_same(own="$.id")
    read = both.get(f"/api/orders/{placed['id']}").assert_same()
    assert read["status"] == "confirmed"
    assert both.get(f"/api/stock/{sku}").assert_same()["available"] == before.map(lambda available: available - 2)

    again = both.post("/api/orders", json=order, headers={"Idempotency-Key": "side-by-side"}).assert_same()
    assert again["id"] == placed["id"]

    shop.log_in("admin")
    payments = both.get("/api/payments", params={"order_id": placed["id"]})
    payments.assert_same(own="$.items[*].id")
    both.get(f"/api/payments/{payments['items'][0]['id']}").assert_same()
    both.get("/api/reservations", params={"order_id": placed["id"]}).assert_same(own="$.items[*].id")

    shop.log_in("alice")
    both.post(f"/api/orders/{placed['id']}/cancel").assert_same()
    assert both.get(f"/api/orders/{placed['id']}").assert_same()["status"] == "cancelled"
    assert both.get(f"/api/stock/{sku}").assert_same()["available"] == before


def test_a_declined_card_cancels_the_order(both: Both, shop: Shop, order: dict[str, Any]) -> None:
    shop.log_in("bob")
    declined = both.post("/api/orders", json=order | {"card": {"number": "4000000000000002"}})
    assert declined.status_code == 402
    declined.assert_same(own="$.order_id")
    kept = both.get(f"/api/orders/{declined['order_id']}").assert_same()
    assert kept["reason"] == "payment_declined"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/products/no-such"),
        ("GET", f"/api/orders/{UNKNOWN}"),
        ("GET", "/api/orders/17"),
        ("GET", "/api/orders?limit=0"),
        ("GET", "/api/payments?cursor=*"),
        ("DELETE", "/api/orders"),
        ("POST", f"/api/orders/{UNKNOWN}/cancel"),
    ],
)
def test_what_is_wrong_is_told_the_same(both: Both, shop: Shop, method: str, path: str) -> None:
    shop.log_in("alice")
    answer = both.request(method, path).assert_same()
    assert answer.status_code >= 400


@pytest.mark.parametrize("wrong", [{"lines": []}, {"lines": [{"sku": "NO-SUCH", "quantity": 1}]}, {"card": None}])
def test_what_is_wrong_with_an_order_is_told_the_same(
    both: Both, shop: Shop, order: dict[str, Any], wrong: dict[str, Any]
) -> None:
    shop.log_in("alice")
    assert both.post("/api/orders", json=order | wrong).assert_same().status_code == 422


def test_ones_own_orders_are_the_same_on_every_page(both: Both, shop: Shop) -> None:
    shop.log_in("alice")
    page = both.get("/api/orders", params={"limit": 4, "status": "delivered"}).assert_same()
    pages = 1
    while page["next"]:
        page = both.get("/api/orders", params={"limit": 4, "status": "delivered", "cursor": page["next"]}).assert_same()
        pages += 1
    assert pages > 1


@pytest.mark.parametrize("who", [None, "bob", "alice", "admin"])
def test_everybody_may_do_the_same(both: Both, shop: Shop, order: dict[str, Any], who: str | None) -> None:
    shop.log_in("alice")
    placed = both.post("/api/orders", json=order)
    path = f"/api/orders/{placed['id']}"

    shop.log_in(who)
    seen = {
        "read": both.get(path).assert_same(),
        "list": both.get("/api/orders", params={"status": "pending"}).assert_same(),
        "payments": both.get("/api/payments", params={"limit": 1, "order_id": UNKNOWN}).assert_same(),
        "reservations": both.get("/api/reservations", params={"order_id": UNKNOWN}).assert_same(),
        "place": both.post("/api/orders", json={}).assert_same(),
        "cancel": both.post(f"{path}/cancel").assert_same(),
    }

    statuses = {what: answer.status_code.legacy for what, answer in seen.items()}
    allowed = who in ("alice", "admin")
    assert (statuses["read"] == 200) is allowed
    assert (statuses["cancel"] == 200) is allowed
