"""A charge through its three steps, and every way in which they can be cut off, on both databases."""

import asyncio
import json
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from extracted_services.chassis.answers import Answer
from extracted_services.chassis.database import reading, writing
from extracted_services.chassis.kept_answers import KeyReused
from extracted_services.chassis.sync.ownership import NotOwner, fence, own
from extracted_services.chassis.sync.tables import outbox
from extracted_services.payments.adapters.applier import PaymentApplier
from extracted_services.payments.adapters.book import SqlBook
from extracted_services.payments.adapters.register import SqlRegister
from extracted_services.payments.adapters.rows import write_payment
from extracted_services.payments.adapters.tables import payments
from extracted_services.payments.domain.charge import Standing
from extracted_services.payments.domain.payment import Payment, Status
from extracted_services.payments.service_layer.charging import (
    ASKS,
    NotCharged,
    OutcomeUnknown,
    TakenBack,
    Withdrawn,
    charge_card,
    withdraw,
)
from extracted_services.payments.service_layer.refunding import take_back
from extracted_services.payments.service_layer.settlement import settle
from extracted_services.payments.service_layer.till import Till
from extracted_services.payments.tests.shop import (
    ALICE,
    BAD,
    IS_SILENT,
    LOSES,
    MORNING,
    ScriptedProcessor,
    asked,
    asked_by_service,
    terms,
)

pytestmark = pytest.mark.anyio


async def events(engine: AsyncEngine) -> list[dict[str, object]]:
    async with reading(engine) as connection:
        rows = await connection.execute(select(outbox.c.value).order_by(outbox.c.position))
        return [json.loads(value) for (value,) in rows]


async def unsettled(till: Till) -> list[Standing]:
    return [charge.standing for charge in await till.book.list_unsettled(till.now().replace(year=2100), 100)]


async def fence_payments(engine: AsyncEngine, epoch: int = 3) -> None:
    async with writing(engine) as connection:
        await fence(connection, ["payment"], epoch)


async def record_elsewhere(engine: AsyncEngine, order_id: UUID, status: Status = Status.CAPTURED) -> Payment:
    """A payment that the monolith made."""
    payment = Payment(uuid4(), order_id, ALICE, status, 2980, "4242", MORNING, MORNING)
    async with writing(engine) as connection:
        await connection.execute(insert(payments).values(**write_payment(payment), peer_version=1))
    return payment


async def test_a_charge_is_recorded_with_its_answer_and_its_event(
    till: Till, engine: AsyncEngine, processor: ScriptedProcessor
) -> None:
    what = terms()
    payment = await charge_card(till=till, terms=what, asked=asked())

    assert isinstance(payment, Payment)
    assert (payment.status, payment.order_id, payment.amount_cents) == (Status.CAPTURED, what.order_id, 2980)
    assert processor.held == {payment.id: 2980}
    (event,) = await events(engine)
    assert (event["type"], event["aggregate_id"], event["position"]) == ("PaymentCompleted", str(payment.id), 1)
    data = event["data"]
    assert isinstance(data, dict)
    assert data["payment"]["customer"] == str(ALICE)
    assert data["answer"] == {
        "customer": str(ALICE),
        "path": "/api/payments",
        "key": "k",
        "body_hash": "a" * 64,
        "status": 201,
        "location": f"/api/payments/{payment.id}",
        "body": data["answer"]["body"],
    }
    assert json.loads(data["answer"]["body"])["id"] == str(payment.id)


async def test_a_declined_charge_is_recorded_too(till: Till, engine: AsyncEngine, processor: ScriptedProcessor) -> None:
    payment = await charge_card(till=till, terms=terms(card=BAD), asked=asked())

    assert isinstance(payment, Payment)
    assert payment.status is Status.DECLINED
    assert processor.held == {}
    (event,) = await events(engine)
    assert event["type"] == "PaymentDeclined"
    data = event["data"]
    assert isinstance(data, dict)
    assert (data["answer"]["status"], data["answer"]["location"]) == (402, "")


async def test_the_same_key_gets_the_first_answer(
    till: Till, engine: AsyncEngine, processor: ScriptedProcessor
) -> None:
    what = terms()
    first = await charge_card(till=till, terms=what, asked=asked())
    second = await charge_card(till=till, terms=what, asked=asked())

    assert isinstance(first, Payment)
    assert isinstance(second, Answer)
    assert json.loads(second.body)["id"] == str(first.id)
    assert (second.status, second.location) == (201, f"/api/payments/{first.id}")
    assert len(processor.transcript) == len(await events(engine)) == 1


async def test_a_key_with_another_body_is_refused(till: Till, processor: ScriptedProcessor) -> None:
    await charge_card(till=till, terms=terms(), asked=asked())

    with pytest.raises(KeyReused):
        await charge_card(till=till, terms=terms(), asked=asked(body="b" * 64))
    processor.plays([IS_SILENT] * ASKS)
    with pytest.raises(OutcomeUnknown):
        await charge_card(till=till, terms=terms(), asked=asked("other"))
    with pytest.raises(KeyReused):  # also while the outcome is not known
        await charge_card(till=till, terms=terms(), asked=asked("other", body="b" * 64))


async def test_without_a_key_every_request_is_a_charge_of_its_own(till: Till, processor: ScriptedProcessor) -> None:
    what = terms()
    for _ in range(2):
        await charge_card(till=till, terms=what, asked=None)

    assert len(processor.held) == 2


async def test_a_lost_answer_is_asked_for_again(till: Till, processor: ScriptedProcessor) -> None:
    processor.plays([LOSES, IS_SILENT])
    payment = await charge_card(till=till, terms=terms(), asked=asked())

    assert isinstance(payment, Payment)
    assert processor.transcript == ["charge: loses", "charge: is silent", "charge: answers"]
    assert processor.held == {payment.id: 2980}


async def test_an_unknown_outcome_is_resolved_by_the_next_call_with_the_same_key(
    till: Till, processor: ScriptedProcessor
) -> None:
    processor.plays([LOSES] * ASKS)
    with pytest.raises(OutcomeUnknown):
        await charge_card(till=till, terms=terms(), asked=asked())
    (taken,) = processor.held
    payment = await charge_card(till=till, terms=terms(), asked=asked())

    assert isinstance(payment, Payment)
    assert payment.id == taken
    assert list(processor.held) == [taken]


async def test_a_charge_without_a_key_is_given_back_when_its_outcome_stays_unknown(
    till: Till, engine: AsyncEngine, processor: ScriptedProcessor
) -> None:
    processor.plays([LOSES] * ASKS)
    with pytest.raises(NotCharged):
        await charge_card(till=till, terms=terms(), asked=None)

    assert processor.held == {}
    assert len(processor.given_back) == 1
    assert await unsettled(till) == []
    assert await events(engine) == []


async def test_a_non_owner_does_nothing(till: Till, engine: AsyncEngine, processor: ScriptedProcessor) -> None:
    await fence_payments(engine)
    with pytest.raises(NotOwner):
        await charge_card(till=till, terms=terms(), asked=asked())

    assert processor.transcript == []
    assert await unsettled(till) == []


async def test_a_first_answer_is_given_again_also_by_a_non_owner(till: Till, engine: AsyncEngine) -> None:
    await charge_card(till=till, terms=terms(), asked=asked())
    await fence_payments(engine)

    assert isinstance(await charge_card(till=till, terms=terms(), asked=asked()), Answer)


async def test_what_cannot_be_recorded_any_more_is_given_back(
    till: Till, engine: AsyncEngine, processor: ScriptedProcessor
) -> None:
    processor.meanwhile = lambda: fence_payments(engine)
    with pytest.raises(NotOwner):
        await charge_card(till=till, terms=terms(), asked=asked())

    assert processor.held == {}
    assert len(processor.given_back) == 1
    assert await events(engine) == []
    assert await unsettled(till) == []


async def test_its_key_charges_anew_when_payments_are_recorded_here_again(
    till: Till, engine: AsyncEngine, processor: ScriptedProcessor
) -> None:
    processor.meanwhile = lambda: fence_payments(engine)
    with pytest.raises(NotOwner):
        await charge_card(till=till, terms=terms(), asked=asked())
    processor.meanwhile = None
    async with writing(engine) as connection:
        await own(connection, ["payment"], 4)
    payment = await charge_card(till=till, terms=terms(), asked=asked())

    assert isinstance(payment, Payment)
    assert payment.id not in processor.given_back
    assert list(processor.held) == [payment.id]


async def test_a_charge_that_was_withdrawn_meanwhile_is_not_recorded(
    till: Till, engine: AsyncEngine, processor: ScriptedProcessor
) -> None:
    """Settlement found payments recorded elsewhere; when this request goes on, they are recorded here again."""

    async def settle_elsewhere() -> None:
        await fence_payments(engine)
        for charge in await till.book.list_unsettled(till.now() + timedelta(seconds=1), 10):
            await withdraw(till=till, payment_id=charge.payment_id, keep_key=False)
        async with writing(engine) as connection:
            await own(connection, ["payment"], 4)

    processor.meanwhile = settle_elsewhere
    with pytest.raises(Withdrawn):
        await charge_card(till=till, terms=terms(), asked=asked())

    assert processor.held == {}
    assert await events(engine) == []


async def test_a_service_does_not_charge_an_order_that_the_monolith_has_charged(
    till: Till, engine: AsyncEngine, processor: ScriptedProcessor
) -> None:
    what = terms()
    paid = await record_elsewhere(engine, what.order_id)
    first = await charge_card(till=till, terms=what, asked=asked_by_service())
    second = await charge_card(till=till, terms=what, asked=asked_by_service())

    assert isinstance(first, Payment)
    assert first.id == paid.id
    assert isinstance(second, Answer)
    assert json.loads(second.body)["id"] == str(paid.id)
    assert processor.held == {}
    assert await events(engine) == []


@pytest.mark.parametrize("status", [Status.DECLINED, Status.REFUNDED])
async def test_a_payment_that_holds_no_money_pays_no_order(
    till: Till, engine: AsyncEngine, processor: ScriptedProcessor, status: Status
) -> None:
    what = terms()
    await record_elsewhere(engine, what.order_id, status)
    payment = await charge_card(till=till, terms=what, asked=asked_by_service())

    assert isinstance(payment, Payment)
    assert list(processor.held) == [payment.id]


async def test_staff_may_charge_an_order_as_often_as_they_like(till: Till, processor: ScriptedProcessor) -> None:
    what = terms()
    for key in ("one", "two"):
        await charge_card(till=till, terms=what, asked=asked(key))

    assert len(processor.held) == 2


async def test_a_charge_that_the_monolith_made_meanwhile_is_not_made_twice(
    till: Till, engine: AsyncEngine, processor: ScriptedProcessor
) -> None:
    """Unknown here, then charged there for the same order, then asked for here again."""
    what = terms()
    processor.plays([LOSES] * ASKS)
    with pytest.raises(OutcomeUnknown):
        await charge_card(till=till, terms=what, asked=asked_by_service())
    paid = await record_elsewhere(engine, what.order_id)
    outcome = await charge_card(till=till, terms=what, asked=asked_by_service())

    assert isinstance(outcome, Payment)
    assert outcome.id == paid.id
    assert await unsettled(till) == [Standing.RETURNING]  # what was taken here is on its way back


@pytest.mark.parametrize("body", ["a" * 64, "b" * 64])
async def test_a_key_that_was_answered_elsewhere_meanwhile_is_charged_no_second_time(
    till: Till, engine: AsyncEngine, processor: ScriptedProcessor, body: str
) -> None:
    """Unknown here, then asked for there with the same key (and the same body, or another one), then settled here."""
    processor.plays([LOSES] * ASKS)
    with pytest.raises(OutcomeUnknown):
        await charge_card(till=till, terms=terms(), asked=asked())
    elsewhere = asked(body=body).answered(201, {"id": "elsewhere"})
    async with writing(engine) as connection:
        await PaymentApplier(till.now).keep_answer(connection, elsewhere.as_data(), replace=True)
    await settle(till=till, after=timedelta(seconds=-1))

    assert processor.held == {}
    assert await unsettled(till) == []
    assert await events(engine) == []
    if body == "a" * 64:
        assert await charge_card(till=till, terms=terms(), asked=asked()) == elsewhere
    else:
        with pytest.raises(KeyReused):
            await charge_card(till=till, terms=terms(), asked=asked())


async def test_what_was_taken_back_by_its_key_can_never_be_charged(till: Till, processor: ScriptedProcessor) -> None:
    assert await take_back(till=till, asked=asked_by_service(body="")) is None

    with pytest.raises(TakenBack):
        await charge_card(till=till, terms=terms(), asked=asked_by_service())
    assert processor.held == {}


async def test_many_requests_with_one_key_are_one_charge(
    till: Till, engine: AsyncEngine, processor: ScriptedProcessor
) -> None:
    what = terms()
    outcomes = await asyncio.gather(*(charge_card(till=till, terms=what, asked=asked()) for _ in range(20)))

    (payment,) = (outcome for outcome in outcomes if isinstance(outcome, Payment))
    answers = {outcome.body for outcome in outcomes if isinstance(outcome, Answer)}
    assert len(answers) == 1
    assert processor.held == {payment.id: 2980}
    assert len(await events(engine)) == 1


async def test_positions_are_dense_when_many_charge_at_once(till: Till, engine: AsyncEngine) -> None:
    await asyncio.gather(*(charge_card(till=till, terms=terms(), asked=asked(f"k{number}")) for number in range(20)))

    assert [event["position"] for event in await events(engine)] == list(range(1, 21))


async def test_an_event_is_announced_once_it_is_committed(engine: AsyncEngine, till: Till) -> None:
    pokes: list[int] = []
    poked = Till(
        SqlBook(engine, lambda: pokes.append(1)), till.processor, till.answer, till.now, till.new_id, till.pause
    )
    payment = await charge_card(till=poked, terms=terms(), asked=asked())

    assert isinstance(payment, Payment)
    assert pokes == [1]
    assert await SqlRegister(engine).find_payment(payment.id, customer=str(ALICE)) == payment
