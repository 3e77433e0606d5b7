"""Moving orders to the monolith and back, while orders are under way; and what the other side is told of each."""

import threading
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest

from extracted_services.contracts.envelope import Event
from extracted_services.orders.tests.neighbours import Fault, Neighbours
from extracted_services.orders.tests.service import BAD_CARD, Customer, Service, eventually


@pytest.fixture(autouse=True)
def shop(neighbours: Neighbours) -> Neighbours:
    neighbours.sell("MUG-0001", on_hand=100)
    return neighbours


class Asking(threading.Thread):
    def __init__(self, customer: Customer, **order: Any) -> None:
        super().__init__()
        self._customer, self._order = customer, order
        self._answer: httpx.Response | None = None
        self.start()

    def run(self) -> None:
        self._answer = self._customer.order(("MUG-0001", 1), **self._order)

    @property
    def answer(self) -> httpx.Response:
        self.join()
        assert self._answer is not None
        return self._answer


def told(service: Service, order_id: str) -> list[tuple[str, int, int | None, str | None]]:
    """Type and version of each event, and the status and the body's status of the answer that travels with it."""
    found = []
    for event in service.events(order_id):
        answer = event.data["answer"]
        body = httpx.Response(200, content=answer["body"]).json() if answer else {}
        found.append((event.type, event.aggregate_version, answer and answer["status"], answer and str(body["status"])))
    return found


def by_monolith(event: Event, event_type: str, status: str, **changes: Any) -> Event:
    """The monolith's next event about an order: it has made it that."""
    order = {**event.data["order"], "status": status, "updated_at": "2026-03-01T09:30:00.000Z", **changes}
    history = [*event.data["history"], {"status": status, "at": "2026-03-01T09:30:00.000Z"}]
    return replace(
        event,
        id=str(uuid4()),
        type=event_type,
        origin="legacy",
        position=None,
        aggregate_version=event.aggregate_version + 1,
        occurred_at=datetime.now(UTC),
        data={**event.data, "order": order, "history": history},
    )


def test_the_other_side_is_told_of_every_change_with_the_answer_of_that_moment(
    service: Service, shop: Neighbours
) -> None:
    alice = service.customer()
    confirmed = alice.order(("MUG-0001", 1), key="k").json()["id"]
    assert told(service, confirmed) == [
        ("OrderCreated", 1, 201, "pending"),
        ("OrderConfirmed", 2, 201, "confirmed"),
    ]
    alice.post(f"/api/orders/{confirmed}/cancel")
    assert told(service, confirmed)[2:] == [("OrderCancelled", 3, 201, "confirmed")]
    declined = alice.order(("MUG-0001", 1), card=BAD_CARD, key="k2").json()["order_id"]
    assert told(service, declined) == [("OrderCreated", 1, 201, "pending"), ("OrderCancelled", 2, 402, "402")]
    without_key = alice.order(("MUG-0001", 1)).json()["id"]
    assert told(service, without_key) == [("OrderCreated", 1, None, None), ("OrderConfirmed", 2, None, None)]
    positions = [event.position for event in service.events()]
    assert positions == list(range(1, len(positions) + 1))


def test_the_other_side_is_told_when_the_customer_of_an_accepted_order_is_sent_away(
    impatient: Service, shop: Neighbours
) -> None:
    alice = impatient.customer()

    def place() -> list[tuple[str, int, int | None, str | None]] | None:
        """None of an order that was accepted only when its customer was sent away: one event tells both."""
        with shop.hold("charge"):
            order_id = alice.order(("MUG-0001", 1), key=str(uuid4())).json()["id"]
        eventually(lambda: alice.read(order_id)["status"] == "confirmed")
        events = told(impatient, order_id)
        return events if len(events) != 2 else None

    assert eventually(place) == [
        ("OrderCreated", 1, 201, "pending"),
        ("OrderAnswered", 2, 201, "pending"),
        ("OrderConfirmed", 3, 201, "pending"),
    ]


def test_an_event_holds_the_order_as_it_reads(service: Service) -> None:
    alice = service.customer()
    order_id = alice.order(("MUG-0001", 2)).json()["id"]
    event = service.events(order_id)[-1]
    order = alice.read(order_id)
    for line in order["lines"]:
        del line["total"]
    assert event.data["order"] == order
    assert [change["status"] for change in event.data["history"]] == ["pending", "confirmed"]
    assert event.data["card_reference"].endswith("_16_4242")
    assert event.traceparent is not None


def test_who_does_not_own_orders_refuses_to_write_them_and_does_nothing(service: Service, shop: Neighbours) -> None:
    alice = service.customer()
    order_id = alice.order(("MUG-0001", 1)).json()["id"]
    before = len(shop.calls), len(service.events())
    service.fence()
    for answer in (alice.order(("MUG-0001", 1), key="k"), alice.post(f"/api/orders/{order_id}/cancel")):
        assert answer.status_code == 409
        assert answer.json() == {
            "type": "urn:shop:not-owner",
            "title": "Not the owner",
            "status": 409,
            "detail": "orders are written elsewhere at the moment",
        }
    assert alice.read(order_id)["status"] == "confirmed"
    assert (len(shop.calls), len(service.events())) == before
    service.own()
    assert alice.order(("MUG-0001", 1), key="k").status_code == 201, "a refusal by a non-owner is not kept"


def test_a_draft_that_is_overtaken_by_a_fence_becomes_no_order(service: Service, shop: Neighbours) -> None:
    alice = service.customer()
    with shop.hold("reserve") as hold:
        asking = Asking(alice, key="k")
        hold.wait()
        service.fence()
    assert (asking.answer.status_code, asking.answer.json()["type"]) == (409, "urn:shop:not-owner")
    service.own()
    eventually(lambda: shop.stock["MUG-0001"] == 100)
    assert alice.listed() == []
    assert alice.order(("MUG-0001", 1), key="k").status_code == 201
    assert len(alice.listed()) == 1


def test_a_draft_of_an_earlier_ownership_becomes_no_order_though_orders_are_back(
    service: Service, shop: Neighbours
) -> None:
    alice = service.customer()
    with shop.hold("reserve") as hold:
        asking = Asking(alice, key="k")
        hold.wait()
        service.fence()
        service.own()  # meanwhile its customer may have been served by the other side
    assert (asking.answer.status_code, asking.answer.json()["type"]) == (409, "urn:shop:not-owner")
    eventually(lambda: shop.stock["MUG-0001"] == 100)
    assert alice.listed() == []
    assert alice.order(("MUG-0001", 1), key="k").status_code == 201
    assert len(alice.listed()) == 1


def test_who_waits_longer_than_a_fence_with_a_draft_is_sent_to_the_other_side(
    impatient: Service, shop: Neighbours
) -> None:
    def place() -> tuple[httpx.Response, Customer] | None:
        """None of a customer who was sent away before the fence."""
        alice, before = impatient.customer(), shop.times("reserve")
        with shop.always("reserve", Fault.ELSEWHERE):
            asking = Asking(alice, key="k")
            eventually(lambda: shop.times("reserve") > before)
            impatient.fence()
            answer = asking.answer
        impatient.own()
        if answer.status_code != 201:
            return answer, alice
        eventually(lambda: alice.read(answer.json()["id"])["status"] == "confirmed")
        return None

    answer, alice = eventually(place)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:shop:not-owner")
    assert alice.listed() == []


def test_an_order_under_way_waits_for_the_end_of_a_fence(impatient: Service, shop: Neighbours) -> None:
    alice = impatient.customer()
    with shop.hold("charge") as hold:
        asking = Asking(alice, key="k")
        hold.wait()
        impatient.fence()
    assert (asking.answer.status_code, asking.answer.json()["status"]) == (201, "pending")
    order_id = asking.answer.json()["id"]
    saga = eventually(lambda: _waiting(impatient, order_id))
    assert (saga["step"], saga["problem"]) == ("confirm", "orders are written elsewhere at the moment")
    impatient.own()
    eventually(lambda: alice.read(order_id)["status"] == "confirmed")
    assert shop.of_order(order_id) == (["committed"], ["captured"])


@pytest.mark.parametrize("with_answer", [True, False])
@pytest.mark.parametrize(
    ("event_type", "status", "changes"),
    [("OrderConfirmed", "confirmed", {}), ("OrderCancelled", "cancelled", {"reason": "requested"})],
)
def test_a_saga_leaves_alone_what_the_monolith_has_finished(
    service: Service, shop: Neighbours, event_type: str, status: str, changes: dict[str, str], with_answer: bool
) -> None:
    alice = service.customer()
    with shop.hold("charge") as hold:
        asking = Asking(alice, key="k")
        hold.wait()
        [order_id] = (order["id"] for order in alice.listed())
        service.fence()
        finished = by_monolith(service.events(order_id)[-1], event_type, status, **changes)
        if not with_answer:
            finished = replace(finished, data={**finished.data, "answer": None})
        assert service.take_from_monolith(finished) == {"take": 1}
    assert asking.answer.status_code == 201
    eventually(lambda: service.sagas(order_id)["fulfil order"]["state"] == "superseded")
    service.own()
    assert alice.read(order_id)["status"] == status
    assert shop.of_order(order_id) == (["held"], ["captured"]), "the monolith has seen to these"
    again = alice.order(("MUG-0001", 1), key="k")
    assert again.content == asking.answer.content
    assert again.json() == {"id": order_id, "status": "pending"}, "what the monolith keeps under this key"


def test_an_order_of_the_monolith_is_read_and_cancelled_here(service: Service, shop: Neighbours) -> None:
    alice, bob = service.customer(), service.customer()
    template = service.events(alice.order(("MUG-0001", 1)).json()["id"])[-1]
    order_id = str(uuid4())
    order = {**template.data["order"], "id": order_id, "customer": bob.id}
    answer = {"customer": bob.id, "path": "/api/orders", "key": "old", "body_hash": "0" * 64, "status": 201}
    answer |= {"location": f"/api/orders/{order_id}", "body": "{}"}
    event = by_monolith(
        replace(template, aggregate_id=order_id, data={**template.data, "order": order, "answer": answer}),
        "OrderConfirmed",
        "confirmed",
    )
    assert service.take_from_monolith(event) == {"take": 1}
    assert service.take_from_monolith(event) == {"old": 1}
    assert bob.read(order_id)["total"] == order["total"]
    assert bob.order(("MUG-0001", 1), key="old").json()["type"] == "urn:shop:idempotency-key-reused"
    payment = {"id": str(uuid4()), "order_id": order_id, "status": "captured"}
    shop.payments[payment["id"]] = payment
    assert bob.post(f"/api/orders/{order_id}/cancel").json()["status"] == "cancelled"
    eventually(lambda: shop.of_order(order_id)[1] == ["refunded"])
    assert told(service, order_id) == [("OrderCancelled", event.aggregate_version + 1, None, None)]


def test_checksums_leave_drafts_out(service: Service, shop: Neighbours) -> None:
    alice = service.customer()
    shop.stock["MUG-0001"] = 0
    assert alice.order(("MUG-0001", 1)).status_code == 409
    with shop.hold("reserve") as hold:
        asking = Asking(alice)
        hold.wait()
        page = service.http.get(
            "/internal/sync/checksums?entity=order&limit=1000", headers={"authorization": "Bearer between-services"}
        ).json()
    assert asking.answer.status_code == 409
    listed = {item["id"] for item in page["items"]}
    assert {event.aggregate_id for event in service.events()} <= listed
    assert all(item["version"] > 0 for item in page["items"])


def _waiting(service: Service, order_id: str) -> dict[str, Any] | None:
    saga = service.sagas(order_id)["fulfil order"]
    return saga if saga["state"] == "waiting" and saga["step"] == "confirm" else None
