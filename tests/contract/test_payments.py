"""Payments: the payments service answers as the monolith does."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jsonschema
import pytest
import yaml

from legacy_monolith.identifiers import uuid7
from tests.contract.pair import INTERNAL_TOKEN, Pair, paired
from tests.support.processes import ROOT

CONTRACT = yaml.safe_load((ROOT / "extracted_services" / "contracts" / "shop-api.yaml").read_text(encoding="utf-8"))
PLACE = "/api/payments"
NOBODYS = "019ccb1e-5a00-7c3e-9d52-0f3e6f0a7bff"
ORDER = "019ccb1e-5a00-7c3e-9d52-0f3e6f0a7b11"
GOOD, BAD = "4242424242424242", "4000000000000002"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("payments")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PROCESSOR_LEDGER", str(folder / "card-processor.db"))
        with paired(folder, "payments", ["payment"]) as pair:
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


def new_payment(order_id: str = ORDER, card: object = GOOD, amount: object = "12.30", **more: Any) -> dict[str, Any]:
    return {
        "order_id": order_id,
        "amount": {"amount": amount, "currency": "EUR"},
        "card": {"number": card},
        **more,
    }


def name_of(pair: Pair, payment_id: str) -> str:
    return "{" + pair.service.ids[payment_id] + "}"


def assert_fits_contract(document: Any, schema: str) -> None:
    wanted = {"$ref": f"#/components/schemas/{schema}", "components": CONTRACT["components"]}
    jsonschema.Draft202012Validator(wanted).validate(document)


def test_what_the_monolith_had_is_told_the_same(pair: Pair) -> None:
    for who in ("admin", "alice", "bob"):
        target: str | None = f"{PLACE}?limit=7"
        seen = []
        while target is not None:
            page = pair.same("GET", target, who).json()
            assert_fits_contract(page, "PaymentList")
            seen += page["items"]
            target = f"{PLACE}?limit=7&cursor={page['next']}" if page["next"] else None
        assert seen == sorted(seen, key=lambda item: str(item["id"]), reverse=True)
    for item in pair.same("GET", f"{PLACE}?limit=100").json()["items"]:
        assert pair.same("GET", f"{PLACE}/{item['id']}").json() == item
        pair.same("GET", f"{PLACE}/{item['id']}", "bob")
        pair.same("GET", f"{PLACE}?order_id={item['order_id']}")


def test_a_payment_lives_the_same(pair: Pair, order: str) -> None:
    made = pair.same("POST", PLACE, json=new_payment(order))
    assert made.status_code == 201
    assert_fits_contract(made.json(), "Payment")
    assert made.headers["location"] == f"{PLACE}/{made.json()['id']}"
    name = name_of(pair, made.json()["id"])

    pair.same("GET", f"{PLACE}/{name}")
    pair.same("HEAD", f"{PLACE}/{name}")
    pair.same("GET", f"{PLACE}/{name}", "alice")
    pair.same("POST", f"{PLACE}/{name}/refund", "alice")
    for body in (b"", b"{ignored"):
        assert pair.same("POST", f"{PLACE}/{name}/refund", content=body).json()["status"] == "refunded"
    pair.same("GET", f"{PLACE}?order_id={order}")


def test_a_declined_card_is_told_the_same(pair: Pair, order: str) -> None:
    declined = pair.same("POST", PLACE, json=new_payment(order, BAD))
    assert declined.status_code == 402
    assert_fits_contract(declined.json(), "Problem")
    name = name_of(pair, declined.json()["payment_id"])

    assert pair.same("GET", f"{PLACE}/{name}").json()["status"] == "declined"
    assert pair.same("POST", f"{PLACE}/{name}/refund").status_code == 409


def test_what_the_monolith_charged_is_refunded_the_same(pair: Pair) -> None:
    listed = pair.same("GET", f"{PLACE}?limit=100").json()["items"]
    by_status: dict[str, str] = {item["status"]: item["id"] for item in listed if item["id"] in pair.shared}
    assert by_status.keys() >= {"captured"}

    for payment_id in by_status.values():
        for _ in range(2):
            pair.same("POST", f"{PLACE}/{payment_id}/refund")
        pair.same("GET", f"{PLACE}/{payment_id}")


@pytest.mark.parametrize("amount", ["0.00", "0.01", "12345678.90", "99999999.99"])
@pytest.mark.parametrize("card", ["4" * 12, "4" * 19])
def test_the_ends_of_what_is_allowed_are_allowed_the_same(pair: Pair, order: str, amount: str, card: str) -> None:
    assert pair.same("POST", PLACE, json=new_payment(order, card, amount)).status_code == 201


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
        json.dumps({}).encode(),
        json.dumps({"order_id": ORDER}).encode(),
        json.dumps(new_payment(ORDER.upper())).encode(),
        json.dumps(new_payment("17", 4242, 12.30, more=1)).encode(),
        json.dumps(new_payment(card="4" * 11)).encode(),
        json.dumps(new_payment(card="4" * 20)).encode(),
        json.dumps(new_payment(card="4242 4242 4242 4242")).encode(),
        json.dumps(new_payment(card="\u0664" * 16)).encode(),
        json.dumps(new_payment(amount="12.3")).encode(),
        json.dumps(new_payment(amount="012.30")).encode(),
        json.dumps(new_payment(amount="-1.00")).encode(),
        json.dumps(new_payment(amount="100000000.00")).encode(),
        json.dumps(new_payment(amount="12.30\n")).encode(),
        json.dumps({**new_payment(), "amount": "12.30"}).encode(),
        json.dumps({**new_payment(), "amount": {"amount": "1.00", "currency": "USD", "more": 1}}).encode(),
        json.dumps({**new_payment(), "card": {}}).encode(),
        json.dumps({**new_payment(), "card": GOOD}).encode(),
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
def test_idempotency_keys_are_judged_the_same(pair: Pair, key: str) -> None:
    headers = {"Idempotency-Key": key.encode(), "Content-Type": b"application/json"}
    pair.same("POST", PLACE, content=b"{}", headers=headers)
    pair.same("POST", PLACE, content=b"{", headers=headers)


@pytest.mark.parametrize("card", [GOOD, BAD])
def test_first_answers_are_given_again_the_same(pair: Pair, order: str, card: str) -> None:
    body, keyed = new_payment(order, card), {"Idempotency-Key": f"first-{card}"}
    turned = {name: body[name] for name in reversed(body)}
    same_value = json.dumps(turned, indent=4).encode()

    first = pair.same("POST", PLACE, json=body, headers=keyed)
    again = pair.same("POST", PLACE, content=same_value, headers={**keyed, "Content-Type": "application/json"})
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    # Another card of the same length and ending is the same body: no more is kept of a card.
    alike = new_payment(order, "5" * 12 + card[-4:])
    assert pair.same("POST", PLACE, json=alike, headers=keyed).content == first.content
    for other in (
        new_payment(order, card, "12.31"),
        new_payment(order, card[:12] + "9999"),
        new_payment(order, card, 1),
    ):
        assert pair.same("POST", PLACE, json=other, headers=keyed).status_code == 422
    pair.same("GET", f"{PLACE}?order_id={order}")


def test_a_refused_body_leaves_its_key_free_on_either_side(pair: Pair, order: str) -> None:
    for wanted, status in ((new_payment(order, amount="1"), 422), (new_payment(order), 201)):
        answer = pair.same("POST", PLACE, json=wanted, headers={"Idempotency-Key": "free"})
        assert answer.status_code == status


def test_a_refund_after_it_does_not_change_a_first_answer(pair: Pair, order: str) -> None:
    body, keyed = new_payment(order), {"Idempotency-Key": "refunded-later"}
    made = pair.same("POST", PLACE, json=body, headers=keyed)
    pair.same("POST", f"{PLACE}/{name_of(pair, made.json()['id'])}/refund")

    assert pair.same("POST", PLACE, json=body, headers=keyed).content == made.content


@pytest.mark.parametrize(("card", "status"), [(GOOD, 201), (BAD, 402)])
def test_of_many_with_one_key_one_charges_on_either_side(pair: Pair, order: str, card: str, status: int) -> None:
    body = new_payment(order, card)
    headers = {"Authorization": f"Bearer {pair.tokens['admin']}", "Idempotency-Key": f"at-once-{card}"}

    for side in (pair.monolith, pair.service):
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: side.http.post(PLACE, json=body, headers=headers), range(8)))  # noqa: B023 - done before the next
        assert {answer.status_code for answer in answers} == {status}
        assert len({answer.content for answer in answers}) == 1
        assert sum("idempotency-replayed" in answer.headers for answer in answers) == 7
    assert len(pair.same("GET", f"{PLACE}?order_id={order}").json()["items"]) == 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "PROPFIND"])
@pytest.mark.parametrize(
    "path",
    [
        PLACE,
        f"{PLACE}/",
        f"{PLACE}/{NOBODYS}",
        f"{PLACE}/{NOBODYS}/",
        f"{PLACE}/{NOBODYS}/refund",
        f"{PLACE}/{NOBODYS}/refund/",
        f"{PLACE}/{NOBODYS}/release",
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
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_tokens_are_judged_the_same(pair: Pair, method: str, authorization: str) -> None:
    pair.same(method, PLACE, None, headers={"Authorization": authorization})


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
        "status=captured",
        "limit=2;cursor=x",
    ],
)
def test_parameters_are_judged_the_same(pair: Pair, query: str) -> None:
    for who in ("alice", "admin"):
        pair.same("GET", f"{PLACE}?{query}", who)


def test_who_does_not_own_payments_refuses_writes_the_same(pair: Pair, order: str) -> None:
    """Last, and undone at the end: both sides take the other one for the owner."""
    body, keyed = new_payment(order), {"Idempotency-Key": "before-it-moved"}
    made = pair.same("POST", PLACE, json=body, headers=keyed)
    name = name_of(pair, made.json()["id"])
    move(pair, "fence", 10)
    try:
        refused = pair.same("POST", PLACE, json=new_payment(order))
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:shop:not-owner")
        keyless = pair.same("POST", PLACE, json=new_payment(order), headers={"Idempotency-Key": "while-it-moves"})
        assert keyless.status_code == 409
        pair.same("POST", PLACE, json={})
        pair.same("POST", f"{PLACE}/{name}/refund")
        pair.same("POST", f"{PLACE}/{NOBODYS}/refund")
        pair.same("GET", f"{PLACE}/{name}")
        assert pair.same("POST", PLACE, json=body, headers=keyed).content == made.content
    finally:
        move(pair, "own", 11)
    kept = pair.same("POST", PLACE, json=new_payment(order), headers={"Idempotency-Key": "while-it-moves"})
    assert kept.status_code == 201  # a refusal is no first answer


def move(pair: Pair, verb: str, epoch: int) -> None:
    for side in (pair.monolith, pair.service):
        moved = side.http.post(
            f"/internal/sync/{verb}",
            json={"entities": ["payment"], "epoch": epoch},
            headers={"Authorization": f"Bearer {INTERNAL_TOKEN}"},
        )
        assert moved.status_code == 200, moved.text
