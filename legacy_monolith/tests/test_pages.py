import re

import pytest
from django.db import connection
from django.test import Client, RequestFactory, override_settings

from legacy_monolith.accounts.models import User
from legacy_monolith.orders.forms import CheckoutForm
from legacy_monolith.orders.models import Order
from legacy_monolith.orders.views import _place
from legacy_monolith.payments.models import Payment

from .shop import ADDRESS, BAD_CARD, GOOD_CARD


def checkout_form(card: str = GOOD_CARD) -> dict:
    return {**ADDRESS, "card_number": card}


@pytest.fixture
def alice(client, shop) -> Client:
    client.force_login(shop.alice)
    return client


@pytest.mark.parametrize(
    "path", ["/", "/products/", "/products/MUG-0001/", "/cart/", "/accounts/login/", "/accounts/sign-up/"]
)
def test_anyone_can_look_around(client, path):
    assert client.get(path).status_code == 200
    assert client.head(path).status_code == 200


def test_search_and_departments_narrow_the_list(client):
    page = client.get("/products/", {"q": "MUG", "category": "kitchen"}).content.decode()
    assert "Stoneware mug, rosé" in page
    assert "discontinued" not in page
    assert "1 product<" in page


def test_a_query_is_shown_as_text(client):
    page = client.get("/products/", {"q": "<script>"}).content.decode()
    assert "&lt;script&gt;" in page
    assert "<script>" not in page


@pytest.mark.parametrize("number", ["2", "0", "-1", "x", "999"])
def test_a_page_number_out_of_range_shows_the_nearest(client, number):
    assert client.get("/products/", {"page": number}).status_code == 200


@pytest.mark.parametrize("path", ["/products/NO-SUCH/", "/products/OLD-0001/", "/nowhere/", "/products/mug/"])
def test_a_missing_page_is_a_friendly_404(client, path):
    answer = client.get(path)
    assert answer.status_code == 404
    assert b"There is nothing here" in answer.content


def test_a_path_without_its_slash_is_redirected(client):
    assert client.get("/products").headers["Location"] == "/products/"


def test_the_same_page_is_the_same_bytes_but_for_the_csrf_token(client):
    pages = [
        re.sub(rb'name="csrfmiddlewaretoken" value="[^"]+"', b"", client.get("/products/MUG-0001/").content)
        for _ in "12"
    ]
    assert pages[0] == pages[1]


def test_signing_up_logs_in(client):
    form = {"username": "dora", "email": "dora@example.com", "password1": "fig-and-fable", "password2": "fig-and-fable"}
    answer = client.post("/accounts/sign-up/", form, follow=True)
    assert b"Log out dora" in answer.content
    assert User.objects.get(username="dora").public_id.version == 7


def test_signing_up_with_a_weak_password_says_why(client):
    form = {"username": "dora", "email": "dora@example.com", "password1": "12345", "password2": "12345"}
    assert b"too short" in client.post("/accounts/sign-up/", form).content


def test_logging_in_returns_to_the_page_that_asked_and_logging_out_forgets(client):
    answer = client.get("/orders/")
    assert answer.headers["Location"] == "/accounts/login/?next=/orders/"
    form = {"username": "alice", "password": "alice-pass", "next": "/orders/"}
    assert client.post("/accounts/login/", form).headers["Location"] == "/orders/"
    client.post("/accounts/logout/")
    assert client.get("/orders/").status_code == 302


def test_logging_in_never_leads_to_another_site(client):
    form = {"username": "alice", "password": "alice-pass", "next": "https://evil.example/"}
    assert client.post("/accounts/login/", form).headers["Location"] == "/"


def test_a_form_without_its_token_is_refused_with_an_explanation(shop):
    answer = Client(enforce_csrf_checks=True).post("/cart/MUG-0001/add/", {"quantity": 1})
    assert answer.status_code == 403
    assert b"That form has expired" in answer.content


def test_the_cart_adds_up_changes_and_empties(client):
    client.post("/cart/MUG-0001/add/", {"quantity": 2})
    page = client.post("/cart/MUG-0001/add/", {"quantity": 1}, follow=True).content.decode()
    assert "€ 44.70" in page
    assert '<span class="count">3</span>' in page
    client.post("/cart/MUG-0001/", {"quantity": 1})
    assert "€ 14.90" in client.get("/cart/").content.decode()
    assert b"It is empty" in client.post("/cart/MUG-0001/", {"quantity": 0}, follow=True).content


@pytest.mark.parametrize("quantity", ["0", "-1", "100", "many", ""])
def test_a_senseless_quantity_changes_nothing(client, quantity):
    client.post("/cart/MUG-0001/add/", {"quantity": quantity})
    assert "cart" not in client.session


def test_the_cart_outlives_the_login(client):
    client.post("/cart/MUG-0001/add/", {"quantity": 2})
    client.post("/accounts/login/", {"username": "alice", "password": "alice-pass"})
    assert client.session["cart"] == {"MUG-0001": 2}


def test_checkout_makes_a_paid_order_and_empties_the_cart(alice, shop):
    alice.post("/cart/MUG-0001/add/", {"quantity": 2})
    answer = alice.post("/checkout/", checkout_form("4242 4242-4242 4242"), follow=True)
    order = Order.objects.get()
    assert answer.redirect_chain == [(f"/orders/{order.public_id}/", 302)]
    assert (order.status, str(order.total)) == ("confirmed", "29.80")
    assert Payment.objects.get().status == "captured"
    assert shop.stock(shop.mug) == (8, 0)
    assert "cart" not in alice.session
    page = answer.content.decode()
    assert order.number in page
    assert "card ending in 4242" in page


def test_a_declined_card_keeps_the_cart_and_the_stock(alice, shop):
    alice.post("/cart/MUG-0001/add/", {"quantity": 2})
    answer = alice.post("/checkout/", checkout_form(BAD_CARD))
    assert answer.status_code == 402
    page = answer.content.decode()
    assert "Your card was declined" in page
    assert BAD_CARD not in page
    assert alice.session["cart"] == {"MUG-0001": 2}
    assert shop.stock(shop.mug) == (10, 0)
    assert Order.objects.get().reason == "payment_declined"


def test_short_stock_leads_back_to_the_cart(alice, shop):
    alice.post("/cart/BOWL-0001/add/", {"quantity": 4})
    answer = alice.post("/checkout/", checkout_form(), follow=True)
    assert b"Only 3 of BOWL-0001 are left." in answer.content
    assert not Order.objects.exists()
    assert alice.session["cart"] == {"BOWL-0001": 4}


def test_the_same_checkout_sent_twice_makes_one_order(alice, shop):
    alice.post("/cart/MUG-0001/add/", {"quantity": 1})
    # The second request has read its session before the first one emptied the cart in the database.
    late = RequestFactory().post("/checkout/")
    late.user, late.session = shop.alice, alice.session
    assert late.session["cart"] == {"MUG-0001": 1}
    alice.post("/checkout/", checkout_form())
    form = CheckoutForm(checkout_form())
    assert form.is_valid()
    assert _place(late, form) is None
    assert Order.objects.count() == 1


def test_an_empty_cart_cannot_be_checked_out(alice):
    assert alice.get("/checkout/").headers["Location"] == "/cart/"


def test_orders_are_shown_to_their_customer_alone(alice, shop):
    alice.post("/cart/MUG-0001/add/", {"quantity": 1})
    alice.post("/checkout/", checkout_form())
    order = Order.objects.get()
    assert order.number in alice.get("/orders/").content.decode()
    other = Client()
    other.force_login(shop.bob)
    assert other.get(f"/orders/{order.public_id}/").status_code == 404
    assert other.post(f"/orders/{order.public_id}/cancel/").status_code == 404


def test_an_order_can_be_cancelled_from_its_page(alice, shop):
    alice.post("/cart/MUG-0001/add/", {"quantity": 1})
    alice.post("/checkout/", checkout_form())
    order = Order.objects.get()
    answer = alice.post(f"/orders/{order.public_id}/cancel/", follow=True)
    assert "at the customer&#x27;s wish" in answer.content.decode()
    assert shop.stock(shop.mug) == (10, 0)
    assert b"Cancel this order" not in answer.content


def test_staff_pages_are_closed_to_customers(alice, shop):
    for path in ("/staff/", "/staff/orders.csv", "/staff/products/MUG-0001/picture/"):
        assert alice.get(path).headers["Location"].startswith("/accounts/login/")
    staff = Client()
    staff.force_login(shop.admin)
    assert staff.get("/staff/").status_code == 200


def test_styles_and_scripts_come_from_the_shop_itself(client):
    style = client.get("/static/shop/shop.css")
    assert (style.status_code, style.headers["Content-Type"]) == (200, "text/css")
    assert client.get("/static/shop/shop.css", headers={"If-None-Match": style.headers["ETag"]}).status_code == 304
    assert client.get("/static/admin/css/base.css").status_code == 200
    assert client.get("/static/shop").status_code == 404


@pytest.mark.parametrize("path", ["../secret-key", "%2e%2e/another-key.pem", "/etc/passwd", "a%00b"])
def test_nothing_outside_the_folders_is_served(client, scratch, path):
    (scratch / "secret-key").write_text("secret")
    (scratch / "another-key.pem").touch()
    assert client.get(f"/media/{path}").status_code == 404
    assert client.get(f"/static/{path}").status_code == 404


def test_it_is_not_ready_without_its_tables(client):
    assert client.get("/readyz").status_code == 200
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE catalogue_product RENAME TO elsewhere")
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (503, False)
    assert client.get("/healthz").status_code == 200


def test_a_foreign_host_is_refused(client):
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 400
    answer = client.get("/api/products", headers={"Host": "evil.example"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json")


@pytest.mark.parametrize(
    ("trusted", "status"), [(None, 403), (("HTTP_X_FORWARDED_PROTO", "https"), 302)], ids=["not told", "told"]
)
def test_tls_in_front_of_the_shop_is_believed_only_when_it_was_told(shop, trusted, status):
    browser = Client(enforce_csrf_checks=True)
    browser.get("/products/MUG-0001/")
    form = {"quantity": 1, "csrfmiddlewaretoken": browser.cookies["csrftoken"].value}
    headers = {"Origin": "https://localhost", "Host": "localhost", "X-Forwarded-Proto": "https"}
    with override_settings(SECURE_PROXY_SSL_HEADER=trusted):
        assert browser.post("/cart/MUG-0001/add/", form, headers=headers).status_code == status


def test_a_failure_is_a_friendly_page_or_a_problem(shop):
    client = Client(raise_request_exception=False)
    with override_settings(ROOT_URLCONF="legacy_monolith.tests.failing_urls"):
        page, document = client.get("/fail"), client.get("/api/fail")
    assert page.status_code == document.status_code == 500
    assert b"Something went wrong" in page.content
    assert document.json()["type"] == "urn:shop:internal-error"
    assert b"secret detail" not in page.content + document.content


def test_without_a_database_a_page_asks_to_come_back(shop):
    client = Client(raise_request_exception=False)
    with override_settings(ROOT_URLCONF="legacy_monolith.tests.failing_urls"):
        page, document = client.get("/away"), client.get("/api/away")
    assert page.status_code == document.status_code == 503
    assert page["Retry-After"] == document["Retry-After"]
    assert b"Back in a moment" in page.content
    assert document.json()["type"] == "urn:shop:unavailable"
    assert b"secret detail" not in page.content + document.content
