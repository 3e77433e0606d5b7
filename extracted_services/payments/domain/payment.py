"""A payment, as the shop sees it: one attempt to charge a card, and what has become of it.

It never holds a card number, only the last four digits. Money goes back at most once, and only if it came in.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Status(StrEnum):
    CAPTURED = "captured"
    DECLINED = "declined"
    REFUNDED = "refunded"


# Where a payment may go from each status.
NEXT: Mapping[Status, tuple[Status, ...]] = {
    Status.CAPTURED: (Status.REFUNDED,),
    Status.DECLINED: (),
    Status.REFUNDED: (),
}


class NothingToRefund(Exception):
    """The payment was declined: no money came in."""


@dataclass(frozen=True, slots=True)
class Payment:
    """`order_id` is a reference: whether that order exists is not asked. `version` grows by 1 with every change."""

    id: UUID
    order_id: UUID
    customer: UUID
    status: Status
    amount_cents: int
    card_last4: str
    created_at: datetime
    updated_at: datetime
    version: int = 1


def refund(payment: Payment, now: datetime) -> Payment:
    """The payment with its whole amount given back; one that was refunded before stays as it is."""
    if payment.status is Status.REFUNDED:
        return payment
    if Status.REFUNDED not in NEXT[payment.status]:
        raise NothingToRefund
    return replace(payment, status=Status.REFUNDED, updated_at=now, version=payment.version + 1)
