"""Orders that the orders service had begun, when the shop writes again: each is brought to its end, nothing twice."""

import pytest

from extracted_services.contracts.envelope import BadEvent
from legacy_monolith.orders import takeover
from legacy_monolith.orders.models import Order
from legacy_monolith.payments.models import Payment
from legacy_monolith.stock.models import Reservation
from legacy_monolith.sync import inbox

from .shop import ON_BOTH_DATABASES
from .told import event, forget, give_away, level_of, order_of, payment_of, reservation_of, types

pytestmark = ON_BOTH_DATABASES
LONG_AGO = "2026-03-01T09:45:00.000Z"


class Service:
    """The services, as far as the shop hears of them."""

    def __init__(self, shop) -> None:
        self.shop = shop
        self.positions = dict.fromkeys(("order", "payment", "stock"), 0)

    def tell(self, kind_of_event: str, data: dict, version: int = 1) -> None:
        entity = event(kind_of_event, data).aggregate_type
        self.positions[entity] += 1
        inbox.take(event(kind_of_event, data, version=version, position=self.positions[entity]))

    def order(self, **what) -> Order:
        data = order_of(self.shop.alice, **what)
        self.tell({"pending": "OrderCreated", "cancelled": "OrderCancelled"}[data["order"]["status"]], data)
        return Order.objects.get(public_id=data["order"]["id"])

    def pays(self, order: Order, status: str = "captured") -> None:
        names = {"captured": "PaymentCompleted", "declined": "PaymentDeclined", "refunded": "PaymentRefunded"}
        self.tell(names[status], payment_of(self.shop.alice, str(order.public_id), status))

    def reserves(self, order_id: object, status: str = "held", expires_at: str | None = None) -> None:
        names = {"held": "InventoryReserved", "committed": "InventoryCommitted", "released": "InventoryReleased"}
        self.tell(names[status], reservation_of(self.shop.alice, str(order_id), status, expires_at=expires_at))
        level = {"held": (10, 2), "committed": (8, 0), "released": (10, 0)}[status]
        self.tell("StockChanged", level_of("MUG-0001", *level), version=50 + self.positions["stock"])


@pytest.fixture
def service(shop) -> Service:
    forget()
    return Service(shop)


def outcome(order: Order) -> tuple[str, str]:
    order.refresh_from_db()
    return order.status, order.reason


def test_an_order_that_was_only_begun_is_fulfilled(shop, service):
    order = service.order()
    takeover.finish_pending_orders()
    assert outcome(order) == ("confirmed", "")
    assert shop.stock(shop.mug) == (8, 0)
    payment = Payment.objects.get()
    assert (payment.status, payment.card_last4, str(payment.amount)) == ("captured", "4242", "29.80")
    assert [change.status for change in order.changes.all()] == ["pending", "confirmed"]
    assert types() == ["OrderConfirmed", "PaymentCompleted", "InventoryReserved", "InventoryCommitted", "StockChanged"]


def test_what_was_promised_and_charged_is_used(shop, service):
    order = service.order()
    service.reserves(order.public_id)
    service.pays(order)
    takeover.finish_pending_orders()
    assert outcome(order) == ("confirmed", "")
    assert shop.stock(shop.mug) == (8, 0)
    assert (Payment.objects.count(), Reservation.objects.count()) == (1, 1)
    assert types("payment") == []


def test_what_was_taken_out_of_stock_is_not_taken_again(shop, service):
    order = service.order()
    service.reserves(order.public_id, "committed")
    takeover.finish_pending_orders()
    assert outcome(order) == ("confirmed", "")
    assert shop.stock(shop.mug) == (8, 0)


def test_a_card_that_is_declined_cancels(shop, service):
    order = service.order(card="0002")
    service.reserves(order.public_id)
    takeover.finish_pending_orders()
    assert outcome(order) == ("cancelled", "payment_declined")
    assert shop.stock(shop.mug) == (10, 0)
    assert Payment.objects.get().status == "declined"


def test_a_card_that_was_declined_is_not_tried_again(shop, service):
    order = service.order()
    service.reserves(order.public_id)
    service.pays(order, "declined")
    takeover.finish_pending_orders()
    assert outcome(order) == ("cancelled", "payment_declined")
    assert shop.stock(shop.mug) == (10, 0)
    assert Payment.objects.count() == 1


def test_stock_that_is_short_cancels_and_nothing_is_charged(shop, service):
    order = service.order(quantity=11)
    takeover.finish_pending_orders()
    assert outcome(order) == ("cancelled", "insufficient_stock")
    assert not Payment.objects.exists()
    assert not Reservation.objects.exists()
    assert types("stock") == []


@pytest.mark.parametrize(("paid", "reserved"), [("refunded", "held"), ("captured", "released"), (None, "released")])
def test_what_was_given_back_is_not_taken_again(shop, service, paid, reserved):
    order = service.order()
    service.reserves(order.public_id, reserved)
    if paid:
        service.pays(order, paid)
    takeover.finish_pending_orders()
    assert outcome(order) == ("cancelled", "insufficient_stock")
    assert [payment.status for payment in Payment.objects.all()] == ["refunded"] * bool(paid)
    assert Reservation.objects.get().status == "released"
    assert shop.stock(shop.mug) == (10, 0)


def test_a_product_that_is_gone_cancels(shop, service):
    order = service.order()
    order.lines.update(product=None)
    takeover.finish_pending_orders()
    assert outcome(order) == ("cancelled", "insufficient_stock")


def test_it_waits_while_somebody_else_writes(shop, service):
    order = service.order()
    for entity in takeover.ENTITIES:
        give_away(entity)
        takeover.finish_pending_orders()
        assert outcome(order) == ("pending", "")
    assert types() == []


def test_to_do_it_again_changes_nothing(shop, service):
    service.order()
    takeover.finish_pending_orders()
    forget()
    takeover.finish_pending_orders()
    takeover.give_back_what_is_kept()
    takeover.finish(Order.objects.get())
    assert types() == []


def test_of_a_cancelled_order_money_and_goods_come_back(shop, service):
    order = service.order(status="cancelled", reason="requested")
    service.reserves(order.public_id, "committed")
    service.pays(order)
    takeover.give_back_what_is_kept()
    assert shop.stock(shop.mug) == (10, 0)
    assert Payment.objects.get().status == "refunded"
    assert types("order") == []


def test_a_promise_that_ran_out_is_released_unless_its_order_is_open(shop, service):
    open_order = service.order()
    service.reserves(open_order.public_id, expires_at=LONG_AGO)
    service.reserves(shop.alice.public_id, expires_at="2999-01-01T00:00:00.000Z")
    takeover.give_back_what_is_kept()
    assert types("stock") == []
    service.reserves(shop.bob.public_id, expires_at=LONG_AGO)
    takeover.give_back_what_is_kept()
    assert types("stock") == ["InventoryReleased", "StockChanged"]


def test_one_order_that_fails_does_not_stop_the_others(shop, service):
    broken, whole = service.order(), service.order()
    Order.objects.filter(pk=broken.pk).update(card_reference="no reference")  # an event about it would be malformed
    with pytest.raises(BadEvent) as failure:
        takeover.finish_pending_orders()
    assert failure.value.__notes__ == [f"orders.Order {broken.pk}"]
    assert outcome(broken) == ("pending", "")
    assert outcome(whole) == ("confirmed", "")
    assert shop.stock(shop.mug) == (8, 0)
