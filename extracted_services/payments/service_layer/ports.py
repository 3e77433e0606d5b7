"""What the use cases need from around them, and the expected ways in which that can fail.

The book of payments is one database, and every change of it is one transaction; the card processor is an outside
party, and is never asked while a transaction is open.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from extracted_services.chassis.answers import Answer, Asked
from extracted_services.chassis.paging import Page, PageRequest
from extracted_services.payments.domain.agreement import Account, Entry
from extracted_services.payments.domain.charge import Charge, Terms, Verdict
from extracted_services.payments.domain.payment import Payment


class NoAnswer(Exception):
    """The processor was asked and did not answer: it may have done what it was asked, or not."""


class Told(StrEnum):
    """What others are told of."""

    COMPLETED = "PaymentCompleted"
    DECLINED = "PaymentDeclined"
    REFUNDED = "PaymentRefunded"


class Processor(Protocol):
    """The card processor. Both requests may be repeated: one id is charged once and given back once."""

    async def tokenise(self, number: str) -> str:
        """What stands for the card from here on; nobody can make the number of it."""

    async def charge(self, payment_id: UUID, terms: Terms) -> Verdict:
        """Raises NoAnswer."""

    async def give_back(self, payment_id: UUID) -> None:
        """Whatever was taken under this id is given back, and nothing will be taken later. Raises NoAnswer."""


class Transaction(Protocol):
    """One transaction on the book: all of it, or nothing. Rows are locked in the order charge, payment."""

    async def require_owner(self) -> None:
        """Holds the right to record payments until the end of the transaction. Raises NotOwner."""

    async def find_kept(self, asked: Asked) -> Answer | None:
        """The first answer to this key, whatever body it came with."""

    async def keep(self, answer: Answer) -> None: ...

    async def open_charge(self, charge: Charge) -> Charge:
        """The charge that was asked for with the same key, locked; this one, now in the book, if there is none."""

    async def lock_charge(self, payment_id: UUID) -> Charge | None: ...

    async def save_charge(self, charge: Charge) -> None: ...

    async def find_paid(self, terms: Terms) -> Payment | None:
        """A captured payment of this order, by this customer, of this amount."""

    async def lock_payment(self, payment_id: UUID) -> Payment | None: ...

    async def add_payment(self, payment: Payment) -> None: ...

    async def save_payment(self, payment: Payment) -> None: ...

    async def tell(self, told: Told, payment: Payment, answer: Answer | None) -> None:
        """Others hear of it once this transaction is committed, and only then. Comes last."""


class Book(Protocol):
    """The service's database, for writing."""

    def begin(self) -> AbstractAsyncContextManager[Transaction]: ...

    async def is_owner(self) -> bool: ...

    async def list_unsettled(self, before: datetime, limit: int) -> Sequence[Charge]:
        """Open and returning charges that have been so since before a moment, oldest first."""


class LedgerUnreadable(Exception):
    """The processor's ledger cannot be read; says why in one line."""


class Auditor(Protocol):
    """Reads both books whole, to compare them."""

    async def read_accounts(self) -> Sequence[Account]:
        """Raises LedgerUnreadable."""

    async def read_entries(self) -> Sequence[Entry]: ...


class Register(Protocol):
    """Reads payments. `customer` None means everyone's."""

    async def list_payments(
        self, page: PageRequest, *, customer: str | None, order_id: str | None
    ) -> Page[Payment]: ...

    async def find_payment(self, payment_id: UUID, *, customer: str | None) -> Payment | None: ...

    async def list_of_order(self, order_id: str) -> Sequence[Payment]:
        """All of an order's, oldest first."""
