"""Reservations: the inventory service answers as the monolith does."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jsonschema
import pytest
import yaml

from legacy_monolith.identifiers import uuid7
from tests.contract.pair import Pair, paired
from tests.support.processes import ROOT

CONTRACT = yaml.safe_load((ROOT / "extracted_services" / "contracts" / "shop-api.yaml").read_text(encoding="utf-8"))
PLACE = "/api/reservations"
NOBODYS = "019ccb1e-5a00-7c3e-9d52-0f3e6f0a7bff"
ORDER = "019ccb1e-5a00-7c3e-9d52-0f3e6f0a7b11"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with paired(tmp_path_factory.mktemp("reservations"), "inventory", ["stock"]) as pair:
        # What the monolith had before both have under the same ids.
        seeded = pair.monolith.http.get(
            f"{PLACE}?limit=100", headers={"Authorization": f"Bearer {pair.tokens['admin']}"}
        ).json()["items"]
        assert len(seeded) > 10
        pair.share(ORDER, NOBODYS, *(item["id"] for item in seeded), *(item["order_id"] for item in seeded))
        yield pair


@pytest.fixture
def order(pair: Pair) -> str:
    made = str(uuid7())
    pair.share(made)
    return made


@pytest.fixture(scope="module")
def skus(pair: Pair) -> list[str]:
    """SKUs by how much there is of them, the best stocked first."""
    levels = pair.same("GET", "/api/stock?limit=100", None).json()["items"]
    return [item["sku"] for item in sorted(levels, key=lambda item: -item["available"])]


def lines(*asked: tuple[str, Any]) -> list[dict[str, Any]]:
    return [{"sku": sku, "quantity": quantity} for sku, quantity in asked]


def available(pair: Pair, sku: str) -> int:
    found: int = pair.same("GET", f"/api/stock/{sku}", None).json()["available"]
    return found


def assert_fits_contract(document: Any, schema: str) -> None:
    wanted = {"$ref": f"#/components/schemas/{schema}", "components": CONTRACT["components"]}
    jsonschema.Draft202012Validator(wanted).validate(document)


def test_what_the_monolith_had_is_told_the_same(pair: Pair) -> None:
    for who in ("admin", "alice", "bob"):
        target: str | None = f"{PLACE}?limit=7"
        seen = []
        while target is not None:
            page = pair.same("GET", target, who).json()
            assert_fits_contract(page, "ReservationList")
            seen += page["items"]
            target = f"{PLACE}?limit=7&cursor={page['next']}" if page["next"] else None
        assert seen == sorted(seen, key=lambda item: str(item["id"]), reverse=True)
    for item in pair.same("GET", f"{PLACE}?limit=100").json()["items"]:
        assert pair.same("GET", f"{PLACE}/{item['id']}").json() == item
        pair.same("GET", f"{PLACE}/{item['id']}", "bob")
        pair.same("GET", f"{PLACE}?order_id={item['order_id']}")


def test_a_reservation_lives_the_same(pair: Pair, skus: list[str], order: str) -> None:
    before = available(pair, skus[0])
    made = pair.same("POST", PLACE, json={"order_id": order, "lines": lines((skus[1], 1), (skus[0], 2))})
    assert made.status_code == 201
    assert_fits_contract(made.json(), "Reservation")
    name = "{" + pair.service.ids[made.json()["id"]] + "}"
    assert made.headers["location"] == f"{PLACE}/{made.json()['id']}"

    pair.same("GET", f"{PLACE}/{name}")
    pair.same("GET", f"{PLACE}/{name}", "alice")
    pair.same("GET", f"{PLACE}?order_id={order}")
    assert available(pair, skus[0]) == before - 2
    for verb in ("commit", "commit", "release", "release", "commit"):
        pair.same("POST", f"{PLACE}/{name}/{verb}")
        pair.same("GET", f"{PLACE}/{name}")
        pair.same("GET", f"/api/stock/{skus[0]}", None)
    assert available(pair, skus[0]) == before


def test_what_is_held_is_released_the_same(pair: Pair, skus: list[str], order: str) -> None:
    made = pair.same("POST", PLACE, json={"order_id": order, "lines": lines((skus[2], 3))})
    name = "{" + pair.service.ids[made.json()["id"]] + "}"

    assert pair.same("POST", f"{PLACE}/{name}/release", content=b"{ignored").status_code == 200
    assert pair.same("POST", f"{PLACE}/{name}/commit").status_code == 409


def test_short_stock_is_told_the_same(pair: Pair, skus: list[str], order: str) -> None:
    scarce = skus[-1]
    least = available(pair, scarce)

    answer = pair.same(
        "POST", PLACE, json={"order_id": order, "lines": lines((scarce, least + 1), (skus[0], 1), (skus[-2], 99))}
    )

    assert (answer.status_code, answer.json()["type"]) == (409, "urn:shop:insufficient-stock")
    assert available(pair, skus[0]) > 0


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[1,\n 2,, 3]",
        b"\xff",
        b"null",
        b"[]",
        b'"text"',
        b"NaN",
        b'{"order_id": "' + ORDER.encode() + b'"}',
        b'{"lines": []}',
        json.dumps({"order_id": ORDER, "lines": []}).encode(),
        json.dumps({"order_id": ORDER, "lines": lines(("MUG-1", 0))}).encode(),
        json.dumps({"order_id": ORDER, "lines": lines(("MUG-1", 100))}).encode(),
        json.dumps({"order_id": ORDER, "lines": lines(("MUG-1", 1.5))}).encode(),
        json.dumps({"order_id": ORDER, "lines": lines(("MUG-1", True))}).encode(),
        json.dumps({"order_id": ORDER, "lines": lines(("mug", 1), ("A" * 33, "1"))}).encode(),
        json.dumps({"order_id": ORDER, "lines": lines(("NO-SUCH", 1), ("NO-SUCH-2", 1))}).encode(),
        json.dumps({"order_id": ORDER, "lines": lines(("NO-SUCH", 1), ("NO-SUCH", 1))}).encode(),
        json.dumps({"order_id": ORDER, "lines": lines(*[(f"A-{number}", 1) for number in range(51)])}).encode(),
        json.dumps({"order_id": ORDER, "lines": [{"sku": "A", "quantity": 1, "more": 1}, 7]}).encode(),
        json.dumps({"order_id": ORDER.upper(), "lines": {}, "more": 1}).encode(),
        b'{"order_id": "' + b"1" * 70_000 + b'"}',
        b"[" * 50_000,
        b"1" * 5000,
    ],
)
def test_bad_bodies_are_refused_the_same(pair: Pair, body: bytes) -> None:
    answer = pair.same("POST", PLACE, content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code in (400, 413, 422)


@pytest.mark.parametrize("media_type", ["text/plain", "application/json; charset=utf-8", "APPLICATION/JSON", ""])
def test_media_types_are_judged_the_same(pair: Pair, media_type: str) -> None:
    pair.same("POST", PLACE, content=b"{}", headers={"Content-Type": media_type})


@pytest.mark.parametrize("key", ["", "a b", "a" * 255, "a" * 256, "\u00e4"])
def test_idempotency_keys_are_judged_the_same(pair: Pair, skus: list[str], key: str) -> None:
    headers = {"Idempotency-Key": key.encode(), "Content-Type": b"application/json"}
    pair.same("POST", PLACE, content=b"{}", headers=headers)


def test_first_answers_are_given_again_the_same(pair: Pair, skus: list[str], order: str) -> None:
    body = {"order_id": order, "lines": lines((skus[0], 1))}
    same_value = json.dumps({"lines": body["lines"], "order_id": order}, indent=4).encode()
    other = {"order_id": order, "lines": lines((skus[0], 2))}
    short = {"order_id": order, "lines": lines((skus[-1], 99))}

    first = pair.same("POST", PLACE, json=body, headers={"Idempotency-Key": "k1"})
    again = pair.same(
        "POST", PLACE, content=same_value, headers={"Idempotency-Key": "k1", "Content-Type": "application/json"}
    )
    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert pair.same("POST", PLACE, json=other, headers={"Idempotency-Key": "k1"}).status_code == 422
    for _ in range(2):
        assert pair.same("POST", PLACE, json=short, headers={"Idempotency-Key": "k2"}).status_code == 409
    unknown = {"order_id": order, "lines": lines(("NO-SUCH", 1))}
    for wanted, status in ((unknown, 422), (body, 201)):
        assert pair.same("POST", PLACE, json=wanted, headers={"Idempotency-Key": "k3"}).status_code == status


def test_of_many_with_one_key_one_reserves_on_either_side(pair: Pair, skus: list[str], order: str) -> None:
    before, body = available(pair, skus[3]), {"order_id": order, "lines": lines((skus[3], 1))}
    headers = {"Authorization": f"Bearer {pair.tokens['admin']}", "Idempotency-Key": "at-once"}

    for side in (pair.monolith, pair.service):
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: side.http.post(PLACE, json=body, headers=headers), range(8)))  # noqa: B023 - done before the next
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.content for answer in answers}) == 1
        assert sum("idempotency-replayed" in answer.headers for answer in answers) == 7
    assert available(pair, skus[3]) == before - 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "PROPFIND"])
@pytest.mark.parametrize(
    "path",
    [
        PLACE,
        f"{PLACE}/",
        f"{PLACE}/{NOBODYS}",
        f"{PLACE}/{NOBODYS}/",
        f"{PLACE}/{NOBODYS}/commit",
        f"{PLACE}/{NOBODYS}/release",
        f"{PLACE}/{NOBODYS}/refund",
        f"{PLACE}/{NOBODYS.upper()}",
        f"{PLACE}/{NOBODYS}%0A",
        f"{PLACE}/17",
        f"{PLACE}/%00",
    ],
)
def test_methods_and_paths_are_judged_the_same(pair: Pair, method: str, path: str) -> None:
    for who in (None, "alice", "admin"):
        pair.same(method, path, who)


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer x", "bearer a.b.c", "Basic YWxpY2U6YWxpY2U=", "Token x"],
)
def test_tokens_are_judged_the_same(pair: Pair, authorization: str) -> None:
    pair.same("GET", PLACE, None, headers={"Authorization": authorization})


def test_forged_tokens_are_refused_the_same(pair: Pair) -> None:
    head, claims, signature = pair.tokens["alice"].split(".")
    for token in (
        f"{head}.{claims}.{signature[:-4]}AAAA",
        f"{head}.{claims}.",
        f"{head}.{claims}",
        f"eyJhbGciOiJub25lIn0.{claims}.",
        f"{head}.e30.{signature}",
    ):
        assert pair.same("GET", PLACE, None, headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert (
        pair.same("GET", PLACE, None, headers={"Authorization": f"bearer   {pair.tokens['alice']}"}).status_code == 200
    )


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=&cursor=",
        "cursor=*",
        "cursor=TVVHLTAwMDE",
        "order_id=17",
        f"order_id={NOBODYS}",
        f"order_id={NOBODYS.upper()}",
        "order_id=",
        "order_id=%00&limit=x&cursor=%FF",
        f"order_id=17&order_id={NOBODYS}",
        "status=held",
        "limit=2;cursor=x",
    ],
)
def test_parameters_are_judged_the_same(pair: Pair, query: str) -> None:
    for who in ("alice", "admin"):
        pair.same("GET", f"{PLACE}?{query}", who)
