"""Gives money back, once.

The decision is made in the database, where it can be made only once; the processor pays it out behind that, and is
asked until it has. A refund that was decided is owed, whoever records payments by then.
"""

from uuid import UUID

from extracted_services.chassis.answers import Asked
from extracted_services.payments.domain.charge import Charge, Standing
from extracted_services.payments.domain.payment import Payment, refund
from extracted_services.payments.service_layer.charging import give_back, withdraw
from extracted_services.payments.service_layer.ports import Told, Transaction
from extracted_services.payments.service_layer.till import Till


class NoSuchPayment(Exception):
    """There is no payment with this id."""


async def refund_payment(*, till: Till, payment_id: UUID) -> Payment:
    """The refunded payment. Raises NotOwner, NoSuchPayment, NothingToRefund."""
    async with till.book.begin() as transaction:
        await transaction.require_owner()
        charge = await transaction.lock_charge(payment_id)
        payment, is_new = await _refund(transaction, till, payment_id, charge)
    # A payment that the monolith charged has no charge here: there the refund is booked, and that is all.
    if is_new and charge is not None:
        await give_back(till=till, payment_id=payment_id)
    return payment


async def take_back(*, till: Till, asked: Asked) -> Payment | None:
    """Undo whatever a key has charged, or would charge if its request is still on the way.

    Returns the payment, refunded or declined; None if none was recorded. Raises NotOwner.
    """
    nothing = Charge(till.new_id(), asked, None, Standing.RETURNED, till.now())
    async with till.book.begin() as transaction:
        await transaction.require_owner()
        charge = await transaction.open_charge(nothing)
        payment = await transaction.lock_payment(charge.payment_id)
    if charge.standing is Standing.OPEN:
        await withdraw(till=till, payment_id=charge.payment_id, keep_key=True)
        return await take_back(till=till, asked=asked)  # it may have been recorded in between
    if charge.standing is Standing.CAPTURED:
        return await refund_payment(till=till, payment_id=charge.payment_id)
    return payment


async def _refund(
    transaction: Transaction, till: Till, payment_id: UUID, charge: Charge | None
) -> tuple[Payment, bool]:
    payment = await transaction.lock_payment(payment_id)
    if payment is None:
        raise NoSuchPayment
    refunded = refund(payment, till.now())
    if refunded is payment:
        return payment, False
    if charge is not None:
        await transaction.save_charge(charge.moved(Standing.RETURNING, till.now()))
    await transaction.save_payment(refunded)
    await transaction.tell(Told.REFUNDED, refunded, None)
    return refunded, True
