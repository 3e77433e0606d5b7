"""A charge: our dealings with the card processor about one payment, from before it is asked to the end.

The processor is an outside party. It may have done what we never hear of, so a charge is written down before the
processor is asked, and asked under an id that stays the same however often it is repeated: the payment's own.

  open       the processor is asked, or is to be; what it does is not known
  captured   it took the money, and the payment is recorded
  declined   it refused, and the payment is recorded
  returning  whatever was taken is to be given back, and nothing may be taken any more
  returned   that is done
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from extracted_services.chassis.answers import Asked
from extracted_services.payments.domain.card import last_digits
from extracted_services.payments.domain.payment import Payment, Status

SERVICES = "services"
"""The customer of an `Asked` that the shop's own services sent: they share one space of keys."""


class Standing(StrEnum):
    OPEN = "open"
    CAPTURED = "captured"
    DECLINED = "declined"
    RETURNING = "returning"
    RETURNED = "returned"


# Where a charge may go from each standing.
NEXT: Mapping[Standing, tuple[Standing, ...]] = {
    Standing.OPEN: (Standing.CAPTURED, Standing.DECLINED, Standing.RETURNING),
    Standing.CAPTURED: (Standing.RETURNING,),
    Standing.DECLINED: (),
    Standing.RETURNING: (Standing.RETURNED,),
    Standing.RETURNED: (),
}


class Verdict(StrEnum):
    """What the processor says to a charge."""

    CAPTURED = "captured"
    DECLINED = "declined"
    BARRED = "barred"  # it was told to give the money back, so it takes none under this id


@dataclass(frozen=True, slots=True)
class Terms:
    """Who pays how much, for which order, with which card (the processor's token for it, never its number)."""

    order_id: UUID
    customer: UUID
    amount_cents: int
    card_reference: str


@dataclass(frozen=True, slots=True)
class Charge:
    """`asked` is None when nobody can ask for it again: no key was sent, or the key was given free.

    `terms` is None when it was taken back before it was asked for. `changed_at` is when it came to its standing.
    """

    payment_id: UUID
    asked: Asked | None
    terms: Terms | None
    standing: Standing
    changed_at: datetime

    @property
    def pays_whole_order(self) -> bool:
        """A service charges an order once; staff may charge whatever they agreed on, and as often."""
        return self.asked is not None and self.asked.customer == SERVICES

    def moved(self, standing: Standing, now: datetime) -> "Charge":
        """Raises ValueError for a step that the table does not have."""
        if standing not in NEXT[self.standing]:
            raise ValueError(f"a charge that is {self.standing} cannot become {standing}")
        return replace(self, standing=standing, changed_at=now)

    def withdrawn(self, now: datetime, *, keep_key: bool) -> "Charge":
        """To be given back. A key that is kept can never charge again; one given free begins anew."""
        return replace(self.moved(Standing.RETURNING, now), asked=self.asked if keep_key else None)


def conclude(charge: Charge, verdict: Verdict, now: datetime) -> tuple[Charge, Payment]:
    """The charge and the payment that record what the processor did. Not for `BARRED`: then there is no payment."""
    if charge.terms is None or verdict is Verdict.BARRED:
        raise ValueError("nothing was asked for")
    captured = verdict is Verdict.CAPTURED
    payment = Payment(
        id=charge.payment_id,
        order_id=charge.terms.order_id,
        customer=charge.terms.customer,
        status=Status.CAPTURED if captured else Status.DECLINED,
        amount_cents=charge.terms.amount_cents,
        card_last4=last_digits(charge.terms.card_reference),
        created_at=now,
        updated_at=now,
    )
    return charge.moved(Standing.CAPTURED if captured else Standing.DECLINED, now), payment


class Step(StrEnum):
    """What brings a charge to its end when the request that opened it does not."""

    ASK_AGAIN = "ask again"
    WITHDRAW = "withdraw"
    GIVE_BACK = "give back"
    NOTHING = "nothing"


def next_step(charge: Charge, *, owner: bool) -> Step:
    """`owner`: whether payments are recorded on this side.

    An open charge is carried through only if its answer can be recorded and somebody can ask for it; else nobody
    would know of the money, and the caller's next try would charge again.
    """
    match charge.standing:
        case Standing.OPEN:
            return Step.ASK_AGAIN if owner and charge.asked is not None else Step.WITHDRAW
        case Standing.RETURNING:
            return Step.GIVE_BACK
        case Standing.CAPTURED | Standing.DECLINED | Standing.RETURNED:
            return Step.NOTHING
        case _:
            assert_never(charge.standing)
