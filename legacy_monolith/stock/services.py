"""Every change of stock. Goods move only by conditional updates, so stock never falls below what is promised.

Levels are always touched in the order of the SKUs: two transactions that want the same goods wait, and never deadlock.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db.models import F, QuerySet
from django.utils import timezone

from legacy_monolith.accounts.models import User
from legacy_monolith.catalogue.models import Product
from legacy_monolith.sync.ownership import NotOwner
from legacy_monolith.sync.writing import record, record_at_end, writing

from .models import Reservation, ReservationLine, StockLevel
from .replica import EVENTS, RESERVATIONS, level_changes


@dataclass
class InsufficientStock(Exception):
    """`available` pieces by SKU, for every product that was asked for more than that."""

    available: dict[str, int]


class ReservationReleasedError(Exception):
    """The goods went back; they cannot be taken out of stock any more."""


def open_level(sender, instance: Product, created: bool, raw: bool = False, **_) -> None:
    """Every product has a stock level from its first moment (receiver of Product's post_save).

    Where another system counts the stock, that opens the level that counts, and tells of it.
    """
    if not created or raw:
        return
    try:
        with writing("stock"):
            StockLevel.objects.get_or_create(product=instance)
            _tell_levels([instance.pk])
    except NotOwner:
        StockLevel.objects.get_or_create(product=instance, defaults={"version": 0})


@writing("stock")
def adjust(*, product: Product, difference: int) -> bool:
    """Counts pieces in or out; False, and nothing is changed, if what is promised would be missing then."""
    enough = StockLevel.objects.filter(product=product, on_hand__gte=F("reserved") - difference)
    if not _change(enough, on_hand=difference):
        return False
    _tell_levels([product.pk])
    return True


@writing("stock")
def reserve(*, order_id: UUID, customer: User, quantities: Mapping[Product, int]) -> Reservation:
    """Sets all of the goods aside, or raises `InsufficientStock` and none."""
    short = {}
    for product, quantity in sorted(quantities.items(), key=lambda item: item[0].sku):
        level = StockLevel.objects.filter(product=product)
        enough = level.filter(on_hand__gte=F("reserved") + quantity)
        if not _change(enough, reserved=quantity):
            short[product.sku] = level.get().available
    if short:
        raise InsufficientStock(short)
    reservation = Reservation.objects.create(order_id=order_id, customer=customer)
    lines = ReservationLine.objects.bulk_create(
        ReservationLine(reservation=reservation, product=product, quantity=quantity)
        for product, quantity in quantities.items()
    )
    _tell_levels(product.pk for product in quantities)
    return _tell(reservation, lines)


@writing("stock")
def commit(*, reservation: Reservation) -> Reservation:
    """Takes the goods out of stock; once only. Raises `ReservationReleasedError` when they went back."""
    reservation, lines = _lock(reservation)
    if reservation.status == Reservation.Status.RELEASED:
        raise ReservationReleasedError
    if reservation.status == Reservation.Status.HELD:
        _move(lines, on_hand=-1, reserved=-1)
        _set_status(reservation, lines, Reservation.Status.COMMITTED)
    return reservation


@writing("stock")
def release(*, reservation: Reservation) -> Reservation:
    """Puts the goods back, held or committed; once only."""
    reservation, lines = _lock(reservation)
    if reservation.status == Reservation.Status.HELD:
        _move(lines, on_hand=0, reserved=-1)
    elif reservation.status == Reservation.Status.COMMITTED:
        _move(lines, on_hand=1, reserved=0)
    if reservation.status != Reservation.Status.RELEASED:
        _set_status(reservation, lines, Reservation.Status.RELEASED)
    return reservation


def release_order(*, order_id: UUID) -> None:
    for reservation in Reservation.objects.filter(order_id=order_id).order_by("pk"):
        release(reservation=reservation)


def _lock(reservation: Reservation) -> tuple[Reservation, list[ReservationLine]]:
    """As the database has it now, locked to the end of the transaction; its lines in the order of the SKUs."""
    locked = Reservation.objects.select_related("customer").select_for_update(of=("self",)).get(pk=reservation.pk)
    lines = ReservationLine.objects.filter(reservation=locked).select_related("product")
    return locked, sorted(lines, key=lambda line: line.product.sku)


def _move(lines: Iterable[ReservationLine], *, on_hand: int, reserved: int) -> None:
    """Adds each line's quantity, times the sign given, to the two counts of its level."""
    for line in lines:
        level = StockLevel.objects.filter(product_id=line.product_id)
        _change(level, on_hand=on_hand * line.quantity, reserved=reserved * line.quantity)
        _tell_levels([line.product_id])


def _change(levels: QuerySet[StockLevel], *, on_hand: int = 0, reserved: int = 0) -> int:
    """Adds to the counts of those levels that still meet the condition; how many these are."""
    return levels.update(
        on_hand=F("on_hand") + on_hand,
        reserved=F("reserved") + reserved,
        version=F("version") + 1,
        updated_at=timezone.now(),
    )


def _set_status(reservation: Reservation, lines: list[ReservationLine], status: Reservation.Status) -> None:
    reservation.status = status
    reservation.save(update_fields=["status"])
    _tell(reservation, lines)


def _tell(reservation: Reservation, lines: list[ReservationLine]) -> Reservation:
    state = RESERVATIONS.state(reservation, lines)
    record(EVENTS[reservation.status], reservation.public_id, reservation.version, state)
    return reservation


def _tell_levels(product_ids: Iterable[int]) -> None:
    record_at_end(level_changes, product_ids)
