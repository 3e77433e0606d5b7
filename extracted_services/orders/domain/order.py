"""An order as a value: what was bought, by whom, where it is on its way, and what its customer was told.

    pending → confirmed → shipped → delivered
       ↘          ↘
        cancelled  cancelled

A change makes a new value with the next version, and says so in the history. A *draft* (version 0) is an order whose
goods are not set aside yet: no list shows it, no event tells of it, and one that ends as a draft never was an order.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from extracted_services.chassis.answers import Asked


class Status(StrEnum):
    PENDING = "pending"
    CONFIRMED = "confirmed"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


class Reason(StrEnum):
    """Why an order was cancelled."""

    REQUESTED = "requested"
    PAYMENT_DECLINED = "payment_declined"
    INSUFFICIENT_STOCK = "insufficient_stock"


NEXT: Mapping[Status, tuple[Status, ...]] = {
    Status.PENDING: (Status.CONFIRMED, Status.CANCELLED),
    Status.CONFIRMED: (Status.SHIPPED, Status.CANCELLED),
    Status.SHIPPED: (Status.DELIVERED,),
    Status.DELIVERED: (),
    Status.CANCELLED: (),
}


class NotPossible(Exception):
    """The order's status does not allow it; `status` is the one it has."""

    def __init__(self, status: Status) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True, slots=True)
class Line:
    """What was bought, at the name and price of that moment."""

    sku: str
    name: str
    quantity: int
    unit_price_cents: int

    @property
    def total_cents(self) -> int:
        return self.quantity * self.unit_price_cents


@dataclass(frozen=True, slots=True)
class Address:
    name: str
    street: str
    postcode: str
    city: str
    country: str


@dataclass(frozen=True, slots=True)
class Change:
    status: Status
    at: datetime


@dataclass(frozen=True, slots=True)
class Told:
    """What a customer was answered, to the byte."""

    status: int
    location: str | None
    body: str


@dataclass(frozen=True, slots=True)
class Order:
    """`lines` stand as they were asked for. `card_reference` is the processor's token, never a number.

    `version` counts changes from 1; `peer_version` is the highest version taken over from the monolith, 0 for none.
    `epoch` is that of the ownership under which a draft was made: under another one it becomes no order any more, as
    its customer may have been served by the other side.
    `asked` is None without an Idempotency-Key; `told` is the first answer given, None while nobody was told anything.
    """

    id: str
    customer: str
    lines: tuple[Line, ...]
    address: Address
    created_at: datetime
    updated_at: datetime
    status: Status = Status.PENDING
    reason: Reason | None = None
    history: tuple[Change, ...] = ()
    card_reference: str | None = None
    version: int = 0
    peer_version: int = 0
    epoch: int = 0
    asked: Asked | None = None
    told: Told | None = None

    @property
    def total_cents(self) -> int:
        return sum(line.total_cents for line in self.lines)

    @property
    def is_draft(self) -> bool:
        return self.version == 0

    def is_overtaken(self, epoch: int) -> bool:
        """Whether it is a draft of an earlier ownership than the present one."""
        return self.is_draft and self.epoch != epoch

    @property
    def is_from_peer(self) -> bool:
        """Whether the monolith wrote the order's present state."""
        return not self.is_draft and self.version == self.peer_version

    @property
    def is_settled(self) -> bool:
        """Whether its placing has come to an end, well or not."""
        return self.status is not Status.PENDING


def draft(
    *,
    id: str,  # noqa: A002 - the contract's name for it
    customer: str,
    lines: tuple[Line, ...],
    address: Address,
    card_reference: str,
    asked: Asked | None,
    now: datetime,
) -> Order:
    return Order(
        id=id,
        customer=customer,
        lines=lines,
        address=address,
        created_at=now,
        updated_at=now,
        history=(Change(Status.PENDING, now),),
        card_reference=card_reference,
        asked=asked,
    )


def accept(order: Order) -> Order:
    """A draft becomes an order."""
    if not order.is_draft or order.status is not Status.PENDING:
        raise NotPossible(order.status)
    return replace(order, version=1)


def confirm(order: Order, now: datetime) -> Order:
    return _move(order, Status.CONFIRMED, None, now)


def cancel(order: Order, reason: Reason, now: datetime) -> Order:
    """A draft stays one: it never was an order, so nothing happened to one. Raises NotPossible."""
    cancelled = _move(order, Status.CANCELLED, reason, now)
    return replace(cancelled, version=0) if order.is_draft else cancelled


def tell(order: Order, told: Told) -> Order:
    """Notes the first answer; there is no second one."""
    return order if order.told is not None else replace(order, told=told)


def tell_pending(order: Order, told: Told) -> Order:
    """Notes that the customer was sent away with `pending`. That is news for whoever keeps the request's key, so a
    version of its own, but nothing that happened to the order."""
    if order.told is not None or order.is_settled:
        raise NotPossible(order.status)
    return replace(tell(order, told), version=order.version + 1)


def _move(order: Order, status: Status, reason: Reason | None, now: datetime) -> Order:
    if status not in NEXT[order.status]:
        raise NotPossible(order.status)
    return replace(
        order,
        status=status,
        reason=reason,
        updated_at=now,
        history=(*order.history, Change(status, now)),
        version=order.version + 1,
    )
