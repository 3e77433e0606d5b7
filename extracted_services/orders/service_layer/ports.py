"""What the service needs from outside, as protocols: adapters fulfil them, and tests bring their own."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from extracted_services.chassis.answers import Answer, Asked
from extracted_services.chassis.paging import Page, PageRequest
from extracted_services.orders.domain.order import Order, Status, Told
from extracted_services.orders.domain.product import Product
from extracted_services.orders.saga.outcomes import Outcome

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Wanted:
    """One line of a request to order: a SKU, and how many pieces."""

    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Begun:
    """A saga that is to be run; `run` counts from 1 how often it was set going, `traceparent` is its beginner's."""

    id: str
    name: str
    order_id: str
    run: int = 1
    traceparent: str | None = None


class Unit(Protocol):
    """One transaction on the service's own database: all of it is kept, or nothing."""

    async def own(self) -> int:
        """Leave to write orders, until the end of the transaction. The first thing to do in it. Raises NotOwner.

        The epoch of this side's ownership.
        """

    async def claim(self, asked: Asked) -> bool:
        """Whether this is the first request of its key. Raises KeyReused."""

    async def forget(self, asked: Asked) -> None:
        """As if the request had never come, unless it was answered."""

    async def lock(self, order_id: str) -> Order | None:
        """The order, or draft, which nobody else changes until the end of the transaction."""

    async def add(self, order: Order) -> None:
        """Keep a new draft."""

    async def save(self, order: Order, event: str | None = None) -> None:
        """Keep the order, its first answer under its key, and an event of that type that tells of it."""

    async def begin_saga(self, name: str, order_id: str) -> "Begun":
        """A saga that begins with this transaction; to be started after it."""


Work = Callable[[], AbstractAsyncContextManager[Unit]]
"""Opens a transaction, committed at the end of the block, rolled back when it raises. Raises DatabaseUnavailable."""


class Orders(Protocol):
    """What is there, to be read."""

    async def find(self, order_id: str) -> Order | None:
        """The order or draft."""

    async def find_asked(self, asked: Asked) -> Order | None:
        """The order or draft that this request placed, if it was this service that took it."""

    async def find_answer(self, asked: Asked) -> Answer | None:
        """What is kept under the request's key, whichever side answered it."""

    async def list_of(self, customer: str, status: Status | None, page: PageRequest) -> Page[Order]:
        """Without drafts."""

    async def is_being_worked_on(self, order_id: str) -> bool:
        """Whether a saga about it has still something to do, and is not stuck."""

    async def is_owned(self) -> bool:
        """Whether orders are written here at the moment: an early look, without a lock."""


class Goods(Protocol):
    """The inventory service."""

    async def find_products(self, skus: Sequence[str]) -> dict[str, Product]:
        """Those that are for sale. Raises ServiceUnavailable."""

    async def reserve(self, key: str, order: Order) -> Outcome:
        """Done with `reservation`; Refused as `insufficient_stock` or `unknown_product`, with `errors` by line."""

    async def commit(self, key: str, reservation: str) -> Outcome:
        """Takes the goods out of stock; Refused when the reservation was given up meanwhile."""

    async def release(self, key: str, reservation: str) -> Outcome: ...

    async def release_order(self, key: str, order_id: str) -> Outcome:
        """Every reservation of the order."""


class Cards(Protocol):
    """The payments service."""

    async def remember(self, number: str) -> str:
        """The reference under which the card can be charged. Raises ServiceUnavailable."""

    async def charge(self, key: str, order: Order) -> Outcome:
        """Done with `payment`; Refused as `payment_declined`."""

    async def refund(self, key: str, payment: str) -> Outcome: ...

    async def refund_order(self, key: str, order_id: str) -> Outcome:
        """Every captured payment of the order."""


class Sagas(Protocol):
    """Runs sagas, durably."""

    async def start(self, saga: "Begun") -> None:
        """Set a saga going that a transaction has begun; nothing happens to one that runs.

        Raises nothing: one that cannot be started now is started a few seconds later.
        """


class ServiceUnavailable(Exception):
    """Another service cannot be asked at the moment; says which, and nothing was done there that matters."""


@dataclass(frozen=True, slots=True)
class Placed:
    """The answer to a request to order; `is_replay` when it was given, or is owed, to an earlier one."""

    told: Told
    is_replay: bool = False
