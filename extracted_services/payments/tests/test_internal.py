import asyncio
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from extracted_services.payments.bootstrap import audit
from extracted_services.payments.settings import Settings
from extracted_services.payments.tests.client import Client
from extracted_services.payments.tests.shop import ALICE, BAD, GOOD, NOBODYS
from extracted_services.payments.tests.test_charging import events

pytestmark = pytest.mark.anyio
UNKNOWN_AT_FIRST = f"tok_{'d' * 32}_16_0127"


def new_charge(card: str = GOOD, **changes: Any) -> dict[str, Any]:
    amount = {"amount": "12.30", "currency": "EUR"}
    return {"order_id": str(uuid4()), "customer": str(ALICE), "amount": amount, "card_reference": card, **changes}


async def test_a_card_is_exchanged_for_a_reference(api: Client) -> None:
    answer = await api.post("/internal/cards", {"number": "4242424242424242"}, who="service")

    assert answer.status_code == 201
    assert list(answer.json()) == ["reference", "last4"]
    assert answer.json()["last4"] == "4242"
    charged = await api.post("/internal/charges", new_charge(answer.json()["reference"]), who="service", key="s:c")
    assert charged.status_code == 201


async def test_a_charge_answers_as_the_public_path_does(api: Client, engine: AsyncEngine) -> None:
    body = new_charge()
    made = await api.post("/internal/charges", body, who="service", key="saga:charge")
    again = await api.post("/internal/charges", body, who="service", key="saga:charge")

    assert made.status_code == 201
    assert again.content == made.content
    assert (await api.get(made.headers["location"], "alice")).content == made.content
    (event,) = await events(engine)
    data = event["data"]
    assert isinstance(data, dict)
    assert data["answer"] is None  # a saga's key means nothing to the monolith


async def test_a_decline_is_402_also_when_it_is_asked_for_again(api: Client) -> None:
    body = new_charge(BAD)
    first, second = [await api.post("/internal/charges", body, who="service", key="s:c") for _ in range(2)]

    assert first.status_code == second.status_code == 402
    assert first.content == second.content
    assert first.json()["payment_id"]


async def test_a_charge_needs_a_key(api: Client) -> None:
    refused = await api.post("/internal/charges", new_charge(), who="service")

    assert (refused.status_code, refused.json()["detail"]) == (400, "Idempotency-Key is required")


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"card_reference": "4242424242424242"}, "card_reference must be a card reference"),
        ({"customer": "alice"}, "customer must be a UUID"),
        ({"number": "4242424242424242"}, "body has a property other than "),
    ],
)
async def test_a_charge_is_read_strictly(api: Client, changes: dict[str, Any], detail: str) -> None:
    refused = await api.post("/internal/charges", new_charge(**changes), who="service", key="k")

    assert refused.status_code == 422
    assert refused.json()["detail"].startswith(detail)


async def test_an_order_is_charged_once_whatever_the_keys(api: Client, settings: Settings) -> None:
    body = new_charge()
    one = await api.post("/internal/charges", body, who="service", key="one:charge")
    other = await api.post("/internal/charges", body, who="service", key="two:charge")

    assert other.json() == one.json()
    assert (await audit(settings)).taken == 1230


async def test_payments_of_an_order_are_listed_for_services(api: Client) -> None:
    body = new_charge()
    made = (await api.post("/internal/charges", body, who="service", key="k")).json()

    assert (await api.get(f"/internal/charges?order_id={body['order_id']}", "service")).json() == {"items": [made]}
    assert (await api.get(f"/internal/charges?order_id={uuid4()}", "service")).json() == {"items": []}
    assert (await api.get("/internal/charges?order_id=17", "service")).status_code == 400


async def test_a_charge_is_refunded_by_its_payment(api: Client) -> None:
    made = (await api.post("/internal/charges", new_charge(), who="service", key="k")).json()
    refunds = [await api.post(f"/internal/charges/{made['id']}/refund", who="service") for _ in range(2)]

    assert [(refund.status_code, refund.json()["status"]) for refund in refunds] == [(200, "refunded")] * 2
    assert (await api.post(f"/internal/charges/{uuid4()}/refund", who="service")).status_code == 404


async def test_a_charge_is_refunded_by_its_key(api: Client, settings: Settings) -> None:
    made = (await api.post("/internal/charges", new_charge(), who="service", key="known")).json()
    body = new_charge(UNKNOWN_AT_FIRST)
    assert (await api.post("/internal/charges", body, who="service", key="unknown")).status_code == 503

    known_back, unknown_back, never_asked = [
        await api.post("/internal/charges/refund", {"key": key}, who="service") for key in ("known", "unknown", "never")
    ]
    assert known_back.json()["payment"] == {**made, "status": "refunded", "updated_at": ANY_TIME}
    assert (unknown_back.status_code, unknown_back.json()) == (200, {"payment": None})
    assert never_asked.json() == {"payment": None}
    for key in ("unknown", "never"):
        late = await api.post("/internal/charges", body, who="service", key=key)
        assert (late.status_code, late.json()["type"]) == (409, "urn:shop:conflict")
    agreement = await audit(settings)
    assert agreement.agree, agreement.differences
    assert agreement.taken == agreement.given_back == 2460


class _AnyTime:
    def __eq__(self, other: object) -> bool:
        return isinstance(other, str)

    def __hash__(self) -> int:
        return 0


ANY_TIME = _AnyTime()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/internal/cards"),
        ("POST", "/internal/charges"),
        ("GET", "/internal/charges"),
        ("POST", "/internal/charges/refund"),
        ("POST", f"/internal/charges/{NOBODYS}/refund"),
        ("GET", "/internal/sync"),
    ],
)
@pytest.mark.parametrize("who", [None, "staff"])
@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_customers_and_strangers_have_no_business_here(
    api: Client, method: str, path: str, who: str | None
) -> None:
    answer = await (api.get(path, who) if method == "GET" else api.post(path, {}, who=who))

    assert answer.status_code == 401


async def test_charges_of_many_orders_at_once_all_agree(api: Client, settings: Settings) -> None:
    cards = [GOOD, BAD, f"tok_{'e' * 32}_16_0119", f"tok_{'f' * 32}_16_0135"]
    answers = await asyncio.gather(
        *(
            api.post("/internal/charges", new_charge(cards[number % 4]), who="service", key=f"s{number}:charge")
            for number in range(40)
        )
    )

    assert [answer.status_code for answer in answers] == [201, 402, 201, 201] * 10
    agreement = await audit(settings)
    assert agreement.agree, agreement.differences
    assert (agreement.taken, agreement.declined, agreement.orders_charged_twice) == (30 * 1230, 10, ())
