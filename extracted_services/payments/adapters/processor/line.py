"""The line to the card processor: requests may arrive twice, and answers may be lost after the processor has acted.

What the caller gets is what a network would leave of it: the answer, or `NoAnswer`, which says nothing about what
was done. Card numbers end here: the processor's token stands for them everywhere else.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID, uuid4

from extracted_services.payments.adapters.processor.faults import Faults
from extracted_services.payments.adapters.processor.ledger import Ledger
from extracted_services.payments.domain.card import last_digits
from extracted_services.payments.domain.charge import Terms, Verdict
from extracted_services.payments.service_layer.ports import NoAnswer

T = TypeVar("T")


class CardProcessor:
    """The `Processor` port. `pause` waits for seconds."""

    def __init__(
        self, ledger: Ledger, faults: Faults, *, pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._ledger = ledger
        self._faults = faults
        self._pause = pause

    async def tokenise(self, number: str) -> str:
        """The token holds all that this fake needs to know of a card, so it keeps no list of cards."""
        return f"tok_{uuid4().hex}_{len(number)}_{number[-4:]}"

    async def charge(self, payment_id: UUID, terms: Terms) -> Verdict:
        key, last4 = str(payment_id), last_digits(terms.card_reference)

        def act() -> tuple[Verdict, int]:
            return self._ledger.charge(
                payment_id,
                order_id=terms.order_id,
                card_last4=last4,
                amount_cents=terms.amount_cents,
                declines=self._faults.declines(last4, key),
            )

        verdict, ask = await self._deliver(act, twice=self._faults.duplicates(last4, key, "charge"))
        if self._faults.loses_charge(last4, key, ask):
            raise NoAnswer("the answer to a charge was lost")
        return verdict

    async def give_back(self, payment_id: UUID) -> None:
        key = str(payment_id)
        ask = await self._deliver(
            lambda: self._ledger.give_back(payment_id), twice=self._faults.duplicates("", key, "return")
        )
        if self._faults.loses_return(key, ask):
            raise NoAnswer("the answer to a refund was lost")

    async def _deliver(self, act: Callable[[], T], *, twice: bool) -> T:
        try:
            # The two arrive together, as a repeated packet does; a caller that goes away does not stop them.
            answers = await asyncio.gather(*(asyncio.to_thread(act) for _ in range(2 if twice else 1)))
        except (sqlite3.Error, OSError) as problem:
            raise NoAnswer(f"the card processor cannot be reached: {problem}") from problem
        if self._faults.delay:
            await self._pause(self._faults.delay)
        return answers[-1]
