from uuid import uuid4

import pytest

from .shop import BAD_CARD, GOOD_CARD, ON_BOTH_DATABASES, get, post

pytestmark = ON_BOTH_DATABASES

ORDER_ID = str(uuid4())


def new_payment(card: str = GOOD_CARD, **changes) -> dict:
    return {"order_id": ORDER_ID, "amount": {"amount": "12.30", "currency": "EUR"}, "card": {"number": card}} | changes


def new_reservation(quantity: int = 2, sku: str = "MUG-0001") -> dict:
    return {"order_id": ORDER_ID, "lines": [{"sku": sku, "quantity": quantity}]}


def test_a_payment_is_captured_and_refunded_once(client, shop):
    made = post(client, "/api/payments", new_payment(), shop.admin)
    assert made.status_code == 201
    payment = made.json()
    assert list(payment) == ["id", "order_id", "status", "amount", "card_last4", "created_at", "updated_at"]
    assert payment["amount"] == {"amount": "12.30", "currency": "EUR"}
    assert get(client, made.headers["Location"], shop.admin).json() == payment
    refunds = [post(client, f"/api/payments/{payment['id']}/refund", None, shop.admin) for _ in "12"]
    assert [answer.json()["status"] for answer in refunds] == ["refunded", "refunded"]
    assert refunds[0].content == refunds[1].content


def test_a_declined_payment_is_kept_and_cannot_be_refunded(client, shop):
    answer = post(client, "/api/payments", new_payment(BAD_CARD), shop.admin)
    assert answer.status_code == 402
    payment_id = answer.json()["payment_id"]
    assert get(client, f"/api/payments/{payment_id}", shop.admin).json()["status"] == "declined"
    assert post(client, f"/api/payments/{payment_id}/refund", None, shop.admin).status_code == 409


@pytest.mark.parametrize(
    "amount",
    [
        {"amount": "12.3", "currency": "EUR"},
        {"amount": 12.30, "currency": "EUR"},
        {"amount": "-1.00", "currency": "EUR"},
        {"amount": "1.00", "currency": "USD"},
        {"amount": "123456789.00", "currency": "EUR"},
        "12.30",
    ],
)
def test_money_has_two_decimals_and_our_currency(client, shop, amount):
    answer = post(client, "/api/payments", new_payment(amount=amount), shop.admin)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"].startswith("amount")


def test_an_idempotent_payment_charges_once(client, shop):
    first, second = (post(client, "/api/payments", new_payment(), shop.admin, Idempotency_Key="k") for _ in "12")
    assert first.content == second.content
    assert len(get(client, f"/api/payments?order_id={ORDER_ID}", shop.admin).json()["items"]) == 1


def test_a_reservation_is_held_then_committed_then_given_back(client, shop):
    made = post(client, "/api/reservations", new_reservation(), shop.admin)
    assert made.status_code == 201
    assert shop.stock(shop.mug) == (10, 2)
    path = made.headers["Location"]
    for _ in "12":
        assert post(client, f"{path}/commit", None, shop.admin).json()["status"] == "committed"
        assert shop.stock(shop.mug) == (8, 0)
    for _ in "12":
        assert post(client, f"{path}/release", None, shop.admin).json()["status"] == "released"
        assert shop.stock(shop.mug) == (10, 0)
    refused = post(client, f"{path}/commit", None, shop.admin)
    assert (refused.status_code, refused.json()["detail"]) == (409, "A released reservation cannot be committed")


def test_a_held_reservation_can_be_released(client, shop):
    path = post(client, "/api/reservations", new_reservation(), shop.admin).headers["Location"]
    post(client, f"{path}/release", None, shop.admin)
    assert shop.stock(shop.mug) == (10, 0)


def test_what_is_promised_cannot_be_promised_again(client, shop):
    assert post(client, "/api/reservations", new_reservation(9), shop.admin).status_code == 201
    answer = post(client, "/api/reservations", new_reservation(2), shop.admin)
    assert answer.status_code == 409
    assert answer.json()["errors"][0]["message"] == "is more than the 1 available"
    assert shop.stock(shop.mug) == (10, 9)


def test_others_do_not_see_them(client, shop):
    for path, body in (("/api/payments", new_payment()), ("/api/reservations", new_reservation())):
        made = post(client, path, body, shop.admin)
        assert get(client, made.headers["Location"], shop.alice).status_code == 404
        assert get(client, path, shop.alice).json()["items"] == []
        assert len(get(client, path, shop.admin).json()["items"]) == 1


def test_an_order_id_is_a_uuid_in_lower_case(client, shop):
    assert get(client, f"/api/payments?order_id={ORDER_ID.upper()}x", shop.admin).status_code == 400
    body = new_reservation() | {"order_id": "17"}
    assert post(client, "/api/reservations", body, shop.admin).json()["detail"] == "order_id must be a UUID"
