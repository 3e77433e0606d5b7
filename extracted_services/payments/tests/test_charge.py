from itertools import product
from uuid import uuid4

import pytest

from extracted_services.chassis.answers import Asked
from extracted_services.payments.domain.charge import NEXT, Charge, Standing, Step, Terms, Verdict, conclude, next_step
from extracted_services.payments.domain.payment import Status
from extracted_services.payments.tests.shop import MORNING, asked, asked_by_service, terms


def charge(standing: Standing = Standing.OPEN, who: Asked | None = None, what: Terms | None = None) -> Charge:
    return Charge(uuid4(), who, what or terms(), standing, MORNING)


def test_a_charge_moves_along_the_table_and_nowhere_else() -> None:
    for here, there in product(Standing, Standing):
        if there in NEXT[here]:
            assert charge(here).moved(there, MORNING).standing is there
        else:
            with pytest.raises(ValueError, match=f"is {here} cannot become {there}"):
                charge(here).moved(there, MORNING)


@pytest.mark.parametrize(
    ("verdict", "standing", "status"),
    [
        (Verdict.CAPTURED, Standing.CAPTURED, Status.CAPTURED),
        (Verdict.DECLINED, Standing.DECLINED, Status.DECLINED),
    ],
)
def test_a_verdict_concludes_charge_and_payment(verdict: Verdict, standing: Standing, status: Status) -> None:
    before = charge()
    concluded, payment = conclude(before, verdict, MORNING)

    assert (concluded.standing, payment.status) == (standing, status)
    assert (payment.id, payment.card_last4, payment.version) == (before.payment_id, "4242", 1)


def test_a_barred_charge_makes_no_payment() -> None:
    with pytest.raises(ValueError, match="nothing was asked for"):
        conclude(charge(), Verdict.BARRED, MORNING)


def test_a_withdrawn_charge_keeps_its_key_or_gives_it_free() -> None:
    open_charge = charge(who=asked())

    assert open_charge.withdrawn(MORNING, keep_key=True).asked == asked()
    assert open_charge.withdrawn(MORNING, keep_key=False).asked is None


def test_only_a_service_pays_a_whole_order() -> None:
    assert charge(who=asked_by_service()).pays_whole_order
    assert not charge(who=asked()).pays_whole_order
    assert not charge().pays_whole_order


@pytest.mark.parametrize(
    ("standing", "has_key", "owner", "step"),
    [
        (Standing.OPEN, True, True, Step.ASK_AGAIN),
        (Standing.OPEN, True, False, Step.WITHDRAW),
        (Standing.OPEN, False, True, Step.WITHDRAW),
        (Standing.OPEN, False, False, Step.WITHDRAW),
        (Standing.RETURNING, True, True, Step.GIVE_BACK),
        (Standing.RETURNING, False, False, Step.GIVE_BACK),
        (Standing.CAPTURED, True, True, Step.NOTHING),
        (Standing.DECLINED, True, True, Step.NOTHING),
        (Standing.RETURNED, True, True, Step.NOTHING),
    ],
)
def test_what_settlement_does_next(standing: Standing, has_key: bool, owner: bool, step: Step) -> None:
    assert next_step(charge(standing, asked() if has_key else None), owner=owner) is step
