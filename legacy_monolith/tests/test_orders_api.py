import pytest

from legacy_monolith.api.models import KeptAnswer
from legacy_monolith.orders import services
from legacy_monolith.orders.models import Order
from legacy_monolith.payments.models import Payment
from legacy_monolith.stock.models import Reservation

from .shop import ADDRESS, BAD_CARD, GOOD_CARD, ON_BOTH_DATABASES, get, new_order, post

pytestmark = ON_BOTH_DATABASES


def place(client, shop, **changes) -> dict:
    answer = post(client, "/api/orders", new_order(**changes), shop.alice)
    assert answer.status_code == 201, answer.content
    return answer.json()


def test_an_order_is_confirmed_charged_and_taken_from_stock_at_once(client, shop):
    answer = post(client, "/api/orders", new_order(quantity=2), shop.alice)
    assert answer.status_code == 201
    placed = answer.json()
    assert list(placed) == ["id", "status"]
    assert placed["status"] == "confirmed"
    assert answer.headers["Location"] == f"/api/orders/{placed['id']}"
    assert shop.stock(shop.mug) == (8, 0)
    payment = get(client, f"/api/payments?order_id={placed['id']}", shop.alice).json()["items"]
    assert [(item["status"], item["amount"]["amount"], item["card_last4"]) for item in payment] == [
        ("captured", "29.80", "4242")
    ]
    reservation = get(client, f"/api/reservations?order_id={placed['id']}", shop.alice).json()["items"]
    assert [(item["status"], item["lines"]) for item in reservation] == [
        ("committed", [{"sku": "MUG-0001", "quantity": 2}])
    ]


def test_an_order_reads_as_the_contract_says(client, shop):
    body = new_order()
    body["lines"].append({"sku": "BOWL-0001", "quantity": 1})
    order_id = post(client, "/api/orders", body, shop.alice).json()["id"]
    order = get(client, f"/api/orders/{order_id}", shop.alice).json()
    assert list(order) == [
        "id", "customer", "status", "reason", "lines", "total", "shipping_address", "created_at", "updated_at"
    ]  # fmt: skip
    assert order["customer"] == str(shop.alice.public_id)
    assert [line["sku"] for line in order["lines"]] == ["BOWL-0001", "MUG-0001"]
    assert order["lines"][1]["total"] == {"amount": "29.80", "currency": "EUR"}
    assert order["total"] == {"amount": "59.80", "currency": "EUR"}
    assert order["shipping_address"] == ADDRESS
    assert order["reason"] is None


def test_a_declined_card_cancels_the_order_and_leaves_the_stock(client, shop):
    answer = post(client, "/api/orders", new_order(card=BAD_CARD), shop.alice)
    assert answer.status_code == 402
    document = answer.json()
    assert document["type"] == "urn:shop:payment-declined"
    order = get(client, f"/api/orders/{document['order_id']}", shop.alice).json()
    assert (order["status"], order["reason"]) == ("cancelled", "payment_declined")
    assert shop.stock(shop.mug) == (10, 0)
    assert Payment.objects.get().status == "declined"
    assert Reservation.objects.get().status == "released"


def test_short_stock_keeps_nothing_and_names_what_is_left(client, shop):
    body = new_order(quantity=9)
    body["lines"].append({"sku": "BOWL-0001", "quantity": 4})
    answer = post(client, "/api/orders", body, shop.alice)
    assert answer.status_code == 409
    assert answer.json()["errors"] == [{"field": "lines[1].quantity", "message": "is more than the 3 available"}]
    assert not Order.objects.exists()
    assert not Payment.objects.exists()
    assert shop.stock(shop.mug) == (10, 0)


@pytest.mark.parametrize("sku", ["NO-SUCH", "OLD-0001"])
def test_what_is_not_for_sale_cannot_be_ordered(client, shop, sku):
    answer = post(client, "/api/orders", new_order(sku=sku), shop.alice)
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": "lines[0].sku", "message": "is not the SKU of a product"}]


def test_a_sku_stands_in_one_line_only(client, shop):
    body = new_order()
    body["lines"] *= 2
    answer = post(client, "/api/orders", body, shop.alice)
    assert answer.json()["detail"] == "lines[1].sku is named twice"


def test_customers_see_their_own_orders_and_staff_see_all(client, shop):
    order_id = place(client, shop)["id"]
    assert get(client, f"/api/orders/{order_id}", shop.bob).status_code == 404
    assert post(client, f"/api/orders/{order_id}/cancel", None, shop.bob).status_code == 404
    assert get(client, f"/api/orders/{order_id}", shop.admin).status_code == 200
    assert get(client, "/api/orders", shop.bob).json() == {"items": [], "next": None}
    assert get(client, "/api/orders", shop.admin).json()["items"] == []


def test_orders_are_listed_newest_first_by_page_and_status(client, shop):
    made = [place(client, shop, quantity=1)["id"] for _ in range(3)]
    first = get(client, "/api/orders?limit=2", shop.alice).json()
    rest = get(client, f"/api/orders?limit=2&cursor={first['next']}", shop.alice).json()
    assert [item["id"] for item in first["items"] + rest["items"]] == made[::-1]
    assert rest["next"] is None
    assert get(client, "/api/orders?status=shipped", shop.alice).json()["items"] == []
    assert get(client, "/api/orders?status=lost", shop.alice).status_code == 400


def test_cancelling_gives_money_and_goods_back_once(client, shop):
    order_id = place(client, shop, quantity=3)["id"]
    for _ in range(2):
        answer = post(client, f"/api/orders/{order_id}/cancel", None, shop.alice)
        assert answer.status_code == 200
        assert (answer.json()["status"], answer.json()["reason"]) == ("cancelled", "requested")
    assert shop.stock(shop.mug) == (10, 0)
    assert Payment.objects.get().status == "refunded"


def test_a_shipped_order_stays(client, shop):
    order_id = place(client, shop)["id"]
    services.ship_order(order=Order.objects.get())
    answer = post(client, f"/api/orders/{order_id}/cancel", None, shop.alice)
    assert answer.status_code == 409
    assert answer.json()["detail"] == "A shipped order cannot be cancelled"


def test_an_order_goes_one_way_only(shop, client):
    place(client, shop)
    order = Order.objects.get()
    with pytest.raises(services.NotPossibleError):
        services.deliver_order(order=order)
    services.ship_order(order=order)
    services.deliver_order(order=order)
    assert [change.status for change in order.changes.all()] == ["pending", "confirmed", "shipped", "delivered"]


def test_the_same_key_and_body_give_the_first_answer_again(client, shop):
    first = post(client, "/api/orders", new_order(), shop.alice, Idempotency_Key="k-1")
    second = post(client, "/api/orders", new_order(), shop.alice, Idempotency_Key="k-1")
    assert (second.status_code, second.content) == (201, first.content)
    assert second.headers["Location"] == first.headers["Location"]
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert Order.objects.count() == 1


def test_a_declined_order_is_declined_again_without_a_second_attempt(client, shop):
    answers = [post(client, "/api/orders", new_order(card=BAD_CARD), shop.alice, Idempotency_Key="k") for _ in "12"]
    assert [answer.status_code for answer in answers] == [402, 402]
    assert answers[0].content == answers[1].content
    assert answers[1].headers["Content-Type"] == "application/problem+json"
    assert Payment.objects.count() == 1


def test_short_stock_stays_short_for_the_same_key(client, shop):
    body = new_order(sku="RUG-0001", quantity=1)
    first = post(client, "/api/orders", body, shop.alice, Idempotency_Key="k")
    shop.rug.stock.on_hand = 5
    shop.rug.stock.save()
    assert post(client, "/api/orders", body, shop.alice, Idempotency_Key="k").content == first.content
    assert post(client, "/api/orders", body, shop.alice, Idempotency_Key="k-2").status_code == 201


def test_the_same_key_with_another_body_is_refused(client, shop):
    post(client, "/api/orders", new_order(quantity=1), shop.alice, Idempotency_Key="k")
    answer = post(client, "/api/orders", new_order(quantity=2), shop.alice, Idempotency_Key="k")
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:shop:idempotency-key-reused"
    assert Order.objects.count() == 1


def test_a_key_belongs_to_one_customer(client, shop):
    for user in (shop.alice, shop.bob):
        answer = post(client, "/api/orders", new_order(quantity=1), user, Idempotency_Key="k")
        assert "Idempotency-Replayed" not in answer.headers
    assert Order.objects.count() == 2


def test_a_refused_body_does_not_use_up_its_key(client, shop):
    assert post(client, "/api/orders", new_order(sku="NO-SUCH"), shop.alice, Idempotency_Key="k").status_code == 422
    assert post(client, "/api/orders", new_order(), shop.alice, Idempotency_Key="k").status_code == 201


def test_no_card_number_is_kept_anywhere(client, shop):
    post(client, "/api/orders", new_order(), shop.alice, Idempotency_Key="k")
    rows = [vars(row) for table in (Order, Payment, KeptAnswer) for row in table.objects.all()]
    assert GOOD_CARD not in str(rows)
