"""What the services tell: taken once, in whatever order it comes, never at the cost of what the shop has written."""

import pytest
from django.db import OperationalError

from extracted_services.messaging.ports import NotNow, Poison
from legacy_monolith.api.idempotency import fingerprint
from legacy_monolith.api.models import KeptAnswer
from legacy_monolith.orders import services as orders
from legacy_monolith.orders.models import Order
from legacy_monolith.orders.replica import ORDERS
from legacy_monolith.payments.models import Payment
from legacy_monolith.stock import services as stock
from legacy_monolith.stock.models import Reservation, StockLevel
from legacy_monolith.stock.replica import RESERVATIONS
from legacy_monolith.sync import inbox
from legacy_monolith.sync.kinds import Untakable
from legacy_monolith.sync.models import Conflict, InboxEvent, InboxPosition, OutboxEvent
from legacy_monolith.sync.worker import Worker

from .shop import ON_BOTH_DATABASES, address, get, new_order, post
from .told import (
    delivery,
    event,
    give_away,
    level_of,
    order_of,
    payment_of,
    reservation_of,
    told,
)

pytestmark = ON_BOTH_DATABASES


def applied(entity: str) -> tuple[int, int, int]:
    """Applied without a gap, applied above one, duplicates."""
    place = InboxPosition.objects.get(pk=entity)
    return place.last, InboxEvent.objects.filter(entity=entity).count(), place.duplicates


def test_an_order_of_the_service_is_an_order_of_the_shop(client, shop):
    data = order_of(shop.alice, status="confirmed")
    assert inbox.take(event("OrderConfirmed", data, version=3)) == "take"
    order = Order.objects.get()
    assert (order.version, order.peer_version, order.card_reference) == (3, 3, data["card_reference"])
    shown = get(client, f"/api/orders/{order.public_id}", shop.alice).json()
    assert [line | {"total": None} for line in shown["lines"]] == [
        line | {"total": None} for line in data["order"]["lines"]
    ]
    assert {name: shown[name] for name in shown if name != "lines"} == {
        name: value for name, value in data["order"].items() if name != "lines"
    }
    assert ORDERS.find(str(order.public_id)).data | {"answer": None} == data
    assert order.lines.get().product == shop.mug


def test_nothing_is_told_of_what_was_taken(shop):
    before = OutboxEvent.objects.count()
    inbox.take(event("OrderCreated", order_of(shop.alice)))
    assert OutboxEvent.objects.count() == before


def test_it_is_taken_whoever_owns_it(shop):
    give_away("order")
    assert inbox.take(event("OrderCreated", order_of(shop.alice))) == "take"


def test_a_change_keeps_the_history_that_the_live_stream_counts_on(shop):
    data = order_of(shop.alice)
    inbox.take(event("OrderCreated", data))
    known = Order.objects.get().changes.get().pk
    data["order"]["status"] = "confirmed"
    data["history"].append({"status": "confirmed", "at": "2026-03-01T09:30:01.000Z"})
    inbox.take(event("OrderConfirmed", data, version=2, position=2))
    changes = list(Order.objects.get().changes.all())
    assert [change.status for change in changes] == ["pending", "confirmed"]
    assert changes[0].pk == known


def test_payments_reservations_and_levels_are_taken(shop):
    order_id = order_of(shop.alice)["order"]["id"]
    inbox.take(event("PaymentCompleted", payment_of(shop.alice, order_id)))
    data = reservation_of(shop.alice, order_id, expires_at="2026-03-01T09:45:00.000Z")
    inbox.take(event("InventoryReserved", data, version=1))
    inbox.take(event("StockChanged", level_of("MUG-0001", 7, 2), version=9, position=2))
    assert str(Payment.objects.get().amount) == "29.80"
    assert RESERVATIONS.find(data["reservation"]["id"]).data | {"answer": None} == data
    assert shop.stock(shop.mug) == (7, 2)
    assert StockLevel.objects.get(product=shop.mug).peer_version == 9


def test_a_reservation_moves_on(shop):
    data = reservation_of(shop.alice, order_of(shop.alice)["order"]["id"])
    inbox.take(event("InventoryReserved", data))
    data["reservation"] |= {"status": "committed", "expires_at": None}
    inbox.take(event("InventoryCommitted", data, version=2, position=2))
    assert Reservation.objects.get().status == "committed"
    assert Reservation.objects.get().lines.count() == 1


def test_a_duplicate_is_counted_and_does_nothing(shop):
    one = event("StockChanged", level_of("MUG-0001", 7), version=9)
    assert [inbox.take(one) for _ in "123"] == ["take", "duplicate", "duplicate"]
    assert applied("stock") == (1, 0, 2)


def test_positions_may_come_in_any_order_and_gaps_close(shop):
    for position in (3, 5, 2):
        inbox.take(event("StockChanged", level_of("MUG-0001", 10 + position), version=10 + position, position=position))
    assert applied("stock") == (0, 3, 0)
    inbox.take(event("StockChanged", level_of("MUG-0001", 11), version=11, position=1))
    assert applied("stock") == (3, 1, 0)
    inbox.take(event("StockChanged", level_of("MUG-0001", 14), version=14, position=4))
    assert applied("stock") == (5, 0, 0)
    assert shop.stock(shop.mug) == (15, 0)


def test_an_older_state_comes_too_late(shop):
    inbox.take(event("StockChanged", level_of("MUG-0001", 7), version=9, position=2))
    assert inbox.take(event("StockChanged", level_of("MUG-0001", 8), version=8, position=1)) == "old"
    assert shop.stock(shop.mug) == (7, 0)


def test_a_rejection_tells_and_changes_nothing(shop):
    data = {"order_id": order_of(shop.alice)["order"]["id"], "short": {"MUG-0001": 0}}
    assert inbox.take(event("InventoryRejected", data, version=0)) == "told"
    assert applied("stock") == (1, 0, 0)


def test_where_both_have_written_the_shop_stays_and_a_conflict_is_recorded(shop):
    stock.adjust(product=shop.mug, difference=1)
    version = StockLevel.objects.get(product=shop.mug).version
    one = event("StockChanged", level_of("MUG-0001", 7), version=version)
    assert inbox.take(one) == "conflict"
    assert shop.stock(shop.mug) == (11, 0)
    conflict = Conflict.objects.get()
    assert (conflict.entity, conflict.aggregate_id, conflict.event_id) == ("stock", "MUG-0001", one.id)
    assert (conflict.local_version, conflict.event_version) == (version, version)
    assert (conflict.local["level"]["on_hand"], conflict.event["level"]["on_hand"]) == (11, 7)


def test_where_both_came_to_the_same_they_agree(shop):
    placed = orders.place_order(
        customer=shop.alice, quantities={shop.mug: 1}, address=address(), card_number="4242424242424242"
    )
    data = ORDERS.find(str(placed.public_id)).data
    assert inbox.take(event("OrderConfirmed", dict(data), version=2)) == "agree"
    placed.refresh_from_db()
    assert (placed.version, placed.peer_version) == (2, 2)
    assert not Conflict.objects.exists()


def answer_for(shop, status: int, body: str) -> dict:
    return {
        "customer": str(shop.alice.public_id),
        "path": "/api/orders",
        "key": "k",
        "body_hash": fingerprint(new_order()),
        "status": status,
        "location": "",
        "body": body,
    }


def test_a_first_answer_that_the_service_gave_is_given_here(client, shop):
    data = order_of(shop.alice, answer=answer_for(shop, 201, '{"id":"…","status":"pending"}'))
    inbox.take(event("OrderCreated", data))
    answer = post(client, "/api/orders", new_order(), shop.alice, Idempotency_Key="k")
    assert (answer.status_code, answer.content.decode()) == (201, '{"id":"…","status":"pending"}')
    assert answer.headers["Idempotency-Replayed"] == "true"
    assert Order.objects.count() == 1
    data = data | {"answer": answer_for(shop, 201, '{"id":"…","status":"confirmed"}')}
    inbox.take(event("OrderAnswered", data, version=2, position=2))
    assert "confirmed" in post(client, "/api/orders", new_order(), shop.alice, Idempotency_Key="k").content.decode()
    assert str(KeptAnswer.objects.get().about) == data["order"]["id"]


def test_an_answer_that_comes_too_late_replaces_nothing(client, shop):
    data = order_of(shop.alice, answer=answer_for(shop, 201, '"second"'))
    inbox.take(event("OrderAnswered", data, version=2, position=2))
    inbox.take(event("OrderCreated", data | {"answer": answer_for(shop, 201, '"first"')}, version=1, position=1))
    assert KeptAnswer.objects.get().body == '"second"'


@pytest.mark.parametrize("what", ["customer", "level", "reserved product"])
def test_what_names_nothing_of_the_shop_is_not_taken_at_all(shop, what):
    stranger = shop.bob
    stranger.public_id = "019ccb1e-5a00-7c3e-9d52-0f3e6f0a7b11"
    one = {
        "customer": lambda: event("OrderCreated", order_of(stranger)),
        "level": lambda: event("StockChanged", level_of("NO-0001", 1)),
        "reserved product": lambda: event(
            "InventoryReserved", reservation_of(shop.alice, "019ccb1e-5a00-7c3e-9d52-0f3e6f0a7b11", sku="NO-0001")
        ),
    }[what]()
    with pytest.raises(Untakable):
        inbox.take(one)
    assert applied(one.aggregate_type) == (0, 0, 0)
    assert not Order.objects.exists()
    assert not Reservation.objects.exists()


class NoBus:
    """A worker is only asked here what it makes of a message."""

    async def close(self) -> None:
        pass


class SameThread:
    """The tests' connection is the tests' thread's."""

    def __init__(self, failure: Exception | None = None) -> None:
        self._failure = failure

    async def run(self, act):
        if self._failure:
            raise self._failure
        return act()


def run(coroutine) -> None:
    """To its end, without an event loop: it waits for nothing."""
    with pytest.raises(StopIteration):
        coroutine.send(None)


@pytest.fixture
def worker(shop) -> Worker:
    return Worker(NoBus(), inward=SameThread())


def test_the_shops_own_events_come_back_and_are_passed_over(worker, shop):
    stock.adjust(product=shop.mug, difference=1)
    run(worker.handle(delivery(told("stock")[-1])))
    assert applied("stock") == (0, 0, 0)


def test_a_message_that_is_no_event_is_given_up_at_once(worker):
    with pytest.raises(Poison, match="is not JSON"):
        run(worker.handle(delivery(b"{")))


def test_what_cannot_be_taken_is_given_up_and_recorded(worker, shop):
    one = event("StockChanged", level_of("NO-0001", 1))
    with pytest.raises(Poison, match="the product is not known here"):
        run(worker.handle(delivery(one)))
    run(worker.bury(delivery(one), "the product is not known here"))
    conflict = Conflict.objects.get()
    assert (conflict.entity, conflict.aggregate_id) == ("stock", "NO-0001")
    assert "dead letter: the product is not known here" in conflict.reason
    assert applied("stock") == (1, 0, 0)
    run(worker.bury(delivery(one), "again"))
    assert Conflict.objects.count() == 1


def test_a_dead_letter_that_is_replayed_after_a_repair_is_taken(worker, shop):
    data = level_of("MUG-0001", 3)
    one = event("StockChanged", data, version=20)
    run(worker.bury(delivery(one), "it was broken then"))
    run(worker.handle(delivery(one)))
    assert shop.stock(shop.mug) == (3, 0)


def test_a_dead_letter_of_the_shops_own_or_without_a_place_is_no_conflict(worker, shop):
    stock.adjust(product=shop.mug, difference=1)
    run(worker.bury(delivery(told("stock")[-1]), "strange"))
    run(worker.bury(delivery(b"{"), "is not JSON"))
    assert not Conflict.objects.exists()


def test_a_database_that_is_away_is_waited_for(shop):
    worker = Worker(NoBus(), inward=SameThread(OperationalError("gone")))
    one = delivery(event("StockChanged", level_of("MUG-0001", 1), version=9))
    for act in (worker.handle(one), worker.bury(one, "reason")):
        with pytest.raises(NotNow):
            act.send(None)
