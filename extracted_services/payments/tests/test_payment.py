from datetime import timedelta
from uuid import uuid4

import pytest

from extracted_services.payments.domain.payment import NEXT, NothingToRefund, Payment, Status, refund
from extracted_services.payments.tests.shop import ALICE, MORNING

LATER = MORNING + timedelta(hours=1)


def payment(status: Status) -> Payment:
    return Payment(uuid4(), uuid4(), ALICE, status, 2980, "4242", MORNING, MORNING)


def test_a_captured_payment_is_refunded_whole_and_is_one_version_on() -> None:
    refunded = refund(payment(Status.CAPTURED), LATER)

    assert (refunded.status, refunded.updated_at, refunded.version) == (Status.REFUNDED, LATER, 2)
    assert (refunded.amount_cents, refunded.created_at) == (2980, MORNING)


def test_a_refunded_payment_stays_as_it_is() -> None:
    before = payment(Status.REFUNDED)

    assert refund(before, LATER) is before


def test_a_declined_payment_has_nothing_to_refund() -> None:
    with pytest.raises(NothingToRefund):
        refund(payment(Status.DECLINED), LATER)


def test_every_status_is_in_the_table() -> None:
    assert set(NEXT) == set(Status)
