"""Charges a card, once, whatever is lost on the way.

  1  write down what is asked for, under an id that stays       (a transaction)
  2  ask the processor with that id until it answers            (no transaction: others go on meanwhile)
  3  record the payment, its first answer and its event         (a transaction)

Each step may be repeated, by this request, a later one with the same key, or `settlement`: the id makes it one charge.
If payments have come to be recorded elsewhere before step 3, the money is given back and nothing is recorded.
"""

from typing import TypeVar
from uuid import UUID

from extracted_services.chassis.answers import Answer, Asked
from extracted_services.chassis.kept_answers import KeyReused
from extracted_services.chassis.sync.ownership import NotOwner
from extracted_services.payments.domain.charge import Charge, Standing, Terms, Verdict, conclude
from extracted_services.payments.domain.payment import Payment, Status
from extracted_services.payments.service_layer.ports import NoAnswer, Told, Transaction
from extracted_services.payments.service_layer.till import Till

ASKS = 4
FIRST_PAUSE_SECONDS = 0.05  # doubled with each: an answer that is only lost is known again within half a second

Outcome = Payment | Answer
"""A payment that this request made, captured or declined; or the first answer to its key."""

Known = TypeVar("Known", Payment, Answer, Outcome)

_TOLD = {Status.CAPTURED: Told.COMPLETED, Status.DECLINED: Told.DECLINED}


class OutcomeUnknown(Exception):
    """The processor did not answer: asking again with the same key will tell."""


class NotCharged(Exception):
    """The processor did not answer, and nobody could ask again without a key: nothing stays charged."""


class TakenBack(Exception):
    """What this key would charge was taken back, for good."""


class Withdrawn(Exception):
    """The charge was given back meanwhile, because it could not be recorded; asked again, it begins anew."""


async def charge_card(*, till: Till, terms: Terms, asked: Asked | None) -> Outcome:
    """Nothing stays charged that nobody can ask for.

    Raises NotOwner, KeyReused, TakenBack, Withdrawn, OutcomeUnknown, NotCharged.
    """
    charge = Charge(till.new_id(), asked, terms, Standing.OPEN, till.now())
    async with till.book.begin() as transaction:
        opened = await _open(transaction, till, charge)
    if not isinstance(opened, Charge):
        return opened
    try:
        verdict = await ask_until_known(till, opened)
    except OutcomeUnknown:
        if opened.asked is not None:
            raise
        await withdraw(till=till, payment_id=opened.payment_id, keep_key=False)
        raise NotCharged from None
    return await record(till, opened, verdict)


async def ask_until_known(till: Till, charge: Charge) -> Verdict:
    """Raises OutcomeUnknown."""
    if charge.terms is None:
        raise ValueError("nothing was asked for")
    reason = ""
    for ask in range(ASKS):
        if ask:
            await till.pause(FIRST_PAUSE_SECONDS * 2 ** (ask - 1))
        try:
            return await till.processor.charge(charge.payment_id, charge.terms)
        except NoAnswer as silence:
            reason = str(silence)
    raise OutcomeUnknown(reason)


async def record(till: Till, charge: Charge, verdict: Verdict) -> Outcome:
    """What the processor made of a charge; or what stands recorded, if somebody else was first."""
    try:
        async with till.book.begin() as transaction:
            await transaction.require_owner()
            outcome, surplus = await _record(transaction, till, charge.payment_id, verdict)
    except NotOwner:
        await withdraw(till=till, payment_id=charge.payment_id, keep_key=False)
        raise
    if surplus:
        await give_back(till=till, payment_id=charge.payment_id)
    return _checked(outcome, charge)


async def withdraw(*, till: Till, payment_id: UUID, keep_key: bool) -> None:
    """Give up a charge that is still open, and see that no money stays taken."""
    async with till.book.begin() as transaction:
        charge = await transaction.lock_charge(payment_id)
        if charge is None or charge.standing is not Standing.OPEN:
            return
        await transaction.save_charge(charge.withdrawn(till.now(), keep_key=keep_key))
    await give_back(till=till, payment_id=payment_id)


async def give_back(*, till: Till, payment_id: UUID) -> None:
    """Pay out a charge that is returning. Without an answer it stays so, and `settlement` asks again."""
    try:
        await till.processor.give_back(payment_id)
    except NoAnswer:
        return
    async with till.book.begin() as transaction:
        charge = await transaction.lock_charge(payment_id)
        if charge is not None and charge.standing is Standing.RETURNING:
            await transaction.save_charge(charge.moved(Standing.RETURNED, till.now()))


async def _open(transaction: Transaction, till: Till, wanted: Charge) -> Charge | Outcome:
    kept = await _find_kept(transaction, wanted)
    if kept is not None:
        return kept
    await transaction.require_owner()
    charge = await transaction.open_charge(wanted)
    if charge.terms is None:
        raise TakenBack
    if charge.asked != wanted.asked:
        raise KeyReused
    if charge.standing is Standing.OPEN:
        paid = await _find_paid(transaction, charge)
        if paid is None:
            return charge
        await _give_up(transaction, till, charge, paid)
        return paid
    kept = await _find_kept(transaction, charge)  # it may have been recorded since we looked
    if kept is None:
        raise TakenBack
    return kept


async def _record(transaction: Transaction, till: Till, payment_id: UUID, verdict: Verdict) -> tuple[Outcome, bool]:
    """The outcome, and whether the charge is one too many."""
    charge = await transaction.lock_charge(payment_id)
    if charge is None:
        raise LookupError(f"the charge {payment_id} is not in the book")
    kept = None if charge.asked is None else await transaction.find_kept(charge.asked)
    known = kept or await _find_paid(transaction, charge)
    if charge.standing is Standing.OPEN and known is not None:
        await _give_up(transaction, till, charge, known)
        return known, True
    if charge.standing is Standing.OPEN:
        return await _conclude(transaction, till, charge, verdict), False
    if isinstance(known, Answer):
        return known, False
    raise Withdrawn


async def _conclude(transaction: Transaction, till: Till, charge: Charge, verdict: Verdict) -> Payment:
    concluded, payment = conclude(charge, verdict, till.now())
    await transaction.save_charge(concluded)
    await transaction.add_payment(payment)
    answer = await _keep(transaction, till, charge, payment)
    await transaction.tell(_TOLD[payment.status], payment, answer)
    return payment


async def _give_up(transaction: Transaction, till: Till, charge: Charge, known: Outcome) -> None:
    """The key has its answer from elsewhere; whatever the processor took for this charge is one too many."""
    await transaction.save_charge(charge.withdrawn(till.now(), keep_key=True))
    if isinstance(known, Payment):
        await _keep(transaction, till, charge, known)


async def _keep(transaction: Transaction, till: Till, charge: Charge, payment: Payment) -> Answer | None:
    if charge.asked is None:
        return None
    answer = till.answer(charge.asked, payment)
    await transaction.keep(answer)
    return answer


async def _find_kept(transaction: Transaction, charge: Charge) -> Answer | None:
    kept = None if charge.asked is None else await transaction.find_kept(charge.asked)
    return None if kept is None else _checked(kept, charge)


def _checked(outcome: Known, charge: Charge) -> Known:
    """Raises KeyReused when what was kept answers another body."""
    if isinstance(outcome, Answer) and outcome.asked != charge.asked:
        raise KeyReused
    return outcome


async def _find_paid(transaction: Transaction, charge: Charge) -> Payment | None:
    """What has paid this order already, while payments were recorded elsewhere: it is not paid twice."""
    if charge.terms is None or not charge.pays_whole_order:
        return None
    return await transaction.find_paid(charge.terms)
