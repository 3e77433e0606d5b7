"""The monolith behind the proxy is the monolith: every page and every call gives the same answer at both addresses.

The back office has several hundred pages that differ only in their number; of each kind some are looked at here.
WHOLE_SHOP=1 looks at all of them, which takes minutes.
"""

import csv
import io
import json
import os
import queue
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest
import yaml
from PIL import Image

from legacy_monolith.tests.server import submit
from tests.support.crawl import Visitor, compare, crawl, normal_cookie
from tests.support.processes import ROOT
from tests.support.shop import ADDRESS, BAD_CARD, GOOD_CARD, Deployment, deployed

pytestmark = pytest.mark.slow

MOST_OF_A_KIND = None if os.environ.get("WHOLE_SHOP") == "1" else 2


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Small, so that every page of it can be looked at, yet with second pages where there are lists."""
    with deployed(tmp_path_factory.mktemp("shop"), "--products", "26", "--orders", "36", "--users", "6") as deployment:
        yield deployment


@contextmanager
def visitor(shop: Deployment, user: str | None) -> Iterator[Visitor]:
    """Somebody with a session at each address, or, without a name, nobody in particular. Redirects are not followed."""
    with ExitStack() as stack:
        clients = [
            stack.enter_context(place.browser(user) if user else httpx.Client(base_url=place.url, timeout=60))
            for place in (shop.direct, shop.proxied)
        ]
        for client in clients:
            client.follow_redirects = False
        yield Visitor(*clients)


@pytest.mark.parametrize(
    ("user", "starts", "expected"),
    [
        (
            None,
            ["/", "/cart/", "/orders/", "/staff/", "/admin/", "/nowhere", "/products"],
            {r"/products/[A-Z].*/": 24, r"/media/.*": 20, r"/products/\?page=2": 1},
        ),
        ("alice", ["/", "/checkout/", "/accounts/password/"], {r"/orders/[0-9a-f-]{36}/": 3, r"/cart/": 1}),
        (
            "admin",
            ["/", "/admin/"],
            {
                r"/admin/[a-z]+/[a-z]+/": 8,
                r"/admin/[a-z]+/[a-z]+/\?.*": 20,
                r"/admin/[a-z]+/[a-z]+/\d+/change/": 9,
                r"/admin/[a-z]+/[a-z]+/\d+/delete/": 3,
                r"/admin/[a-z]+/[a-z]+/\d+/history/": 9,
                r"/staff/orders\.csv": 1,
            },
        ),
    ],
    ids=["anonymous", "customer", "staff"],
)
def test_every_page_is_the_same(
    shop: Deployment, user: str | None, starts: list[str], expected: dict[str, int]
) -> None:
    with visitor(shop, user) as somebody:
        statuses, different = crawl(somebody, starts, most_of_a_kind=MOST_OF_A_KIND if user == "admin" else None)
    assert different == {}
    assert set(statuses.values()) <= {200, 301, 302, 404}, statuses
    for pattern, least in expected.items():
        found = [target for target in statuses if re.fullmatch(pattern, target)]
        assert len(found) >= least, (pattern, found)


@contextmanager
def caller(shop: Deployment, user: str | None) -> Iterator[Visitor]:
    """Somebody with a token from each address, or nobody."""
    if user is None:
        with visitor(shop, None) as anybody:
            yield anybody
        return
    with shop.direct.api(user) as direct, shop.proxied.api(user) as proxied:
        yield Visitor(direct, proxied)


class Calls:
    """Calls of one caller, each sent to both addresses; what differed, by call."""

    def __init__(self, sides: Visitor) -> None:
        self._sides = sides
        self.different: dict[str, list[str]] = {}
        self.statuses: Counter[int] = Counter()

    def __call__(self, target: str, method: str = "GET", **more: object) -> httpx.Response:
        answer, differences = self._sides.differences(target, method, **more)
        self.statuses[answer.status_code] += 1
        if differences:
            self.different[f"{method} {target}"] = differences
        return answer

    def whole_list(self, path: str) -> list[dict[str, str]]:
        """Every item of a list, read in pages of seven; none if it is not for this caller."""
        items: list[dict[str, str]] = []
        cursor = ""
        while True:
            answer = self(f"{path}?limit=7&cursor={cursor}" if cursor else f"{path}?limit=7")
            if answer.status_code != 200:
                return items
            items += answer.json()["items"]
            cursor = answer.json()["next"]
            if not cursor:
                return items


def paths_to_get() -> list[str]:
    contract = yaml.safe_load((ROOT / "extracted_services/contracts/shop-api.yaml").read_text())
    return [path for path, operations in contract["paths"].items() if "get" in operations]


@pytest.mark.parametrize("user", [None, "alice", "admin"])
def test_every_get_of_the_api_is_the_same(shop: Deployment, user: str | None) -> None:
    """Every path of the contract, every page of every list, and the items of the first pages."""
    asked = set()
    with caller(shop, user) as sides:
        calls = Calls(sides)
        for path in paths_to_get():
            if "{" in path:
                continue
            listed = calls.whole_list(path) if path.startswith("/api/") else [calls(path).json()]
            asked.add(path)
            for method in ("HEAD", "OPTIONS", "DELETE"):
                calls(path, method)
            for query in ("limit=0", "limit=101", "cursor=*", "q=cup", "category=kitchen", "status=confirmed"):
                calls(f"{path}?{query}")
            for item_path in (each for each in paths_to_get() if each.startswith(f"{path}/{{")):
                asked.add(item_path)
                ids = [item.get("sku") or item["id"] for item in listed]
                for item_id in [*ids[:20], "UNKNOWN-0001", "0192d0c8-0000-7000-8000-000000000000", "a%20b"]:
                    calls(item_path.partition("{")[0] + item_id)
        calls("/api/orders", headers={"Authorization": "Bearer of-nothing"})
        calls("/api/nothing-here")
    assert calls.different == {}
    assert asked == set(paths_to_get())
    assert {200, 400, 401, 404, 405} <= set(calls.statuses), calls.statuses


def test_what_an_api_call_is_refused_for_is_the_same(shop: Deployment) -> None:
    with caller(shop, "alice") as sides:
        calls = Calls(sides)
        for body in (b"", b"{", b"[]", b"{}", b'{"lines": []}', b"\xff", b" " * 200_000):
            calls("/api/orders", "POST", content=body, headers={"Content-Type": "application/json"})
        calls("/api/orders", "POST", content=b"lines=1", headers={"Content-Type": "application/x-www-form-urlencoded"})
        calls("/api/token", "POST", json={"username": "alice", "password": "wrong"})
        calls("/api/payments", "POST", json={})
        calls("/accounts/login/", "POST", data={"username": "alice"})  # without the CSRF token
    assert calls.different == {}
    assert {400, 401, 403, 415, 422} <= set(calls.statuses), calls.statuses


def test_redirects_and_cookies_of_a_login_are_the_same(shop: Deployment) -> None:
    seen = []
    for place in (shop.direct, shop.proxied):
        with httpx.Client(base_url=place.url, timeout=60) as client:
            sent_away = client.get("/orders/")
            form = {"username": "alice", "password": "alice-pass"}
            entered = submit(client, sent_away.headers["location"], form, to=sent_away.headers["location"])
            inside = client.get(entered.headers["location"])
            left = submit(client, "/orders/", {}, to="/accounts/logout/")
            answers = [sent_away, entered, inside, left]
            seen.append([(answer.status_code, answer.headers.get("location"), cookies(answer)) for answer in answers])
    assert seen[0] == seen[1]
    statuses, locations, set_cookies = zip(*seen[0], strict=True)
    assert statuses == (302, 302, 200, 302)
    assert locations == ("/accounts/login/?next=/orders/", "/orders/", None, "/")
    session = next(text for text in set_cookies[1] if text.startswith("sessionid="))
    assert {"HttpOnly", "Path=/", "SameSite=Lax"} <= set(session.split("; "))


def cookies(answer: httpx.Response) -> list[str]:
    return sorted(normal_cookie(text, answer.headers["date"]) for text in answer.headers.get_list("set-cookie"))


def buy(browser: httpx.Client, sku: str, card: str = GOOD_CARD) -> httpx.Response:
    """Put two into the cart and check out through the pages; the last page."""
    submit(browser, f"/products/{sku}/", {"quantity": 2}, to=f"/cart/{sku}/add/")
    return submit(browser, "/checkout/", {**ADDRESS, "card_number": card})


def test_a_checkout_takes_stock_once_and_a_declined_card_nothing(shop: Deployment) -> None:
    sku = shop.best_stocked()

    def available() -> int:
        found: int = httpx.get(f"{shop.direct.url}/api/stock/{sku}", timeout=60).json()["available"]
        return found

    with shop.proxied.browser("bob") as bob, shop.proxied.api("bob") as api:
        before = available()
        assert buy(bob, sku, BAD_CARD).status_code == 402
        assert available() == before
        page = submit(bob, "/checkout/", {**ADDRESS, "card_number": GOOD_CARD})  # the cart is still full
        assert (page.status_code, page.url.path.startswith("/orders/")) == (200, True)
        assert available() == before - 2
        order = {"lines": [{"sku": sku, "quantity": 1}], "shipping_address": ADDRESS, "card": {"number": GOOD_CARD}}
        placed = [api.post("/api/orders", json=order, headers={"Idempotency-Key": "once"}) for _ in range(3)]
        assert {answer.status_code for answer in placed} == {201}
        assert len({answer.content for answer in placed}) == 1
        assert available() == before - 3
        assert api.get(placed[0].headers["location"]).json()["status"] == "confirmed"


def test_a_picture_of_a_megabyte_is_uploaded_and_shown(shop: Deployment) -> None:
    sku = shop.best_stocked()
    picture = io.BytesIO()
    Image.effect_noise((1000, 1000), 60).save(picture, "PNG")
    assert len(picture.getvalue()) > 500_000
    with shop.proxied.browser("admin") as admin:
        files = {"image": ("noise.png", picture.getvalue(), "image/png")}
        page = submit(admin, f"/staff/products/{sku}/picture/", {}, files=files)
        assert "has a new picture" in page.text
        path = admin.get(f"/api/products/{sku}").json()["image"]
        shown = [httpx.get(f"{place.url}{path}", timeout=60) for place in (shop.direct, shop.proxied)]
    assert list(compare(*shown)) == []
    assert Image.open(io.BytesIO(shown[1].content)).size == (1000, 1000)


def test_the_export_is_streamed_and_whole(shop: Deployment) -> None:
    with visitor(shop, "admin") as admin:
        answer, differences = admin.differences("/staff/orders.csv")
        assert differences == []
        with admin.proxied.stream("GET", "/staff/orders.csv") as streamed:
            assert streamed.headers["transfer-encoding"] == "chunked"
            pieces = list(streamed.iter_raw())
    assert b"".join(pieces) == answer.content
    assert len(list(csv.DictReader(io.StringIO(answer.text)))) >= 36


def test_the_status_stream_tells_each_change_as_it_happens(shop: Deployment) -> None:
    with shop.proxied.browser("carol") as carol, shop.proxied.browser("admin") as admin:
        order_path = buy(carol, shop.best_stocked()).url.path
        told: queue.Queue[str] = queue.Queue()

        def listen() -> None:
            with carol.stream("GET", f"{order_path}events") as answer:
                told.put(answer.headers["content-type"])
                for line in answer.iter_lines():
                    if line.startswith("data:"):
                        told.put(json.loads(line.removeprefix("data:"))["status"])
            told.put("end")

        listener = threading.Thread(target=listen)
        listener.start()
        assert [told.get(timeout=60) for _ in range(3)] == ["text/event-stream", "pending", "confirmed"]
        for action, status in (("ship", "shipped"), ("deliver", "delivered")):
            assert told.empty()
            mark(admin, action, order_path)
            assert told.get(timeout=60) == status
        assert told.get(timeout=60) == "end"
        listener.join(60)


def mark(admin: httpx.Client, action: str, order_path: str) -> None:
    """Ship or deliver an order in the back office."""
    order_id = order_path.strip("/").split("/")[1].replace("-", "")
    page = admin.get(f"/admin/orders/order/?q={order_id}").text
    key = page.split('name="_selected_action" value="')[1].split('"')[0]
    submit(admin, "/admin/orders/order/", {"action": action, "_selected_action": key})
