"""kill -9 of the process that runs the sagas, at every step and between: every order ends, nothing is done twice."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest

from extracted_services.orders.tests.neighbours import Fault, Neighbours, open_neighbours
from extracted_services.orders.tests.service import (
    BAD_CARD,
    GOOD_CARD,
    IMPATIENT,
    PATIENT,
    Customer,
    Service,
    eventually,
    open_service,
)


@pytest.fixture(scope="module")
def shop() -> Iterator[Neighbours]:
    with open_neighbours() as neighbours:
        neighbours.sell("MUG-0001", on_hand=1000)
        yield neighbours


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path_factory.mktemp('database') / 'orders.db'}"
    server = request.getfixturevalue("postgres")
    database: str = server.url(server.create_database())
    return database


@pytest.fixture(scope="module")
def service(url: str, shop: Neighbours, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with open_service(tmp_path_factory.mktemp("orders"), url, shop) as running:
        yield running


class Asking(threading.Thread):
    """A customer who asks while the process dies; `answer` None when nobody answered."""

    def __init__(self, customer: Customer, card: str = GOOD_CARD, key: str = "k") -> None:
        super().__init__()
        self.answer: httpx.Response | None = None
        self._customer, self._card, self._key = customer, card, key
        self.start()

    def run(self) -> None:
        try:
            self.answer = self._customer.order(("MUG-0001", 1), card=self._card, key=self._key)
        except httpx.TransportError:
            self.answer = None


def _cancel(customer: Customer, order_id: str) -> None:
    with suppress(httpx.TransportError):
        customer.post(f"/api/orders/{order_id}/cancel")


def settled(customer: Customer) -> dict[str, str]:
    """The only order of the customer, once it is final."""

    def find() -> dict[str, str] | None:
        orders = customer.listed()
        assert len(orders) <= 1
        return orders[0] if orders and orders[0]["status"] != "pending" else None

    found: dict[str, str] = eventually(find)
    return found


def test_killed_inside_every_step_and_between_them_at_once(service: Service, shop: Neighbours) -> None:
    """Five customers' orders, each held where the process dies: after a step's effect, before anybody wrote it down."""
    held = {act: service.customer() for act in ("reserve", "charge", "commit", "release")}
    waiting, cancelling = service.customer(), service.customer()
    to_cancel = cancelling.order(("MUG-0001", 1)).json()["id"]
    with ExitStack() as stack:
        asking = []
        for act, customer in held.items():
            hold = stack.enter_context(shop.hold(act))
            asking.append(Asking(customer, BAD_CARD if act == "release" else GOOD_CARD))
            hold.wait()
        hold = stack.enter_context(shop.hold("refund"))
        giving_back = threading.Thread(target=_cancel, args=(cancelling, to_cancel))
        giving_back.start()
        hold.wait()
        stack.enter_context(shop.always("charge", Fault.AWAY))
        asking.append(Asking(waiting))
        eventually(lambda: waiting.listed())
        service.kill()
    for thread in (*asking, giving_back):
        thread.join()
    service.start()
    for (act, customer), first in zip({**held, "nothing": waiting}.items(), asking, strict=True):
        order = settled(customer)
        is_declined = act == "release"
        assert order["status"] == ("cancelled" if is_declined else "confirmed"), f"killed inside {act}"
        done = (["released"], ["declined"]) if is_declined else (["committed"], ["captured"])
        assert shop.of_order(order["id"]) == done, f"killed inside {act}"
        again = customer.order(("MUG-0001", 1), card=BAD_CARD if is_declined else GOOD_CARD, key="k")
        assert again.headers["idempotency-replayed"] == "true"
        if first.answer is None:  # nobody was told anything before the process died
            assert again.status_code == (402 if is_declined else 201)
            assert order["id"] in again.text
        else:
            assert again.content == first.answer.content
    eventually(lambda: service.sagas(to_cancel)["give back"]["state"] == "done")
    assert cancelling.read(to_cancel)["status"] == "cancelled"
    assert shop.of_order(to_cancel) == (["released"], ["refunded"])


def test_sagas_go_on_without_a_broker_and_after_a_stop(shop: Neighbours, tmp_path: Path) -> None:
    with open_service(tmp_path, f"sqlite:///{tmp_path / 'orders.db'}", shop, ORDER_WAIT=IMPATIENT) as service:
        alice = service.customer()
        with shop.always("charge", Fault.AWAY):
            assert alice.order(("MUG-0001", 1)).json()["status"] == "pending"
            assert service.stop() == 0
        service.environment |= {"BROKER_URL": "kafka://127.0.0.1:9", "ORDER_WAIT": PATIENT}
        service.start()
        assert settled(alice)["status"] == "confirmed"
        assert alice.order(("MUG-0001", 1)).json()["status"] == "confirmed"
        readiness = service.http.get("/readyz")
        assert readiness.status_code == 503
        assert readiness.json()["checks"]["broker"]["problem"]
        assert readiness.json()["checks"]["database"]["problem"] is None
        assert service.stop() == 0


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_another_process_answers_for_the_same_key_and_goes_on_with_what_a_dead_one_left(
    service: Service, shop: Neighbours, url: str, tmp_path: Path
) -> None:
    with open_service(tmp_path, url, shop) as other:
        alice, bob = service.customer(), service.customer()
        with shop.hold("charge") as hold:
            first = Asking(alice)
            hold.wait()
            second = Asking(alice.at(other))
        first.join()
        second.join()
        assert first.answer is not None
        assert second.answer is not None
        assert first.answer.content == second.answer.content, "whoever asks first or last is told the same"
        assert len(alice.at(other).listed()) == 1

        with shop.hold("charge") as hold:
            asking = Asking(bob)
            hold.wait()
            service.kill()
        asking.join()
        order = settled(bob.at(other))
        assert order["status"] == "confirmed"
        assert shop.of_order(order["id"]) == (["committed"], ["captured"])
    service.start()
