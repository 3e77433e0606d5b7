"""The shop's own pages while a service writes orders: what customers see of its answers, and of its silence."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import UUID

import jwt
import pytest
from django.test import Client, override_settings

from legacy_monolith.cart import services as cart
from legacy_monolith.identifiers import uuid7
from legacy_monolith.orders.models import Order

from .shop import ADDRESS, BAD_CARD, GOOD_CARD
from .told import give_away, money

ORDER_ID = str(uuid7())


@dataclass
class OrdersService:
    """Gives the answers it was told to, in turn (the last one again and again), and remembers what it was asked."""

    url: str
    answers: list[tuple[int, object]] = field(default_factory=list)
    asked: list[tuple[str, str, dict, object]] = field(default_factory=list)

    def answer(self, method: str, path: str, headers: dict, body: object) -> tuple[int, object]:
        self.asked.append((method, path, headers, body))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    @property
    def keys(self) -> list[str]:
        return [headers["Idempotency-Key"] for _, _, headers, _ in self.asked]


@pytest.fixture
def service(shop) -> Iterator[OrdersService]:
    class Handler(BaseHTTPRequestHandler):
        def do(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, document = made.answer(self.command, self.path, dict(self.headers), json.loads(sent or "null"))
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do  # noqa: N815 - the names http.server looks for

        def log_message(self, *args) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made = OrdersService(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        give_away("order", "payment", "stock")
        with override_settings(SERVICE_URLS={"orders": made.url}):
            yield made
        server.shutdown()
        thread.join()


@pytest.fixture
def alice(client, shop, service) -> Client:
    client.force_login(shop.alice)
    client.post("/cart/MUG-0001/add/", {"quantity": 2})
    return client


def form(browser: Client, card: str = GOOD_CARD, attempt: str | None = None) -> dict:
    """As the browser sends it: with the key that stands in the page."""
    attempt = attempt or str(browser.get("/checkout/").context["form"]["attempt"].value())
    return {**ADDRESS, "card_number": card, "attempt": attempt}


def placed(status: str = "confirmed") -> tuple[int, object]:
    return 201, {"id": ORDER_ID, "status": status}


def problem(status: int, kind: str, **more) -> tuple[int, object]:
    return status, {"type": f"urn:shop:{kind}", "title": "…", "status": status, "detail": "…", **more}


def shown(status: str = "pending") -> tuple[int, object]:
    line = {"sku": "MUG-0001", "name": "Mug", "quantity": 2, "unit_price": money("14.90"), "total": money("29.80")}
    return 200, {"id": ORDER_ID, "status": status, "lines": [line], "total": money("29.80")}


def test_the_order_is_placed_there_for_the_customer(alice, service, shop):
    service.answers = [placed()]
    sent = form(alice)
    answer = alice.post("/checkout/", sent)
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/orders/{ORDER_ID}/")
    [(method, path, headers, body)] = service.asked
    assert (method, path, headers["Idempotency-Key"]) == ("POST", "/api/orders", sent["attempt"])
    assert body == {
        "lines": [{"sku": "MUG-0001", "quantity": 2}],
        "shipping_address": ADDRESS,
        "card": {"number": GOOD_CARD},
    }
    claims = jwt.decode(headers["Authorization"].removeprefix("Bearer "), options={"verify_signature": False})
    assert (claims["sub"], claims["roles"]) == (str(shop.alice.public_id), ["customer"])
    assert claims["exp"] - claims["iat"] == 60
    assert "cart" not in alice.session
    assert not Order.objects.exists()


def test_it_is_shown_before_the_shop_has_heard_of_it(alice, service):
    service.answers = [placed("pending"), shown()]
    page = alice.post("/checkout/", form(alice), follow=True)
    assert page.status_code == 200
    text = page.content.decode()
    assert "We have your order." in text
    assert '<meta http-equiv="refresh"' in text
    assert "Pending" in text
    assert "€ 29.80" in text


def test_a_form_that_is_sent_twice_carries_one_key(alice, service):
    service.answers = [placed()]
    sent = form(alice)
    session = dict(alice.session)
    assert alice.post("/checkout/", sent).status_code == 302
    again = alice.session  # the second click was under way before the first was answered
    again.update(session)
    again.save()
    assert alice.post("/checkout/", sent).headers["Location"] == f"/orders/{ORDER_ID}/"
    assert len(service.keys) == 2
    assert len(set(service.keys)) == 1


def test_every_page_has_a_key_of_its_own(alice):
    assert form(alice)["attempt"] != form(alice)["attempt"]
    assert UUID(form(alice)["attempt"]).version == 7


def test_a_page_from_before_has_no_key_and_gets_one(alice, service):
    service.answers = [placed()]
    assert alice.post("/checkout/", {**ADDRESS, "card_number": GOOD_CARD}).status_code == 302
    assert UUID(service.keys[0]).version == 7


def test_a_declined_card_keeps_the_cart_and_another_card_is_another_attempt(alice, service):
    service.answers = [problem(402, "payment-declined", order_id=ORDER_ID), placed()]
    page = alice.post("/checkout/", form(alice, BAD_CARD))
    assert page.status_code == 402
    assert b"Your card was declined. Nothing was charged." in page.content
    assert BAD_CARD.encode() not in page.content
    next_attempt = page.context["form"]["attempt"].value()
    assert f'value="{next_attempt}"' in page.content.decode()
    assert alice.post("/checkout/", form(alice, attempt=next_attempt)).status_code == 302
    assert len(set(service.keys)) == 2


def test_short_stock_leads_back_to_the_cart(alice, service):
    errors = [{"field": "lines[0].quantity", "message": "is more than the 1 available"}]
    service.answers = [problem(409, "insufficient-stock", errors=errors)]
    page = alice.post("/checkout/", form(alice), follow=True)
    assert b"MUG-0001: quantity is more than the 1 available." in page.content
    assert alice.session["cart"] == {"MUG-0001": 2}


def test_a_form_that_was_changed_and_sent_again_is_explained(alice, service):
    service.answers = [problem(422, "idempotency-key-reused")]
    page = alice.post("/checkout/", form(alice), follow=True)
    assert b"Please look at your orders first." in page.content


@pytest.mark.parametrize(
    "answer", [problem(503, "unavailable"), problem(409, "not-owner"), problem(401, "x"), (500, "no")]
)
def test_no_answer_is_no_refusal_and_the_same_form_may_be_sent_again(alice, service, answer):
    service.answers = [answer, placed()]
    page = alice.post("/checkout/", form(alice))
    assert page.status_code == 503
    assert b"We cannot reach our order desk right now." in page.content
    assert alice.session["cart"] == {"MUG-0001": 2}
    attempt = page.context["form"]["attempt"].value()
    assert alice.post("/checkout/", form(alice, attempt=attempt)).status_code == 302
    assert len(set(service.keys)) == 1


def test_a_service_that_is_away_is_said_on_every_page(alice, service):
    with override_settings(SERVICE_URLS={"orders": "http://127.0.0.1:9"}):
        assert alice.post("/checkout/", form(alice)).status_code == 503
        page = alice.get(f"/orders/{ORDER_ID}/")
        assert page.status_code == 503
        assert b"Please come back in a moment" in page.content


def test_an_order_that_nobody_knows_is_not_found(alice, service):
    service.answers = [problem(404, "not-found")]
    assert alice.get(f"/orders/{ORDER_ID}/").status_code == 404


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (shown("cancelled"), "is cancelled; it may take a moment"),
        (
            problem(409, "conflict", detail="A shipped order cannot be cancelled"),
            "A shipped order cannot be cancelled.",
        ),
        (problem(503, "unavailable"), "We cannot reach our order desk right now."),
    ],
)
def test_the_cancel_button_asks_the_service(alice, service, shop, answer, message):
    order = Order.objects.create(customer=shop.alice, total="1.00")
    service.answers = [answer]
    page = alice.post(f"/orders/{order.public_id}/cancel/", follow=True)
    assert message in page.content.decode()
    assert [asked[:2] for asked in service.asked] == [("POST", f"/api/orders/{order.public_id}/cancel")]
    order.refresh_from_db()
    assert order.status == "pending"


def test_an_order_that_was_just_placed_here_is_not_placed_there_again(alice, service, shop):
    """Two clicks, the second one after the writing was given away: the cart in the database is empty by then."""
    service.answers = [placed()]
    cart.empty(alice.session)
    assert alice.post("/checkout/", {**ADDRESS, "card_number": GOOD_CARD}).headers["Location"] == "/cart/"
    assert service.asked == []
