"""Everything that changes stock, one function a use case.

Each works inside one transaction of a `Warehouse`, locks before it plans, and leaves telling the world to the
warehouse: what it saves there is told as an event of the same transaction. None may be called where this service
does not own stock; opening the warehouse has made sure of that.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from extracted_services.inventory.domain.model import StockLevel
from extracted_services.inventory.domain.reservations import (
    Line,
    Reservation,
    Shortage,
    Status,
    Verb,
    set_aside,
    sort_lines,
    take_step,
)


class UnknownProducts(Exception):
    """Lines that name no product for sale, by their SKUs."""

    def __init__(self, skus: frozenset[str]) -> None:
        super().__init__(", ".join(sorted(skus)))
        self.skus = skus


class NoSuchReservation(Exception):
    """There is none with this id."""


class Warehouse(Protocol):
    """Stock and reservations within one transaction that may change them."""

    async def find_products(self, skus: Sequence[str]) -> frozenset[str]:
        """Those of the SKUs that are for sale."""

    async def lock_levels(self, skus: Sequence[str]) -> Mapping[str, StockLevel]:
        """Levels by SKU, as they are and will stay until the transaction ends; locked in the order of the SKUs."""

    async def find_lines(self, reservation_id: str) -> tuple[Line, ...] | None:
        """The lines of a reservation, which never change; None if there is no such reservation."""

    async def lock_reservation(self, reservation_id: str) -> Reservation:
        """As it is and will stay until the transaction ends. Its levels were locked before, as everywhere."""

    async def add_levels(self, levels: Sequence[StockLevel]) -> None:
        """Levels of products that have none; what was added meanwhile stays as it is."""

    async def save_levels(self, levels: Sequence[StockLevel]) -> None:
        """Levels that were locked, each one version on."""

    async def add_reservation(self, reservation: Reservation) -> None: ...

    async def save_reservation(self, reservation: Reservation) -> None:
        """One that was locked, one version on."""

    async def reject(self, order_id: str, shortage: Shortage) -> None:
        """Nothing changed: only to be told."""


class OpenWarehouse(Protocol):
    def __call__(self) -> AbstractAsyncContextManager[Warehouse]:
        """A transaction, committed at the end. Raises NotOwner, having done nothing, and DatabaseUnavailable."""


async def reserve(
    warehouse: Warehouse,
    *,
    reservation_id: str,
    order_id: str,
    customer: str,
    lines: Sequence[Line],
    hold_for: timedelta | None,
    now: datetime,
) -> Reservation | Shortage:
    """Set all of the goods aside, or none; `hold_for` None keeps them until somebody commits or releases them.

    Raises UnknownProducts. `lines` name each SKU once.
    """
    ordered = sort_lines(lines)
    skus = [line.sku for line in ordered]
    unknown = frozenset(skus) - await warehouse.find_products(skus)
    if unknown:
        raise UnknownProducts(unknown)
    levels = set_aside(ordered, await warehouse.lock_levels(skus), now)
    if isinstance(levels, Shortage):
        await warehouse.reject(order_id, levels)
        return levels
    reservation = Reservation(
        id=reservation_id,
        order_id=order_id,
        customer=customer,
        status=Status.HELD,
        lines=ordered,
        expires_at=None if hold_for is None else now + hold_for,
        created_at=now,
        updated_at=now,
        version=1,
    )
    await warehouse.save_levels(levels)
    await warehouse.add_reservation(reservation)
    return reservation


async def commit(warehouse: Warehouse, *, reservation_id: str, now: datetime) -> Reservation:
    """Take the goods out of stock; once only. Raises NoSuchReservation and ReservationReleased."""
    return await _take_step(warehouse, Verb.COMMIT, await _lock(warehouse, reservation_id), now)


async def release(warehouse: Warehouse, *, reservation_id: str, now: datetime) -> Reservation:
    """Put the goods back, held or committed; once only. Raises NoSuchReservation."""
    return await _take_step(warehouse, Verb.RELEASE, await _lock(warehouse, reservation_id), now)


async def expire(warehouse: Warehouse, *, reservation_id: str, now: datetime) -> bool:
    """Release a reservation that nobody committed in time; False if there is nothing to release any more."""
    locked = await _lock(warehouse, reservation_id)
    if not locked.reservation.is_overdue(now):
        return False
    await _take_step(warehouse, Verb.RELEASE, locked, now)
    return True


async def open_levels(warehouse: Warehouse, *, skus: Sequence[str], now: datetime) -> None:
    """Give products a level with nothing in it: of one that is new while this service owns stock, nobody else does."""
    await warehouse.add_levels([StockLevel(sku, 0, 0, now, version=1) for sku in skus])


class _Locked(NamedTuple):
    reservation: Reservation
    levels: Mapping[str, StockLevel]


async def _lock(warehouse: Warehouse, reservation_id: str) -> _Locked:
    """Levels first, their reservation then: every transaction that locks both does so in this order."""
    lines = await warehouse.find_lines(reservation_id)
    if lines is None:
        raise NoSuchReservation
    levels = await warehouse.lock_levels([line.sku for line in lines])
    return _Locked(await warehouse.lock_reservation(reservation_id), levels)


async def _take_step(warehouse: Warehouse, verb: Verb, locked: _Locked, now: datetime) -> Reservation:
    change = take_step(verb, locked.reservation, locked.levels, now)
    if change.reservation is not locked.reservation:
        await warehouse.save_levels(change.levels)
        await warehouse.save_reservation(change.reservation)
    return change.reservation
