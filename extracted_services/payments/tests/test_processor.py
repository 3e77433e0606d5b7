"""The fake card processor as an outside party: one id is one charge, whatever the line does."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from uuid import UUID, uuid4

import pytest

from extracted_services.payments.adapters.processor.faults import Faults, parse_faults
from extracted_services.payments.adapters.processor.ledger import Ledger
from extracted_services.payments.adapters.processor.line import CardProcessor
from extracted_services.payments.domain.agreement import Took
from extracted_services.payments.domain.card import REFERENCE_FORM
from extracted_services.payments.domain.charge import Terms, Verdict
from extracted_services.payments.service_layer.ports import NoAnswer
from extracted_services.payments.tests.shop import terms

pytestmark = pytest.mark.anyio
Connect = Callable[..., CardProcessor]


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "outside" / "ledger.db")


@pytest.fixture
def connect(ledger: Ledger) -> Connect:
    return lambda faults="": CardProcessor(ledger, parse_faults(faults))


async def with_card(processor: CardProcessor, number: str) -> Terms:
    return terms(card=await processor.tokenise(number))


async def test_a_token_stands_for_a_card_and_hides_it(connect: Connect) -> None:
    token = await connect().tokenise("4242424242424242")

    assert REFERENCE_FORM.fullmatch(token)
    assert token.endswith("_16_4242")
    assert "42424242" not in token
    assert token != await connect().tokenise("4242424242424242")


async def test_the_same_charge_is_made_once_however_often_it_is_asked_for(connect: Connect, ledger: Ledger) -> None:
    payment_id, what = uuid4(), terms()
    verdicts = [await connect().charge(payment_id, what) for _ in range(3)]

    assert verdicts == [Verdict.CAPTURED] * 3
    (account,) = ledger.read()
    assert (account.id, account.order_id, account.amount_cents) == (payment_id, what.order_id, 2980)
    assert (account.took, account.charge_asks) == (Took.MONEY, 3)


async def test_a_declined_card_stays_declined(connect: Connect, ledger: Ledger) -> None:
    payment_id, what = uuid4(), await with_card(connect(), "4000000000000002")

    assert [await connect().charge(payment_id, what) for _ in range(2)] == [Verdict.DECLINED] * 2
    await connect().give_back(payment_id)
    assert ledger.read()[0].took is Took.NOTHING


async def test_a_decline_by_chance_is_remembered_when_chance_changes(connect: Connect) -> None:
    payment_id = uuid4()

    assert await connect("decline=1").charge(payment_id, terms()) is Verdict.DECLINED
    assert await connect().charge(payment_id, terms()) is Verdict.DECLINED


async def test_money_is_given_back_once_and_not_taken_again(connect: Connect, ledger: Ledger) -> None:
    payment_id = uuid4()
    await connect().charge(payment_id, terms())
    for _ in range(2):
        await connect().give_back(payment_id)

    assert await connect().charge(payment_id, terms()) is Verdict.BARRED
    (account,) = ledger.read()
    assert (account.took, account.amount_cents, account.return_asks) == (Took.AND_GAVE_BACK, 2980, 2)


async def test_what_is_given_back_before_it_was_taken_is_never_taken(connect: Connect, ledger: Ledger) -> None:
    payment_id = uuid4()
    await connect().give_back(payment_id)

    assert await connect().charge(payment_id, terms()) is Verdict.BARRED
    assert ledger.read()[0].took is Took.NOTHING_EVER


async def test_an_answer_is_lost_after_the_charge_was_made(connect: Connect, ledger: Ledger) -> None:
    payment_id, what = uuid4(), await with_card(connect(), "4000000000000119")

    with pytest.raises(NoAnswer):
        await connect().charge(payment_id, what)
    assert ledger.read()[0].took is Took.MONEY
    assert await connect().charge(payment_id, what) is Verdict.CAPTURED
    assert len(ledger.read()) == 1


async def test_a_refunds_answer_may_be_lost_too(connect: Connect, ledger: Ledger) -> None:
    payment_id = uuid4()
    await connect().charge(payment_id, terms())

    with pytest.raises(NoAnswer):
        await connect("timeout=1").give_back(payment_id)
    assert ledger.read()[0].took is Took.AND_GAVE_BACK


async def test_a_request_that_arrives_twice_charges_once(connect: Connect, ledger: Ledger) -> None:
    await connect().charge(uuid4(), await with_card(connect(), "4000000000000135"))
    await connect("duplicate=1").charge(uuid4(), terms())

    assert [(account.took, account.charge_asks) for account in ledger.read()] == [(Took.MONEY, 2)] * 2


def test_the_first_requests_of_a_new_book_may_arrive_together(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        for number in range(60):
            new = Ledger(tmp_path / f"{number}.db"), Barrier(4), uuid4()
            asks = [pool.submit(charge_together, *new) for _ in range(4)]
            assert sorted(ask.result() for ask in asks) == [1, 2, 3, 4]


def charge_together(ledger: Ledger, together: Barrier, payment_id: UUID) -> int:
    """The how many-th request for it this was."""
    together.wait(60)
    return ledger.charge(payment_id, order_id=uuid4(), card_last4="4242", amount_cents=100, declines=False)[1]


async def test_an_answer_takes_as_long_as_it_is_told_to(ledger: Ledger) -> None:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    await CardProcessor(ledger, Faults(delay=0.5), pause=pause).charge(uuid4(), terms())
    assert pauses == [0.5]


async def test_a_processor_that_cannot_be_reached_gives_no_answer(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    processor = CardProcessor(Ledger(tmp_path / "file" / "ledger.db"), Faults())

    with pytest.raises(NoAnswer, match="cannot be reached"):
        await processor.charge(uuid4(), terms())


async def test_many_who_ask_at_once_charge_once(ledger: Ledger) -> None:
    payment_id, order_id = uuid4(), uuid4()

    def ask(_number: int) -> Verdict:
        found = ledger.charge(payment_id, order_id=order_id, card_last4="4242", amount_cents=2980, declines=False)
        return found[0]

    with ThreadPoolExecutor(8) as threads:
        verdicts = await asyncio.to_thread(lambda: list(threads.map(ask, range(24))))

    assert verdicts == [Verdict.CAPTURED] * 24
    assert [(account.took, account.charge_asks) for account in ledger.read()] == [(Took.MONEY, 24)]
