from decimal import Decimal
from uuid import UUID

from legacy_monolith.accounts.models import User
from legacy_monolith.sync.writing import record, writing

from . import processor
from .models import Payment
from .replica import EVENTS, PAYMENTS


class NothingToRefundError(Exception):
    """The payment was declined: no money came in."""


@writing("payment")
def charge(*, order_id: UUID, customer: User, amount: Decimal, card: str) -> Payment:
    """The payment, captured or declined.

    `card` is its number, of which the last four digits are kept, or the processor's reference to it, which
    ends in them.
    """
    captured = processor.charge(card, amount)
    payment = Payment.objects.create(
        order_id=order_id,
        customer=customer,
        amount=amount,
        card_last4=card[-4:],
        status=Payment.Status.CAPTURED if captured else Payment.Status.DECLINED,
    )
    return _tell(payment)


@writing("payment")
def refund(*, payment: Payment) -> Payment:
    """Gives the whole amount back; once only. Raises `NothingToRefundError` for a declined payment."""
    payment = Payment.objects.select_for_update().get(pk=payment.pk)
    if payment.status == Payment.Status.DECLINED:
        raise NothingToRefundError
    if payment.status == Payment.Status.CAPTURED:
        payment.status = Payment.Status.REFUNDED
        payment.save(update_fields=["status"])
        _tell(payment)
    return payment


def refund_order(*, order_id: UUID) -> None:
    for payment in Payment.objects.filter(order_id=order_id, status=Payment.Status.CAPTURED).order_by("pk"):
        refund(payment=payment)


def _tell(payment: Payment) -> Payment:
    record(EVENTS[payment.status], payment.public_id, payment.version, PAYMENTS.state(payment))
    return payment
