"""The tour's second half: services write orders, payments and stock for a while, and then the monolith does again.

`strangler handover` moves who may write, and the routes follow; a customer orders all the while, and notices a pause at
most.
"""

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from proxy.demo import page
from proxy.demo.errors import StepFailed
from proxy.demo.scene import Scene, expect
from proxy.demo.shopping import Bought, Shopping
from proxy.demo.system import SERVICES
from proxy.demo.web import Answer, Client

GROUP = "fulfilment"
CREATED = 201
GOOD_CARD, DECLINED_CARD = "4242424242424242", "4000000000000002"
ADDRESS = {"name": "Alice Larsen", "street": "Mill Lane 1", "postcode": "1050", "city": "Copenhagen", "country": "DK"}
RECONCILED_SECONDS = 60.0

CONFIRMED = ["InventoryReserved", "OrderCreated", "PaymentCompleted", "InventoryCommitted", "OrderConfirmed"]
COMPENSATED = ["InventoryReserved", "OrderCreated", "PaymentDeclined", "InventoryReleased", "OrderCancelled"]


@dataclass(frozen=True, slots=True)
class Customer:
    """Alice, who buys through the proxy."""

    scene: Scene
    token: str

    def buy(self, sku: str, card: str, key: str) -> Answer:
        page.line(f"POST {self.scene.place.url('public')}/api/orders   two of {sku}, card ending in {card[-4:]}")
        headers = self._headers | {"Idempotency-Key": key}
        answer = self.scene.client.post("/api/orders", _order_of(sku, 2, card), headers)
        page.answered(answer)
        return answer

    def shop(self, sku: str) -> Shopping:
        """Buying one piece after the other."""
        return Shopping(self.scene.place.ports.public, _order_of(sku, 1, GOOD_CARD), self._headers)

    def look(self, path: str) -> Answer:
        return self.scene.client.ask("GET", path, headers=self._headers)

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


def show_orders(scene: Scene, sku: str) -> None:
    alice = Customer(scene, _log_in(scene.client))
    placed = [_move_to_services(alice, sku), *_order_from_services(alice, sku)]
    told = [_find(alice, path, "service") for path in placed]

    page.heading("12. And back, with all that was written meanwhile")
    scene.strangler("handover", GROUP, "--back", "--because", "the end of the tour")

    page.heading("13. The monolith has these orders, and everything else")
    held = [_find(alice, path, "legacy") for path in placed]
    expect("they are as the service told them", told, held)
    page.table(
        [(f"GET {path}", order["status"], order["reason"] or "") for path, order in zip(placed, held, strict=True)]
    )
    _reconcile(scene)


def _move_to_services(alice: Customer, sku: str) -> str:
    """The path of an order that the monolith took before."""
    scene, key = alice.scene, _new_key()
    page.heading("8. Hand the writing over, while alice orders one thing after the other")
    first = _order(alice, sku, key, "legacy")
    with alice.shop(sku) as shopping:
        scene.wait_until("alice orders", True, lambda: shopping.has_been_at("legacy"))
        scene.strangler("handover", GROUP, "--because", "the services know all orders")
        scene.wait_until("alice's orders go to the service", True, lambda: shopping.has_been_at("service"))
    _show_shopping(shopping.bought)

    page.heading("9. The first request again, as after a lost answer: the service knows what the monolith said")
    told = _count_events(scene)
    again = _order(alice, sku, key, "service")
    expect("the same request again gets the same answer", first.body, again.body)
    expect("nothing is done twice", told, _count_events(scene))
    return f"/api/orders/{first.json()['id']}"


def _show_shopping(bought: Sequence[Bought]) -> None:
    refused = [each for each in bought if each.status != CREATED]
    expect("every order is taken", [], refused)
    sides, longest = Counter(each.side for each in bought), max(each.seconds for each in bought)
    page.line(
        f"alice's orders meanwhile: {sides['legacy']} taken by the monolith, {sides['service']} by the service, "
        f"0 refused; the longest took {longest:.1f} s",
        fg="green",
    )


def _order_from_services(alice: Customer, sku: str) -> list[str]:
    """The paths of an order that was confirmed and of one that was not."""
    told = _count_events(alice.scene)
    page.heading("10. An order, fulfilled by a saga across three services")
    confirmed = _order(alice, sku, _new_key(), "service")
    told = _show_events(alice.scene, told, CONFIRMED)
    _show_summary(alice, confirmed.json()["id"])

    page.heading("11. A declined card: what was done is undone")
    declined = alice.buy(sku, DECLINED_CARD, _new_key())
    expect("the card is declined by the service", (402, "service"), (declined.status, declined.side))
    _show_events(alice.scene, told, COMPENSATED)
    return [f"/api/orders/{confirmed.json()['id']}", f"/api/orders/{declined.json()['order_id']}"]


def _show_summary(alice: Customer, order: str) -> None:
    path = f"/api/orders/{order}/summary"
    page.line("All of it in one answer, asked of the three at once and put together by the proxy:")
    page.line(f"GET {alice.scene.place.url('public')}{path}")
    answer = alice.look(path)
    page.answered(answer)
    expect(f"GET {path} is answered by the service side", (200, "service"), (answer.status, answer.side))
    summary = answer.json()
    expect("nothing is missing", ["order", "payments", "reservations"], list(summary))
    found = [each["items"][0]["order_id"] for each in (summary["payments"], summary["reservations"])]
    expect("its parts are of the same order", [order, order, order], [summary["order"]["id"], *found])


def _order_of(sku: str, quantity: int, card: str) -> dict[str, Any]:
    return {"lines": [{"sku": sku, "quantity": quantity}], "shipping_address": ADDRESS, "card": {"number": card}}


def _new_key() -> str:
    return f"tour-{uuid.uuid4()}"


def _log_in(client: Client) -> str:
    answer = client.post("/api/token", {"username": "alice", "password": "alice-pass"})
    expect("alice gets a token", 200, answer.status)
    return str(answer.json()["access_token"])


def _order(alice: Customer, sku: str, key: str, side: str) -> Answer:
    answer = alice.buy(sku, GOOD_CARD, key)
    expect(f"the order is answered by the {side} side", (201, side), (answer.status, answer.side))
    expect("it is confirmed", "confirmed", answer.json()["status"])
    return answer


def _find(alice: Customer, path: str, side: str) -> Any:
    answer = alice.look(path)
    expect(f"GET {path} is answered by the {side} side", (200, side), (answer.status, answer.side))
    return answer.json()


def _count_events(scene: Scene) -> dict[str, int]:
    return {service: len(scene.system.foundation.events_of(service)) for service in SERVICES}


def _show_events(scene: Scene, told: Mapping[str, int], expected: Sequence[str]) -> dict[str, int]:
    """What the services have told since then, in the order in which it happened; how much they have told by now."""
    events = {service: scene.system.foundation.events_of(service) for service in SERVICES}
    new = [(event, service) for service in SERVICES for event in events[service][told[service] :]]
    new.sort(key=lambda one: str(one[0]["occurred_at"]))
    page.line("What they told each other and the monolith:")
    page.table(
        [(event["occurred_at"][11:23], service, event["type"], describe(event["data"])) for event, service in new]
    )
    happened = [event["type"] for event, _ in new if event["type"] != "StockChanged"]
    if happened != list(expected):
        raise StepFailed("the saga goes its way", " → ".join(expected), " → ".join(happened))
    return {service: len(events[service]) for service in SERVICES}


def describe(data: Mapping[str, Any]) -> str:
    """What an event's data say, in a few words."""
    match data:
        case {"order": {"status": status, "total": {"amount": amount, "currency": currency}}}:
            return f"{amount} {currency}, {status}"
        case {"payment": {"status": status, "amount": {"amount": amount, "currency": currency}}}:
            return f"{amount} {currency}, {status}"
        case {"reservation": {"status": status, "lines": lines}}:
            return f"{sum(line['quantity'] for line in lines)} pieces, {status}"
        case {"level": {"sku": sku, "on_hand": on_hand, "reserved": reserved}}:
            return f"{sku}: {on_hand} on hand, {reserved} promised"
        case _:
            return ""


def _reconcile(scene: Scene) -> None:
    jobs = [scene.system.manage("reconcile", service, "--wait", "20") for service in SERVICES]
    scene.system.parts.run(*jobs, within=RECONCILED_SECONDS)
    for job, service in zip(jobs, SERVICES, strict=True):
        said = job.log.read_text(encoding="utf-8")
        page.line(f"$ {job.name.removesuffix(' --wait 20')}")
        page.block(said)
        if f"The shop and {service} are equal." not in said:
            raise StepFailed("both hold the same", "are equal", said)
