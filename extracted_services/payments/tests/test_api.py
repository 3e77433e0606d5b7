"""The public paths, by themselves; that they answer as the monolith does is shown in tests/contract."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
import yaml
from sqlalchemy.ext.asyncio import AsyncEngine

from extracted_services.payments.bootstrap import audit
from extracted_services.payments.settings import Settings
from extracted_services.payments.tests.client import Client
from extracted_services.payments.tests.shop import ALICE, NOBODYS
from extracted_services.payments.tests.test_charging import fence_payments, record_elsewhere

pytestmark = pytest.mark.anyio


def new_payment(card: str = "4242424242424242", **changes: Any) -> dict[str, Any]:
    amount = {"amount": "12.30", "currency": "EUR"}
    return {"order_id": str(uuid4()), "amount": amount, "card": {"number": card}, **changes}


async def test_a_payment_is_made_found_listed_and_refunded(api: Client) -> None:
    made = await api.post("/api/payments", new_payment())
    payment = made.json()

    assert (made.status_code, made.headers["location"]) == (201, f"/api/payments/{payment['id']}")
    assert list(payment) == ["id", "order_id", "status", "amount", "card_last4", "created_at", "updated_at"]
    assert (payment["status"], payment["card_last4"]) == ("captured", "4242")
    assert (await api.get(made.headers["location"])).json() == payment
    assert (await api.get(f"/api/payments?order_id={payment['order_id']}")).json() == {"items": [payment], "next": None}
    refunds = [await api.post(f"/api/payments/{payment['id']}/refund") for _ in range(2)]
    assert [refund.status_code for refund in refunds] == [200, 200]
    assert refunds[0].json()["status"] == "refunded"
    assert refunds[0].content == refunds[1].content


async def test_a_declined_payment_is_kept_and_cannot_be_refunded(api: Client) -> None:
    answer = await api.post("/api/payments", new_payment("4000000000000002"))

    assert answer.status_code == 402
    assert answer.headers["content-type"] == "application/problem+json"
    declined = await api.get(f"/api/payments/{answer.json()['payment_id']}")
    assert declined.json()["status"] == "declined"
    refused = await api.post(f"/api/payments/{declined.json()['id']}/refund")
    assert (refused.status_code, refused.json()["detail"]) == (409, "A declined payment cannot be refunded")


@pytest.mark.parametrize("card", ["4242424242424242", "4000000000000002", "4000000000000119", "4000000000000135"])
async def test_a_repetition_is_answered_with_the_same_bytes(api: Client, card: str) -> None:
    body = new_payment(card)
    first, second = [await api.post("/api/payments", body, key="k") for _ in range(2)]

    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert second.headers["content-type"] == first.headers["content-type"]
    assert second.headers.get("location") == first.headers.get("location")
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"


async def test_requests_with_one_key_at_the_same_time_are_one_payment(api: Client) -> None:
    body = new_payment()
    answers = await asyncio.gather(*(api.post("/api/payments", body, key="k") for _ in range(10)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    assert len((await api.get("/api/payments")).json()["items"]) == 1


async def test_an_outcome_that_is_not_known_is_503_and_known_to_the_next_call(api: Client, settings: Settings) -> None:
    body = new_payment("4000000000000127")
    unknown = await api.post("/api/payments", body, key="k")

    assert (unknown.status_code, unknown.headers["retry-after"]) == (503, "5")
    assert unknown.json()["type"] == "urn:shop:unavailable"
    assert unknown.json()["detail"] == "The card processor does not answer; ask again with the same Idempotency-Key"
    known = await api.post("/api/payments", body, key="k")
    assert known.status_code == 201
    agreement = await audit(settings)
    assert agreement.agree, agreement.differences
    assert (agreement.taken, agreement.accounts) == (1230, 1)


async def test_without_a_key_an_outcome_that_is_not_known_is_no_charge(api: Client, settings: Settings) -> None:
    unknown = await api.post("/api/payments", new_payment("4000000000000127"))

    assert (unknown.status_code, unknown.json()["detail"]) == (
        503,
        "The card processor does not answer; nothing was charged",
    )
    agreement = await audit(settings)
    assert agreement.agree, agreement.differences
    assert agreement.taken == agreement.given_back == 1230


async def test_customers_see_their_own_payments_and_staff_see_all(api: Client, engine: AsyncEngine) -> None:
    hers = await record_elsewhere(engine, uuid4())
    staffs = (await api.post("/api/payments", new_payment())).json()["id"]

    assert [item["id"] for item in (await api.get("/api/payments", "alice")).json()["items"]] == [str(hers.id)]
    assert {item["id"] for item in (await api.get("/api/payments")).json()["items"]} == {str(hers.id), staffs}
    assert (await api.get(f"/api/payments/{hers.id}", "alice")).status_code == 200
    assert (await api.get(f"/api/payments/{staffs}", "alice")).status_code == 404
    assert hers.customer == ALICE


async def test_pages_follow_one_another_newest_first(api: Client) -> None:
    made = [(await api.post("/api/payments", new_payment())).json()["id"] for _ in range(5)]
    found: list[str] = []
    cursor = ""
    while cursor is not None:
        page = (await api.get(f"/api/payments?limit=2&cursor={cursor}")).json()
        found += [item["id"] for item in page["items"]]
        cursor = page["next"]

    assert found == sorted(made, reverse=True)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("path", ["/api/payments", f"/api/payments/{NOBODYS}/refund"])
async def test_only_staff_may_write(api: Client, path: str) -> None:
    refused = await api.post(path, new_payment(), who="alice")
    assert (refused.status_code, refused.json()["detail"]) == (403, "This needs the role staff")
    assert (await api.post(path, new_payment(), who=None)).status_code == 401


async def test_a_non_owner_answers_409_and_has_done_nothing(
    api: Client, engine: AsyncEngine, settings: Settings
) -> None:
    payment = (await api.post("/api/payments", new_payment(), key="before")).json()
    await fence_payments(engine)

    for path, body in (("/api/payments", new_payment()), (f"/api/payments/{payment['id']}/refund", None)):
        refused = await api.post(path, body, key="k")
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:shop:not-owner")
        assert refused.json()["detail"] == "payments are written elsewhere at the moment"
    assert (await api.get("/api/payments")).json()["items"] == [payment]
    assert (await audit(settings)).accounts == 1


async def test_no_card_number_is_stored_told_or_logged(
    api: Client, settings: Settings, engine: AsyncEngine, caplog: pytest.LogCaptureFixture
) -> None:
    number = "4929000000006789"
    assert (await api.post("/api/payments", new_payment(number), key="k")).status_code == 201
    card = await api.post("/internal/cards", {"number": number}, who="service")

    assert card.status_code == 201
    assert number not in caplog.text
    if settings.database.get_backend_name() == "sqlite":
        for file in settings.processor_ledger.parent.glob("*.db*"):
            assert number.encode() not in file.read_bytes(), file


async def test_the_description_is_this_services_part_of_the_contract(api: Client) -> None:
    described = yaml.safe_load((await api.get("/openapi.yaml", None)).text)

    assert set(described["paths"]) == {
        "/api/payments",
        "/api/payments/{payment_id}",
        "/api/payments/{payment_id}/refund",
    }


async def test_it_is_alive_and_ready(api: Client) -> None:
    alive, ready = await api.get("/healthz", None), await api.get("/readyz", None)

    assert (alive.status_code, ready.status_code) == (200, 200)
    assert set(ready.json()["checks"]) == {"database", "broker", "backfill"}


async def test_before_it_was_filled_it_says_so_and_shows_no_empty_list(unfilled: Client) -> None:
    ready = await unfilled.get("/readyz", None)
    assert (ready.status_code, ready.json()["checks"]["backfill"]["problem"]) == (
        503,
        "never filled: run the monolith's backfill",
    )
    for answer in (await unfilled.get("/api/payments"), await unfilled.get(f"/api/payments/{uuid4()}")):
        assert (answer.status_code, answer.json()["detail"]) == (503, "The payments have not been copied yet")
    done = await unfilled.post("/internal/sync/import", {"events": [], "complete": True}, who="service")
    assert done.status_code == 200, done.text
    assert (await unfilled.get("/readyz", None)).status_code == 200
    assert (await unfilled.get("/api/payments")).json() == {"items": [], "next": None}
