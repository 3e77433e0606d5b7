"""What requests left behind is brought to its end; and whatever is cut off, no card is charged twice."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from extracted_services.chassis.database import DatabaseUnavailable, reading, writing
from extracted_services.chassis.sync.ownership import NotOwner, fence, own
from extracted_services.payments.adapters.book import SqlBook
from extracted_services.payments.adapters.tables import charges, payments
from extracted_services.payments.domain.charge import Standing, Terms, Verdict
from extracted_services.payments.domain.payment import Payment, Status
from extracted_services.payments.service_layer.charging import (
    ASKS,
    NotCharged,
    OutcomeUnknown,
    Withdrawn,
    charge_card,
)
from extracted_services.payments.service_layer.ports import Transaction
from extracted_services.payments.service_layer.refunding import NoSuchPayment, refund_payment
from extracted_services.payments.service_layer.settlement import settle
from extracted_services.payments.service_layer.till import Till
from extracted_services.payments.tests.shop import (
    ANSWERS,
    BAD,
    GOOD,
    IS_SILENT,
    LOSES,
    Clock,
    ScriptedProcessor,
    asked,
    open_till,
    terms,
)
from extracted_services.payments.tests.test_charging import events, fence_payments, unsettled

pytestmark = pytest.mark.anyio
AFTER = timedelta(seconds=20)


async def leave_open(till: Till, processor: ScriptedProcessor, manner: str = LOSES) -> None:
    processor.plays([manner] * ASKS)
    with pytest.raises(OutcomeUnknown):
        await charge_card(till=till, terms=terms(), asked=asked())


async def test_a_charge_under_way_is_left_alone(till: Till, clock: Clock, processor: ScriptedProcessor) -> None:
    await leave_open(till, processor)
    clock.advance(seconds=19)

    assert await settle(till=till, after=AFTER) == 0


@pytest.mark.parametrize("manner", [LOSES, IS_SILENT])
async def test_a_charge_that_nobody_asked_for_again_is_carried_through(
    till: Till, engine: AsyncEngine, clock: Clock, processor: ScriptedProcessor, manner: str
) -> None:
    await leave_open(till, processor, manner)
    clock.advance(seconds=21)

    assert await settle(till=till, after=AFTER) == 1
    assert len(processor.held) == len(await events(engine)) == 1
    assert await unsettled(till) == []
    again = await charge_card(till=till, terms=terms(), asked=asked())
    assert not isinstance(again, Payment)  # its answer was kept


async def test_a_charge_that_cannot_be_recorded_here_is_given_back(
    till: Till, engine: AsyncEngine, clock: Clock, processor: ScriptedProcessor
) -> None:
    await leave_open(till, processor)
    await fence_payments(engine)
    clock.advance(seconds=21)
    await settle(till=till, after=AFTER)

    assert processor.held == {}
    assert await events(engine) == []
    assert await unsettled(till) == []


async def test_a_silent_processor_is_asked_again_next_time(
    till: Till, clock: Clock, processor: ScriptedProcessor
) -> None:
    await leave_open(till, processor)
    clock.advance(seconds=21)
    processor.plays([IS_SILENT] * ASKS)
    await settle(till=till, after=AFTER)
    assert await unsettled(till) == [Standing.OPEN]

    await settle(till=till, after=AFTER)
    assert await unsettled(till) == []


async def test_an_owed_refund_is_paid_out_also_by_a_non_owner(
    till: Till, engine: AsyncEngine, clock: Clock, processor: ScriptedProcessor
) -> None:
    payment = await charge_card(till=till, terms=terms(), asked=asked())
    assert isinstance(payment, Payment)
    processor.plays([IS_SILENT])
    await refund_payment(till=till, payment_id=payment.id)
    await fence_payments(engine)
    clock.advance(seconds=21)
    await settle(till=till, after=AFTER)

    assert processor.held == {}
    assert await unsettled(till) == []


async def test_one_that_cannot_be_settled_keeps_none_of_the_others_waiting(
    till: Till, engine: AsyncEngine, clock: Clock, processor: ScriptedProcessor, caplog: pytest.LogCaptureFixture
) -> None:
    await leave_open(till, processor)
    processor.plays([LOSES] * ASKS)
    with pytest.raises(OutcomeUnknown):
        await charge_card(till=till, terms=terms(), asked=asked("second"))
    first, second = await till.book.list_unsettled(clock.now + AFTER, 10)

    class Broken(ScriptedProcessor):
        async def charge(self, payment_id: UUID, terms: Terms) -> Verdict:
            if payment_id == first.payment_id:
                raise RuntimeError("a fault")
            return await processor.charge(payment_id, terms)

    clock.advance(seconds=21)
    await settle(till=replace(till, processor=Broken()), after=AFTER)

    assert f"the charge {first.payment_id} cannot be settled" in caplog.text
    assert [charge.payment_id for charge in await till.book.list_unsettled(clock.now, 10)] == [first.payment_id]
    assert second.payment_id != first.payment_id


class Killed(BaseException):
    """The process ends here, whatever it was doing."""


@dataclass
class Fate:
    """Kills at any step, by chance."""

    chance: random.Random
    share: float

    def strikes(self) -> None:
        if self.chance.random() < self.share:
            raise Killed


class MortalBook(SqlBook):
    """Killed before a transaction, before its commit, or after it."""

    fate: Fate

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Transaction]:
        self.fate.strikes()
        async with super().begin() as transaction:
            yield transaction
            self.fate.strikes()
        self.fate.strikes()


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_is_cut_off_each_key_is_charged_once_and_the_books_agree(
    engine: AsyncEngine, clock: Clock, seed: int
) -> None:
    """Requests, repetitions, refunds, moves of ownership and settlement, each killed at any step or left unanswered."""
    chance = random.Random(seed)
    processor = ScriptedProcessor()
    book = MortalBook(engine)
    book.fate = Fate(chance, 0.08)
    till = open_till(book, processor, clock)
    wanted = {f"key-{number}": terms(card=chance.choice([GOOD, GOOD, BAD])) for number in range(8)}
    epoch = 2
    for _ in range(150):
        processor.plays(chance.choices([ANSWERS, LOSES, IS_SILENT], [6, 3, 1], k=5))
        clock.advance(seconds=chance.choice([1, 15, 30]))
        try:
            match chance.randrange(10):
                case 0:
                    epoch += 1
                    async with writing(engine) as connection:
                        await chance.choice([own, own, fence])(connection, ["payment"], epoch)
                case 1 | 2:
                    await settle(till=till, after=AFTER)
                case 3 if processor.held:
                    await refund_payment(till=till, payment_id=chance.choice(sorted(processor.held)))
                case 4:
                    await charge_card(till=till, terms=terms(), asked=None)
                case _:
                    key = chance.choice(sorted(wanted))
                    await charge_card(till=till, terms=wanted[key], asked=asked(key))
        except (Killed, NotOwner, OutcomeUnknown, NotCharged, Withdrawn, NoSuchPayment):
            continue  # NoSuchPayment: it was charged, and is not recorded yet
    book.fate.share = 0
    processor.plays([])
    async with writing(engine) as connection:
        await own(connection, ["payment"], epoch + 1)
    for key, what in wanted.items():
        await charge_card(till=till, terms=what, asked=asked(key))
    clock.advance(minutes=1)
    rounds = [await settle(till=till, after=AFTER) for _ in range(3)]
    assert rounds[-1] == 0

    captured, refunded = await amounts(engine, Status.CAPTURED), await amounts(engine, Status.REFUNDED)
    assert processor.held == captured
    assert refunded.keys() <= processor.given_back
    assert not processor.given_back & captured.keys()
    assert await keys_with_a_payment(engine) == sorted(wanted)


async def amounts(engine: AsyncEngine, status: Status) -> dict[UUID, int]:
    query = select(payments.c.id, payments.c.amount_cents).where(payments.c.status == status.value)
    async with reading(engine) as connection:
        return {UUID(key): cents for key, cents in await connection.execute(query)}


async def keys_with_a_payment(engine: AsyncEngine) -> list[str]:
    query = select(charges.c.asked_key).join(payments, payments.c.id == charges.c.payment_id)
    async with reading(engine) as connection:
        rows = await connection.execute(query.where(charges.c.asked_key.is_not(None)))
        return sorted(key for (key,) in rows)


async def test_a_database_that_is_away_ends_the_round(
    till: Till, engine: AsyncEngine, clock: Clock, processor: ScriptedProcessor
) -> None:
    await leave_open(till, processor)
    clock.advance(seconds=21)

    class Away(SqlBook):
        async def is_owner(self) -> bool:
            raise DatabaseUnavailable("away")

    with pytest.raises(DatabaseUnavailable):
        await settle(till=replace(till, book=Away(engine)), after=AFTER)
