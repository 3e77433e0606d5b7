"""What the monolith tells is taken over, whole and once."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from extracted_services.chassis.answers import Answer
from extracted_services.chassis.database import reading, writing
from extracted_services.chassis.sync.inbox import Inbox
from extracted_services.contracts.envelope import Event
from extracted_services.contracts.takeover import Local
from extracted_services.payments.adapters.applier import PaymentApplier
from extracted_services.payments.adapters.register import SqlRegister
from extracted_services.payments.adapters.states import read_state, show_state
from extracted_services.payments.domain.charge import Standing
from extracted_services.payments.domain.payment import Payment, Status
from extracted_services.payments.service_layer.charging import charge_card
from extracted_services.payments.service_layer.till import Till
from extracted_services.payments.tests.shop import ALICE, MORNING, Clock, ScriptedProcessor, asked, terms
from extracted_services.payments.tests.test_charging import unsettled

pytestmark = pytest.mark.anyio


@pytest.fixture
def inbox(clock: Clock) -> Inbox:
    return Inbox(PaymentApplier(clock), frozenset({"payment"}), clock)


def payment(status: Status = Status.CAPTURED) -> Payment:
    return Payment(uuid4(), uuid4(), ALICE, status, 2980, "4242", MORNING, MORNING)


def told(what: Payment, version: int, position: int | None = None, answer: Mapping[str, Any] | None = None) -> Event:
    kind = {"captured": "PaymentCompleted", "declined": "PaymentDeclined", "refunded": "PaymentRefunded"}
    return Event(
        id=str(uuid4()),
        type=kind[what.status],
        schema_version=1,
        aggregate_type="payment",
        aggregate_id=str(what.id),
        aggregate_version=version,
        occurred_at=MORNING,
        origin="legacy",
        position=position,
        traceparent=None,
        data={**show_state(what), "answer": answer},
    )


async def take(engine: AsyncEngine, inbox: Inbox, event: Event) -> str:
    async with writing(engine) as connection:
        return await inbox.take(connection, event)


async def find(engine: AsyncEngine, what: Payment) -> Payment | None:
    return await SqlRegister(engine).find_payment(what.id, customer=None)


def test_a_state_comes_back_as_it_was_told() -> None:
    what = payment()

    assert read_state(show_state(what), 1) == what


async def test_a_payment_is_added_and_follows_its_owner(engine: AsyncEngine, inbox: Inbox) -> None:
    what = payment()
    refunded = replace(what, status=Status.REFUNDED, updated_at=MORNING + timedelta(hours=1))

    assert await take(engine, inbox, told(what, 1, 1)) == "take"
    assert await find(engine, what) == what
    assert await take(engine, inbox, told(refunded, 2, 2)) == "take"
    assert await find(engine, what) == replace(refunded, version=2)
    assert await take(engine, inbox, told(refunded, 2, 2)) == "duplicate"


async def test_a_refund_by_the_monolith_is_paid_out_where_the_money_was_taken(
    engine: AsyncEngine, inbox: Inbox, till: Till, processor: ScriptedProcessor
) -> None:
    made = await charge_card(till=till, terms=terms(), asked=asked())
    assert isinstance(made, Payment)
    await take(engine, inbox, told(replace(made, status=Status.REFUNDED), 2, 1))

    assert await unsettled(till) == [Standing.RETURNING]
    assert processor.held == {made.id: 2980}  # settlement asks the processor, never a transaction


async def test_a_difference_is_a_conflict_and_changes_nothing(engine: AsyncEngine, inbox: Inbox, till: Till) -> None:
    made = await charge_card(till=till, terms=terms(), asked=asked())
    assert isinstance(made, Payment)

    assert await take(engine, inbox, told(replace(made, amount_cents=1), 1, 1)) == "conflict"
    assert await find(engine, made) == made


async def test_a_first_answer_of_the_monolith_is_given_here(engine: AsyncEngine, inbox: Inbox, till: Till) -> None:
    what, question = payment(), asked("of the monolith")
    answer = {
        "customer": question.customer,
        "path": question.path,
        "key": question.key,
        "body_hash": question.body_hash,
        "status": 201,
        "location": f"/api/payments/{what.id}",
        "body": "{}",
    }
    await take(engine, inbox, told(what, 1, 1, answer))
    given = await charge_card(till=till, terms=terms(), asked=question)

    assert isinstance(given, Answer)
    assert (given.status, given.location, given.body) == (201, f"/api/payments/{what.id}", "{}")


async def test_pages_go_through_all_payments_by_id(engine: AsyncEngine, inbox: Inbox, clock: Clock) -> None:
    all_of_them = [payment() for _ in range(5)]
    for position, what in enumerate(all_of_them, 1):
        await take(engine, inbox, told(what, 1, position))
    seen: list[tuple[str, Local]] = []
    async with reading(engine) as connection:
        while page := await PaymentApplier(clock).page(connection, "payment", seen[-1][0] if seen else None, 2):
            seen += page

    assert [key for key, _ in seen] == sorted(str(what.id) for what in all_of_them)
    assert {key: local.data for key, local in seen} == {str(what.id): show_state(what) for what in all_of_them}
    assert {(local.version, local.peer_version) for _, local in seen} == {(1, 1)}
