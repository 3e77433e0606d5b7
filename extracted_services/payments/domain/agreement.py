"""Whether the processor's ledger and our own book agree, payment by payment. Compares; changes nothing."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from extracted_services.payments.domain.charge import Standing
from extracted_services.payments.domain.payment import Status


class Took(StrEnum):
    """What the processor took under an id."""

    MONEY = "money"
    AND_GAVE_BACK = "and gave back"
    NOTHING = "nothing"  # it declined
    NOTHING_EVER = "nothing ever"  # told to give back what it had not taken


@dataclass(frozen=True, slots=True)
class Account:
    """What the processor's ledger says about one id; `order_id` is None when it was never asked to charge."""

    id: UUID
    order_id: UUID | None
    amount_cents: int
    took: Took
    charge_asks: int
    return_asks: int


@dataclass(frozen=True, slots=True)
class Entry:
    """What our book says: the charge, where we dealt with the processor, and the payment, where one is recorded."""

    id: UUID
    amount_cents: int
    standing: Standing | None
    status: Status | None


@dataclass(frozen=True, slots=True)
class Difference:
    id: UUID
    problem: str


@dataclass(frozen=True, slots=True)
class Agreement:
    """Sums in cents. `taken` counts all that came in, also what was given back later."""

    accounts: int
    taken: int
    given_back: int
    recorded: int
    refunded: int
    elsewhere: int
    declined: int
    repeated_asks: int
    orders_charged_twice: tuple[UUID, ...]
    differences: tuple[Difference, ...]

    @property
    def agree(self) -> bool:
        return not self.differences


# What the processor must say about a charge of each standing, once everything is done.
_EXPECTED: Mapping[Standing, tuple[Took, ...]] = {
    Standing.CAPTURED: (Took.MONEY,),
    Standing.DECLINED: (Took.NOTHING,),
    Standing.RETURNED: (Took.AND_GAVE_BACK, Took.NOTHING, Took.NOTHING_EVER),
}
_MATCHING: Mapping[Status, Standing] = {
    Status.CAPTURED: Standing.CAPTURED,
    Status.DECLINED: Standing.DECLINED,
    Status.REFUNDED: Standing.RETURNED,
}


def compare(accounts: Iterable[Account], entries: Iterable[Entry]) -> Agreement:
    """Both may come in any order; ids are unique in each."""
    ledger = {account.id: account for account in accounts}
    book = {entry.id: entry for entry in entries}
    dealt = [entry for entry in book.values() if entry.standing is not None]
    returned = [account for account in ledger.values() if account.took is Took.AND_GAVE_BACK]
    held = [account for account in ledger.values() if account.took is Took.MONEY]
    charged = Counter(account.order_id for account in held if account.order_id is not None)
    return Agreement(
        accounts=len(ledger),
        taken=sum(account.amount_cents for account in (*held, *returned)),
        given_back=sum(account.amount_cents for account in returned),
        recorded=_sum(dealt, Status.CAPTURED, Status.REFUNDED),
        refunded=_sum(dealt, Status.REFUNDED),
        elsewhere=sum(entry.standing is None for entry in book.values()),
        declined=sum(account.took is Took.NOTHING for account in ledger.values()),
        repeated_asks=sum(max(0, account.charge_asks - 1) for account in ledger.values()),
        orders_charged_twice=tuple(sorted(order for order, times in charged.items() if times > 1)),
        differences=tuple(
            Difference(key, problem)
            for key in sorted(ledger.keys() | book.keys())
            if (problem := _judge(ledger.get(key), book.get(key))) is not None
        ),
    )


def _sum(entries: Iterable[Entry], *statuses: Status) -> int:
    return sum(entry.amount_cents for entry in entries if entry.status in statuses)


def _judge(account: Account | None, entry: Entry | None) -> str | None:
    """What is wrong with one id; None when both sides say the same."""
    if entry is None:
        return "the processor knows it, this service does not"
    if entry.standing is None:
        return None if account is None else "the processor took part in a payment that was made elsewhere"
    if entry.standing in (Standing.OPEN, Standing.RETURNING):
        return f"not settled yet: {entry.standing}"
    if entry.status is not None and _MATCHING[entry.status] is not entry.standing:
        return f"the payment is {entry.status}, the charge {entry.standing}"
    if entry.status is None and entry.standing is not Standing.RETURNED:
        return f"the charge is {entry.standing}, but no payment is recorded"
    if account is None:
        # Taken back before it was asked for: the processor never heard of it.
        return (
            None if entry.standing is Standing.RETURNED and entry.status is None else "the processor does not know it"
        )
    if account.took not in _EXPECTED[entry.standing]:
        return f"the charge is {entry.standing}, but the processor took {account.took}"
    if account.took in (Took.MONEY, Took.AND_GAVE_BACK) and account.amount_cents != entry.amount_cents:
        return f"the processor took {account.amount_cents} cents, recorded are {entry.amount_cents}"
    return None
