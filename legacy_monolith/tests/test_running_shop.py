"""The shop as a process: streams, uploads, competing customers, start and stop."""

import csv
import io
import json
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection

import httpx
import pytest
from PIL import Image

from .server import ANSWER_S, END_S, ROOT, clean_environment, free_port, run, submit
from .shop import ADDRESS, GOOD_CARD, new_order


@pytest.fixture
def alice(running_shop):
    with running_shop.browser("alice") as browser:
        yield browser


@pytest.fixture
def admin(running_shop):
    with running_shop.browser("admin") as browser:
        yield browser


@pytest.fixture
def plenty(running_shop) -> str:
    """The SKU of a product with enough in stock for every test here."""
    levels = httpx.get(f"{running_shop.url}/api/stock?limit=100", timeout=ANSWER_S).json()["items"]
    return max(levels, key=lambda level: level["available"])["sku"]


def buy(browser: httpx.Client, sku: str) -> str:
    """Buys one through the pages; the path of the order's page."""
    submit(browser, f"/products/{sku}/", {"quantity": 1}, to=f"/cart/{sku}/add/")
    page = submit(browser, "/checkout/", {**ADDRESS, "card_number": GOOD_CARD})
    assert page.status_code == 200
    return page.url.path


def mark(admin: httpx.Client, action: str, order_path: str) -> None:
    """Ships or delivers an order in the back office."""
    order_id = order_path.strip("/").split("/")[1]
    page = admin.get(f"/admin/orders/order/?q={order_id.replace('-', '')}").text
    key = page.split('name="_selected_action" value="')[1].split('"')[0]
    submit(admin, "/admin/orders/order/", {"action": action, "_selected_action": key})


def test_the_status_stream_tells_each_change_as_it_happens_and_ends_with_the_last(alice, admin, plenty):
    order_path = buy(alice, plenty)
    events: list[str] = []
    confirmed, shipped = threading.Event(), threading.Event()

    def listen() -> None:
        with alice.stream("GET", f"{order_path}events") as answer:
            assert answer.headers["Content-Type"] == "text/event-stream"
            for line in answer.iter_lines():
                if line.startswith("data:"):
                    events.append(json.loads(line.removeprefix("data:"))["status"])
                    confirmed.set() if events[-1] == "confirmed" else None
                    shipped.set() if events[-1] == "shipped" else None

    listener = threading.Thread(target=listen)
    listener.start()
    assert confirmed.wait(ANSWER_S)
    mark(admin, "ship", order_path)
    assert shipped.wait(ANSWER_S)
    mark(admin, "deliver", order_path)
    listener.join(ANSWER_S)
    assert events == ["pending", "confirmed", "shipped", "delivered"]


def test_a_browser_that_comes_back_to_a_finished_order_is_told_to_stay_away(alice):
    row = re.search(r'href="(/orders/[^"]+)"(?:(?!href=).)*status delivered', alice.get("/orders/").text, re.DOTALL)
    order_path = row[1]
    whole = alice.get(f"{order_path}events")
    last_id = whole.text.rsplit("id: ", 1)[1].split("\n")[0]
    assert '"delivered"' in whole.text
    assert alice.get(f"{order_path}events", headers={"Last-Event-ID": last_id}).status_code == 204


def test_the_status_stream_is_for_the_customer_alone(running_shop, alice, plenty):
    order_path = buy(alice, plenty)
    assert httpx.get(f"{running_shop.url}{order_path}events", timeout=ANSWER_S).status_code == 401
    with running_shop.browser("bob") as bob:
        assert bob.get(f"{order_path}events").status_code == 404


def test_the_export_is_streamed_to_staff(admin):
    with admin.stream("GET", "/staff/orders.csv") as answer:
        assert answer.headers["Transfer-Encoding"] == "chunked"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="orders.csv"'
        rows = list(csv.DictReader(io.StringIO(answer.read().decode(), newline="")))
    assert len(rows) >= 120
    assert [row["order"] for row in rows] == sorted(row["order"] for row in rows)
    assert {
        row["status"] for row in csv.DictReader(admin.get("/staff/orders.csv?status=delivered").text.splitlines())
    } == {"delivered"}
    assert admin.get("/staff/orders.csv?status=lost").status_code == 404


def test_a_picture_is_uploaded_and_served(admin, plenty):
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), "navy").save(buffer, "JPEG")
    page = submit(admin, f"/staff/products/{plenty}/picture/", {}, files={"image": ("a.jpg", buffer.getvalue())})
    assert "has a new picture" in page.text
    shown = admin.get(admin.get(f"/api/products/{plenty}").json()["image"])
    assert shown.headers["Content-Type"] == "image/png"


def test_competing_customers_never_buy_more_than_there_is(running_shop, admin):
    with running_shop.api("admin") as api:
        levels = api.get("/api/stock?limit=100").json()["items"]
        sku = min((level for level in levels if level["available"]), key=lambda level: level["available"])["sku"]
        before = api.get(f"/api/stock/{sku}").json()
        # What is there beyond six pieces is set aside, so that 24 customers run for the last six.
        for start in range(0, before["available"] - 6, 99):
            quantity = min(99, before["available"] - 6 - start)
            reservation = {
                "order_id": "0" * 8 + "-0000-7000-8000-" + "0" * 12,
                "lines": [{"sku": sku, "quantity": quantity}],
            }
            assert api.post("/api/reservations", json=reservation).status_code == 201
        left = api.get(f"/api/stock/{sku}").json()["available"]

        with ThreadPoolExecutor(12) as customers:
            answers = list(customers.map(lambda _: api.post("/api/orders", json=new_order(sku, 1)), range(24)))
        statuses = [answer.status_code for answer in answers]
        assert sorted(set(statuses)) == [201, 409]
        assert statuses.count(201) == left <= 6
        after = api.get(f"/api/stock/{sku}").json()
        assert after["available"] == 0
        assert after["on_hand"] == before["on_hand"] - left


def test_one_key_sent_by_many_at_once_makes_one_order(running_shop, plenty):
    with running_shop.api("carol") as api, ThreadPoolExecutor(8) as customers:
        before = len(api.get("/api/orders?limit=100").json()["items"])
        headers = {"Idempotency-Key": "at-once"}
        answers = list(
            customers.map(lambda _: api.post("/api/orders", json=new_order(plenty, 1), headers=headers), range(8))
        )
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.content for answer in answers}) == 1
        assert len(api.get("/api/orders?limit=100").json()["items"]) == before + 1


def test_a_connection_stays_open_for_longer_than_clients_keep_it_idle(running_shop):
    """Of httpx and Node 5 s: whoever closes it first must be the client, which knows whether it is about to ask."""
    with closing(HTTPConnection(running_shop.url.removeprefix("http://"), timeout=ANSWER_S)) as connection:
        for pause in (5.5, 0.0):
            connection.request("GET", "/readyz")
            answer = connection.getresponse()
            assert (answer.status, answer.read() != b"") == (200, True)
            time.sleep(pause)


def test_it_stops_quietly_with_an_open_stream_and_starts_again_on_its_data(tmp_path):
    small = ("--seed", "--products", "5", "--orders", "3", "--users", "4")
    answers = []
    for stop in (signal.SIGTERM, signal.SIGINT):
        with run(tmp_path, *small, LOG_FORMAT="plain") as shop, shop.browser("alice") as alice:
            answers.append([alice.get(path).content for path in ("/api/products", "/.well-known/jwks.json")])
            stock = alice.get("/api/stock").json()["items"]
            order_path = buy(alice, max(stock, key=lambda level: level["available"])["sku"])
            with alice.stream("GET", f"{order_path}events") as answer:
                lines = answer.iter_lines()
                assert any('"confirmed"' in line for line in lines)
                shop.process.send_signal(stop)
                assert list(lines) == [""]  # a clean end, not a broken connection
            assert shop.process.wait(END_S) == 0
            assert "Traceback" not in shop.log.read_text()
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("environment", "complaint"),
    [
        ({"PORT": "eighty"}, "PORT must be a number"),
        ({"DATABASE_URL": "oracle://x"}, "DATABASE_URL must look like"),
    ],
)
@pytest.mark.parametrize("command", [["-m", "legacy_monolith"], ["legacy_monolith/manage.py", "check"]])
def test_a_wrong_environment_is_explained_without_a_traceback(tmp_path, environment, complaint, command):
    values = clean_environment(DATA_DIR=str(tmp_path), PORT=str(free_port())) | environment
    ended = subprocess.run([sys.executable, *command], cwd=ROOT, env=values, capture_output=True, text=True)
    assert ended.returncode != 0
    assert complaint in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_migrations_are_complete(tmp_path):
    command = [sys.executable, "legacy_monolith/manage.py", "makemigrations", "--check", "--dry-run"]
    ended = subprocess.run(
        command, cwd=ROOT, env=clean_environment(DATA_DIR=str(tmp_path)), capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stdout
