from uuid import uuid4

import pytest

from extracted_services.payments.domain.agreement import Account, Entry, Took, compare
from extracted_services.payments.domain.charge import Standing
from extracted_services.payments.domain.payment import Status

ID, ORDER = uuid4(), uuid4()


def account(took: Took, cents: int = 2980) -> Account:
    return Account(ID, ORDER, cents, took, 1, 0)


def entry(standing: Standing | None, status: Status | None, cents: int = 2980) -> Entry:
    return Entry(ID, cents, standing, status)


@pytest.mark.parametrize(
    ("ledger", "book"),
    [
        (account(Took.MONEY), entry(Standing.CAPTURED, Status.CAPTURED)),
        (account(Took.NOTHING), entry(Standing.DECLINED, Status.DECLINED)),
        (account(Took.AND_GAVE_BACK), entry(Standing.RETURNED, Status.REFUNDED)),
        (account(Took.AND_GAVE_BACK), entry(Standing.RETURNED, None)),
        (account(Took.NOTHING_EVER, 0), entry(Standing.RETURNED, None)),
        (account(Took.NOTHING), entry(Standing.RETURNED, None)),
        (None, entry(Standing.RETURNED, None)),
        (None, entry(None, Status.CAPTURED)),
    ],
)
def test_books_that_agree(ledger: Account | None, book: Entry) -> None:
    assert compare([] if ledger is None else [ledger], [book]).agree


@pytest.mark.parametrize(
    ("ledger", "book", "problem"),
    [
        (account(Took.MONEY), None, "the processor knows it, this service does not"),
        (None, entry(Standing.CAPTURED, Status.CAPTURED), "the processor does not know it"),
        (None, entry(Standing.RETURNED, Status.REFUNDED), "the processor does not know it"),
        (account(Took.MONEY), entry(Standing.OPEN, None), "not settled yet: open"),
        (account(Took.MONEY), entry(Standing.RETURNING, Status.REFUNDED), "not settled yet: returning"),
        (
            account(Took.MONEY),
            entry(Standing.CAPTURED, Status.REFUNDED),
            "the payment is refunded, the charge captured",
        ),
        (
            account(Took.MONEY),
            entry(Standing.CAPTURED, None),
            "the charge is captured, but no payment is recorded",
        ),
        (
            account(Took.MONEY),
            entry(Standing.RETURNED, Status.REFUNDED),
            "the charge is returned, but the processor took money",
        ),
        (
            account(Took.NOTHING),
            entry(Standing.CAPTURED, Status.CAPTURED),
            "the charge is captured, but the processor took nothing",
        ),
        (
            account(Took.MONEY, 2981),
            entry(Standing.CAPTURED, Status.CAPTURED),
            "the processor took 2981 cents, recorded are 2980",
        ),
        (
            account(Took.MONEY),
            entry(None, Status.CAPTURED),
            "the processor took part in a payment that was made elsewhere",
        ),
    ],
)
def test_books_that_differ(ledger: Account | None, book: Entry | None, problem: str) -> None:
    agreement = compare([] if ledger is None else [ledger], [] if book is None else [book])

    assert [found.problem for found in agreement.differences] == [problem]


def test_sums_count_what_came_in_and_what_went_back() -> None:
    ids = [uuid4() for _ in range(4)]
    accounts = [
        Account(ids[0], ORDER, 100, Took.MONEY, 3, 0),
        Account(ids[1], ORDER, 20, Took.AND_GAVE_BACK, 1, 2),
        Account(ids[2], ORDER, 3, Took.NOTHING, 1, 0),
    ]
    entries = [
        Entry(ids[0], 100, Standing.CAPTURED, Status.CAPTURED),
        Entry(ids[1], 20, Standing.RETURNED, Status.REFUNDED),
        Entry(ids[2], 3, Standing.DECLINED, Status.DECLINED),
        Entry(ids[3], 5000, None, Status.CAPTURED),
    ]
    agreement = compare(accounts, entries)

    assert (agreement.taken, agreement.given_back) == (120, 20)
    assert (agreement.recorded, agreement.refunded) == (120, 20)
    assert (agreement.declined, agreement.elsewhere, agreement.repeated_asks) == (1, 1, 2)
    assert agreement.orders_charged_twice == ()


def test_an_order_that_was_charged_twice_is_named() -> None:
    accounts = [Account(uuid4(), ORDER, 100, Took.MONEY, 1, 0) for _ in range(2)]

    assert compare(accounts, []).orders_charged_twice == (ORDER,)
