"""Orders: the service, with stock and payments behind it, answers as the monolith does."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jsonschema
import pytest
import yaml

from tests.contract.pair import Pair
from tests.contract.quartet import quartet
from tests.support.processes import ROOT

CONTRACT = yaml.safe_load((ROOT / "extracted_services" / "contracts" / "shop-api.yaml").read_text(encoding="utf-8"))
PLACE = "/api/orders"
NOBODYS = "019ccb1e-5a00-7c3e-9d52-0f3e6f0a7bff"
GOOD_CARD, BAD_CARD = "4242424242424242", "4000000000000002"
ADDRESS = {"name": "Alice Larsen", "street": "Mill Lane 1", "postcode": "1050", "city": "Copenhagen", "country": "DK"}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with quartet(tmp_path_factory.mktemp("orders")) as pair:
        for who in pair.tokens:  # what the monolith had before both have under the same ids
            headers = {"Authorization": f"Bearer {pair.tokens[who]}"}
            seeded = pair.monolith.http.get(f"{PLACE}?limit=100", headers=headers).json()["items"]
            pair.share(NOBODYS, *(item["id"] for item in seeded), *(item["customer"] for item in seeded))
        yield pair


@pytest.fixture(scope="module")
def skus(pair: Pair) -> list[str]:
    """SKUs by how much there is of them, the best stocked first."""
    levels = pair.monolith.http.get("/api/stock?limit=100").json()["items"]
    return [item["sku"] for item in sorted(levels, key=lambda item: -item["available"])]


def wanted(*asked: tuple[str, Any], card: Any = GOOD_CARD, **changes: Any) -> dict[str, Any]:
    lines = [{"sku": sku, "quantity": quantity} for sku, quantity in asked]
    return {"lines": lines, "shipping_address": ADDRESS, "card": {"number": card}, **changes}


def assert_fits_contract(document: Any, schema: str) -> None:
    described = {"$ref": f"#/components/schemas/{schema}", "components": CONTRACT["components"]}
    jsonschema.Draft202012Validator(described).validate(document)


def name_of(pair: Pair, made: str) -> str:
    return "{" + pair.service.ids[made] + "}"


def test_what_the_monolith_had_is_told_the_same(pair: Pair) -> None:
    statuses = set()
    for who in pair.tokens:
        target: str | None = f"{PLACE}?limit=7"
        seen: list[dict[str, Any]] = []
        while target is not None:
            page = pair.same("GET", target, who).json()
            assert_fits_contract(page, "OrderList")
            seen += page["items"]
            target = f"{PLACE}?limit=7&cursor={page['next']}" if page["next"] else None
        assert seen == sorted(seen, key=lambda item: str(item["id"]), reverse=True)
        for item in seen:
            for reader in pair.tokens:
                pair.same("GET", f"{PLACE}/{item['id']}", reader)
        statuses |= {item["status"] for item in seen}
    assert statuses >= {"confirmed", "delivered", "cancelled"}
    for status in ("pending", "confirmed", "shipped", "delivered", "cancelled"):
        pair.same("GET", f"{PLACE}?status={status}&limit=3", "alice")


def test_an_order_lives_the_same(pair: Pair, skus: list[str]) -> None:
    made = pair.same("POST", PLACE, "alice", json=wanted((skus[1], 2), (skus[0], 1)))
    assert (made.status_code, made.json()["status"]) == (201, "confirmed")
    assert_fits_contract(made.json(), "PlacedOrder")
    order = name_of(pair, made.json()["id"])
    assert_fits_contract(pair.same("GET", f"{PLACE}/{order}", "alice").json(), "Order")
    pair.same("GET", f"{PLACE}/{order}", "admin")
    pair.same("GET", f"{PLACE}/{order}", "bob")
    pair.same("GET", f"{PLACE}?limit=1", "alice")
    assert pair.same("POST", f"{PLACE}/{order}/cancel", "bob").status_code == 404
    for _ in range(2):
        cancelled = pair.same("POST", f"{PLACE}/{order}/cancel", "alice", content=b"{ignored")
        assert (cancelled.status_code, cancelled.json()["reason"]) == (200, "requested")
    pair.same("GET", f"{PLACE}?status=cancelled&limit=1", "alice")


def test_staff_cancel_the_orders_of_others_the_same(pair: Pair, skus: list[str]) -> None:
    made = pair.same("POST", PLACE, "bob", json=wanted((skus[0], 1)))
    assert pair.same("POST", f"{PLACE}/{name_of(pair, made.json()['id'])}/cancel", "admin").status_code == 200


def test_orders_from_before_are_cancelled_or_refused_the_same(pair: Pair) -> None:
    """Money and goods of an order that the monolith fulfilled are given back by the services."""
    orders = pair.same("GET", f"{PLACE}?limit=100", "alice").json()["items"]
    of_status = {order["status"]: order["id"] for order in orders}
    for status, expected in (("confirmed", 200), ("delivered", 409), ("cancelled", 200)):
        assert pair.same("POST", f"{PLACE}/{of_status[status]}/cancel", "alice").status_code == expected


def test_a_decline_is_told_the_same_and_the_order_kept(pair: Pair, skus: list[str]) -> None:
    declined = pair.same("POST", PLACE, "alice", json=wanted((skus[0], 1), card=BAD_CARD))
    assert declined.status_code == 402
    assert_fits_contract(declined.json(), "Problem")
    kept = pair.same("GET", f"{PLACE}/{name_of(pair, declined.json()['order_id'])}", "alice").json()
    assert (kept["status"], kept["reason"]) == ("cancelled", "payment_declined")


def test_short_stock_is_told_the_same_and_no_order_kept(pair: Pair, skus: list[str]) -> None:
    newest = pair.same("GET", f"{PLACE}?limit=1", "alice").json()["items"][0]["id"]
    short = pair.same("POST", PLACE, "alice", json=wanted((skus[-1], 99), (skus[0], 1), (skus[-2], 99)))
    assert (short.status_code, short.json()["type"]) == (409, "urn:shop:insufficient-stock")
    assert pair.same("GET", f"{PLACE}?limit=1", "alice").json()["items"][0]["id"] == newest


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[1,\n 2,, 3]",
        b"\xff",
        b"null",
        b"[]",
        b"NaN",
        b"{}",
        b'{"lines": "' + b"1" * 70_000 + b'"}',
        b"[" * 50_000,
        json.dumps(wanted()).encode(),
        json.dumps(wanted(("MUG-1", 0), ("MUG-1", 1))).encode(),
        json.dumps(wanted(("NO-SUCH", 1), ("NO-SUCH-2", 1))).encode(),
        json.dumps(wanted(("NO-SUCH", 1), ("NO-SUCH", 1))).encode(),
        json.dumps(wanted(*[(f"A-{number}", 1) for number in range(51)])).encode(),
        json.dumps(wanted(("A-1", 1), card="4242")).encode(),
        json.dumps(wanted(("A-1", 1), card=4242424242424242)).encode(),
        json.dumps(wanted(("A-1", 1), card="4" * 20)).encode(),
        json.dumps(wanted(("A-1", 1), card="\u0664" * 16)).encode(),
        json.dumps(wanted(("A-1", 1), colour="blue")).encode(),
        json.dumps(wanted(("A-1", 1), shipping_address={})).encode(),
        json.dumps(wanted(("A-1", 1), shipping_address=ADDRESS | {"country": "dk", "name": " "})).encode(),
        json.dumps(wanted(("A-1", 1), shipping_address=ADDRESS | {"street": "a\nb", "postcode": "-1"})).encode(),
        json.dumps(wanted(("A-1", 1), shipping_address=ADDRESS | {"city": "\ud800", "floor": 3})).encode(),
        json.dumps(wanted(("A-1", 1), shipping_address=ADDRESS | {"city": "a" * 101})).encode(),
        json.dumps({"lines": {}, "shipping_address": [], "card": "4242"}).encode(),
    ],
)
def test_bad_bodies_are_refused_the_same(pair: Pair, body: bytes) -> None:
    answer = pair.same("POST", PLACE, "alice", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 413, 422)


def test_addresses_in_any_script_are_kept_the_same(pair: Pair, skus: list[str]) -> None:
    address = {
        "name": "Жанна “Ж” O'Neill",
        "street": "ul. Łąkowa 5 / 北京",
        "postcode": "AB1 2-C",
        "city": "Åle 🌻",
        "country": "PL",
    }
    made = pair.same("POST", PLACE, "alice", json=wanted((skus[0], 1), shipping_address=address))
    order = pair.same("GET", f"{PLACE}/{name_of(pair, made.json()['id'])}", "alice")
    assert order.json()["shipping_address"] == address


@pytest.mark.parametrize("media_type", ["text/plain", "application/json; charset=utf-8", "APPLICATION/JSON", ""])
def test_media_types_are_judged_the_same(pair: Pair, media_type: str) -> None:
    pair.same("POST", PLACE, "alice", content=b"{}", headers={"Content-Type": media_type})


@pytest.mark.parametrize("key", ["", "a b", "a" * 255, "a" * 256, "\u00e4"])
def test_idempotency_keys_are_judged_the_same(pair: Pair, key: str) -> None:
    headers = {"Idempotency-Key": key.encode(), "Content-Type": b"application/json"}
    pair.same("POST", PLACE, "alice", content=b"{}", headers=headers)


def test_first_answers_are_given_again_the_same(pair: Pair, skus: list[str]) -> None:
    body, other = wanted((skus[0], 1)), wanted((skus[0], 2))
    same_value = json.dumps(dict(reversed(body.items())), indent=4).encode()
    as_json = {"Idempotency-Key": "k1", "Content-Type": "application/json"}

    first = pair.same("POST", PLACE, "alice", json=body, headers={"Idempotency-Key": "k1"})
    again = pair.same("POST", PLACE, "alice", content=same_value, headers=as_json)
    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    same_ending = wanted((skus[0], 1), card="5555555555554242")
    assert pair.same("POST", PLACE, "alice", json=same_ending, headers={"Idempotency-Key": "k1"}).status_code == 201
    assert pair.same("POST", PLACE, "alice", json=other, headers={"Idempotency-Key": "k1"}).status_code == 422
    assert pair.same("POST", PLACE, "bob", json=other, headers={"Idempotency-Key": "k1"}).status_code == 201
    for refused in (wanted((skus[-1], 99)), wanted((skus[0], 1), card=BAD_CARD)):
        key = {"Idempotency-Key": f"k-{refused['card']['number'][-4:]}"}
        assert [pair.same("POST", PLACE, "alice", json=refused, headers=key).status_code for _ in "12"] in (
            [409, 409],
            [402, 402],
        )
    for body, status in ((wanted(("NO-SUCH", 1)), 422), (wanted((skus[0], 1)), 201)):
        assert pair.same("POST", PLACE, "alice", json=body, headers={"Idempotency-Key": "k3"}).status_code == status


def test_of_many_with_one_key_one_orders_on_either_side(pair: Pair, skus: list[str]) -> None:
    headers = {"Authorization": f"Bearer {pair.tokens['bob']}", "Idempotency-Key": "at-once"}
    body = wanted((skus[0], 1))
    for side in (pair.monolith, pair.service):
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: side.http.post(PLACE, json=body, headers=headers), range(8)))  # noqa: B023 - done before the next
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.content for answer in answers}) == 1
        assert sum("idempotency-replayed" in answer.headers for answer in answers) == 7


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "PROPFIND"])
def test_methods_and_paths_are_judged_the_same(pair: Pair, method: str) -> None:
    order = f"{PLACE}/{NOBODYS}"
    endings = ("/", "/cancel", "/cancel/", "/ship", "%0A", "/cancel%0A")
    paths = [PLACE, f"{PLACE}/", order, *(order + ending for ending in endings)]
    for path in [*paths, f"{PLACE}/{NOBODYS.upper()}", f"{PLACE}/17", f"{PLACE}/%00", f"{PLACE}//"]:
        for who in (None, "alice"):
            pair.same(method, path, who)


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer x", "bearer a.b.c", "Basic YWxpY2U6YWxpY2U=", "Token x"]
)
def test_tokens_are_judged_the_same(pair: Pair, authorization: str) -> None:
    for method in ("GET", "POST"):
        pair.same(method, PLACE, None, headers={"Authorization": authorization})


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=&cursor=",
        "cursor=*",
        "cursor=TVVHLTAwMDE",
        "status=lost",
        "status=",
        "status=Pending",
        "status=shipped&status=delivered",
        "status=%00&limit=x&cursor=%FF",
        "order_id=17",
        "limit=2;cursor=x",
    ],
)
def test_parameters_are_judged_the_same(pair: Pair, query: str) -> None:
    pair.same("GET", f"{PLACE}?{query}", "alice")
