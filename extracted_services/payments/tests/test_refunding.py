import asyncio
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from extracted_services.chassis.sync.ownership import NotOwner
from extracted_services.payments.domain.charge import Standing
from extracted_services.payments.domain.payment import NothingToRefund, Payment, Status
from extracted_services.payments.service_layer.charging import ASKS, OutcomeUnknown, TakenBack, charge_card
from extracted_services.payments.service_layer.refunding import NoSuchPayment, refund_payment, take_back
from extracted_services.payments.service_layer.till import Till
from extracted_services.payments.tests.shop import BAD, IS_SILENT, LOSES, ScriptedProcessor, asked_by_service, terms
from extracted_services.payments.tests.test_charging import events, fence_payments, record_elsewhere, unsettled

pytestmark = pytest.mark.anyio


async def charged(till: Till, card: str = terms().card_reference, key: str = "saga:charge") -> Payment:
    payment = await charge_card(till=till, terms=terms(card=card), asked=asked_by_service(key))
    assert isinstance(payment, Payment)
    return payment


async def test_a_refund_is_booked_told_and_paid_out(
    till: Till, engine: AsyncEngine, processor: ScriptedProcessor
) -> None:
    payment = await charged(till)
    refunded = await refund_payment(till=till, payment_id=payment.id)

    assert (refunded.status, refunded.version) == (Status.REFUNDED, 2)
    assert (processor.held, processor.given_back) == ({}, {payment.id})
    assert [(event["type"], event["aggregate_version"]) for event in await events(engine)] == [
        ("PaymentCompleted", 1),
        ("PaymentRefunded", 2),
    ]
    assert await unsettled(till) == []


async def test_a_refund_is_made_once(till: Till, engine: AsyncEngine, processor: ScriptedProcessor) -> None:
    payment = await charged(till)
    refunds = await asyncio.gather(*(refund_payment(till=till, payment_id=payment.id) for _ in range(10)))

    assert {refund.version for refund in refunds} == {2}
    assert processor.transcript.count("give back: answers") == 1
    assert len(await events(engine)) == 2


async def test_a_refund_is_owed_while_the_processor_does_not_answer(till: Till, processor: ScriptedProcessor) -> None:
    payment = await charged(till)
    processor.plays([IS_SILENT])
    refunded = await refund_payment(till=till, payment_id=payment.id)

    assert refunded.status is Status.REFUNDED
    assert processor.held == {payment.id: 2980}
    assert await unsettled(till) == [Standing.RETURNING]


async def test_a_payment_of_the_monolith_is_refunded_by_booking_it(
    till: Till, engine: AsyncEngine, processor: ScriptedProcessor
) -> None:
    paid = await record_elsewhere(engine, uuid4())
    refunded = await refund_payment(till=till, payment_id=paid.id)

    assert (refunded.status, refunded.version) == (Status.REFUNDED, 2)
    assert processor.transcript == []


async def test_a_declined_payment_and_an_unknown_one_cannot_be_refunded(till: Till) -> None:
    declined = await charged(till, BAD)

    with pytest.raises(NothingToRefund):
        await refund_payment(till=till, payment_id=declined.id)
    with pytest.raises(NoSuchPayment):
        await refund_payment(till=till, payment_id=uuid4())


async def test_a_non_owner_refunds_nothing(till: Till, engine: AsyncEngine, processor: ScriptedProcessor) -> None:
    payment = await charged(till)
    await fence_payments(engine)

    with pytest.raises(NotOwner):
        await refund_payment(till=till, payment_id=payment.id)
    with pytest.raises(NotOwner):
        await take_back(till=till, asked=asked_by_service(body=""))
    assert processor.held == {payment.id: 2980}


async def test_a_charge_is_taken_back_by_its_key(till: Till, processor: ScriptedProcessor) -> None:
    payment = await charged(till)
    taken_back = await take_back(till=till, asked=asked_by_service(body=""))

    assert taken_back is not None
    assert (taken_back.id, taken_back.status) == (payment.id, Status.REFUNDED)
    assert processor.held == {}
    again = await take_back(till=till, asked=asked_by_service(body=""))
    assert again == taken_back


async def test_a_charge_of_unknown_outcome_is_taken_back_by_its_key(
    till: Till, engine: AsyncEngine, processor: ScriptedProcessor
) -> None:
    processor.plays([LOSES] * ASKS)
    with pytest.raises(OutcomeUnknown):
        await charged(till)
    assert len(processor.held) == 1

    assert await take_back(till=till, asked=asked_by_service(body="")) is None
    assert processor.held == {}
    with pytest.raises(TakenBack):
        await charged(till)
    assert await events(engine) == []


async def test_a_declined_charge_has_nothing_to_take_back(till: Till, processor: ScriptedProcessor) -> None:
    declined = await charged(till, BAD)

    assert await take_back(till=till, asked=asked_by_service(body="")) == declined
    assert processor.given_back == set()
