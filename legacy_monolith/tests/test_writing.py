"""What the shop tells of its own changes: every change once, with the whole state, or nothing if it was undone."""

from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from extracted_services.contracts.envelope import Oversized, checksum
from legacy_monolith.api.models import KeptAnswer
from legacy_monolith.catalogue.models import Product, Tag
from legacy_monolith.catalogue.replica import PRODUCTS
from legacy_monolith.orders import services as orders
from legacy_monolith.orders.models import Order
from legacy_monolith.orders.replica import ORDERS
from legacy_monolith.payments import services as payments
from legacy_monolith.payments.models import Payment
from legacy_monolith.stock import services as stock
from legacy_monolith.sync.models import OutboxPosition
from legacy_monolith.sync.writing import record, writing

from .shop import BAD_CARD, GOOD_CARD, ON_BOTH_DATABASES, address, new_order, post
from .told import forget, give_away, level_of, told, types

pytestmark = ON_BOTH_DATABASES


@pytest.fixture(autouse=True)
def quiet(shop):
    forget()


def place(shop, card: str = GOOD_CARD, quantity: int = 2) -> Order:
    return orders.place_order(customer=shop.alice, quantities={shop.mug: quantity}, address=address(), card_number=card)


def positions(entity: str) -> list[int]:
    return [event.position for event in told(entity)]


def test_the_database_is_the_one_that_was_asked_for(request, shop):
    assert request.node.callspec.params["database"] == connection.vendor


def test_an_order_is_told_in_steps_and_each_level_once(shop):
    order = place(shop)
    assert types("order") == ["OrderCreated", "OrderConfirmed"]
    assert types("payment") == ["PaymentCompleted"]
    assert types("stock") == ["InventoryReserved", "InventoryCommitted", "StockChanged"]
    created, confirmed = told("order")
    assert (created.aggregate_version, confirmed.aggregate_version) == (1, 2)
    assert [step["status"] for step in created.data["history"]] == ["pending"]
    assert [step["status"] for step in confirmed.data["history"]] == ["pending", "confirmed"]
    assert (confirmed.origin, confirmed.aggregate_id) == ("legacy", str(order.public_id))
    assert told("stock")[-1].data["level"]["on_hand"] == 8


def test_the_last_event_holds_what_the_database_holds(shop):
    order = place(shop)
    assert checksum(told("order")[-1].data) == checksum(ORDERS.find(str(order.public_id)).data)


def test_a_declined_order_is_told_with_its_end(shop):
    place(shop, BAD_CARD)
    assert types("order", "payment") == ["OrderCreated", "OrderCancelled", "PaymentDeclined"]
    assert told("order")[-1].data["order"]["reason"] == "payment_declined"
    assert types("stock") == ["InventoryReserved", "InventoryReleased", "StockChanged"]


def test_positions_go_on_without_a_gap_for_each_entity(shop):
    before = {row.entity: row.last for row in OutboxPosition.objects.all()}
    for card in (GOOD_CARD, BAD_CARD):
        place(shop, card)
    for entity in ("order", "payment", "stock"):
        last = OutboxPosition.objects.get(pk=entity).last
        assert positions(entity) == list(range(before[entity] + 1, last + 1))


def test_what_is_undone_is_not_told_and_takes_no_position(shop):
    before = list(OutboxPosition.objects.order_by("pk").values_list("last", flat=True))
    with pytest.raises(stock.InsufficientStock):
        place(shop, quantity=99)
    assert told() == []
    assert list(OutboxPosition.objects.order_by("pk").values_list("last", flat=True)) == before


def test_a_part_that_is_undone_is_forgotten_and_the_rest_is_told(shop):
    with writing():
        with pytest.raises(stock.InsufficientStock):
            place(shop, quantity=99)
        stock.adjust(product=shop.mug, difference=1)
    assert types() == ["StockChanged"]
    assert told()[0].data["level"]["on_hand"] == 11


def test_a_change_outside_of_writing_is_a_mistake(shop):
    with pytest.raises(RuntimeError):
        record("StockChanged", "MUG-0001", 2, level_of("MUG-0001", 1))


def test_an_event_that_would_not_fit_its_schema_undoes_the_change(shop):
    shop.mug.name = "x" * 300_000
    with pytest.raises(Oversized), writing("product"):
        record("ProductChanged", shop.mug.sku, 2, PRODUCTS.state(shop.mug))
    assert told() == []


def test_a_first_answer_travels_with_what_it_is_about(client, shop):
    answer = post(client, "/api/orders", new_order(), shop.alice, Idempotency_Key="k-1")
    told_answer = told("order")[-1].data["answer"]
    assert told_answer["body"].encode() == answer.content
    assert told_answer["location"] == answer.headers["Location"]
    assert (told_answer["key"], told_answer["path"], told_answer["status"]) == ("k-1", "/api/orders", 201)
    assert told_answer["customer"] == str(shop.alice.public_id)
    assert told("order")[0].data["answer"] is None
    assert str(KeptAnswer.objects.get().about) == told("order")[-1].aggregate_id


def test_a_refusal_travels_too_when_something_was_made(client, shop):
    post(client, "/api/orders", new_order(card=BAD_CARD), shop.alice, Idempotency_Key="k-1")
    assert told("order")[-1].data["answer"]["status"] == 402
    assert told("order")[-1].data["answer"]["location"] == ""
    forget()
    post(client, "/api/orders", new_order(sku="RUG-0001"), shop.alice, Idempotency_Key="k-2")
    assert told() == []


def test_payments_and_reservations_carry_their_answers(client, shop):
    amount = {"amount": "12.30", "currency": "EUR"}
    body = {"order_id": str(shop.alice.public_id), "amount": amount, "card": {"number": GOOD_CARD}}
    post(client, "/api/payments", body, shop.admin, Idempotency_Key="p")
    lines = [{"sku": "MUG-0001", "quantity": 1}]
    post(client, "/api/reservations", {"order_id": body["order_id"], "lines": lines}, shop.admin, Idempotency_Key="r")
    assert [event.data["answer"]["key"] for event in told() if "answer" in event.data] == ["p", "r"]


def test_no_card_number_is_told(client, shop):
    post(client, "/api/orders", new_order(), shop.alice, Idempotency_Key="k-1")
    assert GOOD_CARD not in str(told())


def test_shipping_delivering_cancelling_and_correcting_are_told(shop):
    first, second = place(shop), place(shop)
    forget()
    orders.correct_address(order=first, address=orders.Address("Bob", "Elm Road 2", "8000", "Aarhus", "DK"))
    orders.ship_order(order=first)
    orders.deliver_order(order=first)
    orders.cancel_order(order=second)
    assert types("order") == ["OrderCorrected", "OrderShipped", "OrderDelivered", "OrderCancelled"]
    assert [event.aggregate_version for event in told("order")] == [3, 4, 5, 3]
    assert told("order")[0].data["order"]["shipping_address"]["city"] == "Aarhus"
    assert types("payment", "stock") == ["PaymentRefunded", "InventoryReleased", "StockChanged"]


def test_what_was_done_before_is_not_told_again(shop):
    order = place(shop)
    orders.cancel_order(order=order)
    forget()
    orders.cancel_order(order=order)
    payments.refund(payment=Payment.objects.get())
    assert told() == []


def test_stock_that_is_counted_is_told(shop):
    assert not stock.adjust(product=shop.mug, difference=-11)
    assert told() == []
    stock.adjust(product=shop.mug, difference=-10)
    assert [event.data["level"]["on_hand"] for event in told()] == [0]


def test_a_product_is_told_as_customers_see_it(client, shop):
    client.force_login(shop.admin)
    form = {"sku": "NEW-0001", "name": "New", "category": shop.mug.category.pk, "price": "1.00", "is_for_sale": "on"}
    form |= {"stock-TOTAL_FORMS": 0, "stock-INITIAL_FORMS": 0, "tags": [shop.mug.tags.first().pk]}
    client.post("/admin/catalogue/product/add/", form)
    assert types() == ["ProductChanged", "StockChanged"]
    assert told()[0].data["product"]["tags"] == ["handmade"]
    assert told()[1].aggregate_version == 1


def test_a_product_that_is_taken_off_sale_is_gone_and_comes_back(client, shop):
    client.force_login(shop.admin)
    rows = list(Product.objects.order_by("sku"))
    form = {"form-TOTAL_FORMS": len(rows), "form-INITIAL_FORMS": len(rows), "_save": "Save"}
    form |= {f"form-{index}-id": row.pk for index, row in enumerate(rows)}
    for on_sale in ({}, {"form-1-is_for_sale": "on"}):
        others = {"form-0-is_for_sale": "on", "form-3-is_for_sale": "on"}
        client.post("/admin/catalogue/product/", form | others | on_sale)
    assert [(event.type, event.aggregate_id) for event in told()] == [
        ("ProductRemoved", "MUG-0001"),
        ("ProductChanged", "MUG-0001"),
    ]
    first, second = told()
    assert first.aggregate_version < second.aggregate_version


def test_a_product_cannot_be_deleted(client, shop):
    client.force_login(shop.admin)
    assert client.post(f"/admin/catalogue/product/{shop.rug.pk}/delete/", {"post": "yes"}).status_code == 403


def test_a_renamed_category_changes_its_products(client, shop):
    client.force_login(shop.admin)
    client.post(f"/admin/catalogue/category/{shop.mug.category.pk}/change/", {"name": "Cuisine", "slug": "kitchen"})
    assert {event.aggregate_id: event.type for event in told()} == {
        "BOWL-0001": "ProductChanged",
        "MUG-0001": "ProductChanged",
        "OLD-0001": "ProductRemoved",
    }
    assert told()[0].data["product"]["category"]["name"] == "Cuisine"


def test_a_tag_that_goes_changes_its_products(client, shop):
    client.force_login(shop.admin)
    tag = Tag.objects.get(slug="handmade")
    client.post(f"/admin/catalogue/tag/{tag.pk}/delete/", {"post": "yes"})
    assert [event.data["product"]["tags"] for event in told()] == [["stoneware"]]


def test_a_product_that_was_read_long_ago_never_counts_backwards(shop):
    stale = Product.objects.get(pk=shop.mug.pk)
    for price in ("1.00", "2.00", "3.00"):
        shop.mug.price = Decimal(price)
        shop.mug.save()
    stale.save()
    assert stale.version == shop.mug.version + 1


def test_nothing_is_told_of_sample_data(shop):
    call_command("seed", force=True, products=5, orders=5, users=4, no_pictures=True, stdout=StringIO())
    assert told() == []
    assert Order.objects.first().version == 1


def test_sample_data_is_refused_where_somebody_else_writes(shop):
    give_away("stock")
    with pytest.raises(CommandError, match="stock is written elsewhere"):
        call_command("seed", force=True, stdout=StringIO())
    assert Product.objects.exists()


def test_a_new_product_where_stock_is_counted_elsewhere_waits_for_its_level(client, shop):
    give_away("stock")
    product = Product.objects.create(sku="NEW-0001", name="New", category=shop.mug.category, price=Decimal("1.00"))
    assert (product.stock.version, product.stock.on_hand) == (0, 0)
    assert told("stock") == []


def test_events_know_the_trace_of_the_request(client, shop):
    parent = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    post(client, "/api/orders", new_order(), shop.alice, traceparent=parent)
    assert {event.traceparent for event in told()} == {parent}
