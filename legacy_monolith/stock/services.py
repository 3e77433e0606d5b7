"""Every change of stock. Goods move only by conditional updates, so stock never falls below what is promised.

Levels are always touched in the order of the SKUs: two transactions that want the same goods wait, and never deadlock.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from legacy_monolith.accounts.models import User
from legacy_monolith.catalogue.models import Product

from .models import Reservation, ReservationLine, StockLevel


@dataclass
class InsufficientStock(Exception):
    """`available` pieces by SKU, for every product that was asked for more than that."""

    available: dict[str, int]


class ReservationReleasedError(Exception):
    """The goods went back; they cannot be taken out of stock any more."""


def open_level(sender, instance: Product, created: bool, raw: bool = False, **_) -> None:
    """Every product has a stock level from its first moment (receiver of Product's post_save)."""
    if created and not raw:
        StockLevel.objects.get_or_create(product=instance)


def adjust(*, product: Product, difference: int) -> bool:
    """Counts pieces in or out; False, and nothing is changed, if what is promised would be missing then."""
    level = StockLevel.objects.filter(product=product, on_hand__gte=F("reserved") - difference)
    return bool(level.update(on_hand=F("on_hand") + difference, updated_at=timezone.now()))


@transaction.atomic
def reserve(*, order_id: UUID, customer: User, quantities: Mapping[Product, int]) -> Reservation:
    """Sets all of the goods aside, or raises `InsufficientStock` and none."""
    short = {}
    for product, quantity in sorted(quantities.items(), key=lambda item: item[0].sku):
        level = StockLevel.objects.filter(product=product)
        enough = level.filter(on_hand__gte=F("reserved") + quantity)
        if not enough.update(reserved=F("reserved") + quantity, updated_at=timezone.now()):
            short[product.sku] = level.get().available
    if short:
        raise InsufficientStock(short)
    reservation = Reservation.objects.create(order_id=order_id, customer=customer)
    ReservationLine.objects.bulk_create(
        ReservationLine(reservation=reservation, product=product, quantity=quantity)
        for product, quantity in quantities.items()
    )
    return reservation


@transaction.atomic
def commit(*, reservation: Reservation) -> Reservation:
    """Takes the goods out of stock; once only. Raises `ReservationReleasedError` when they went back."""
    reservation = Reservation.objects.select_for_update().get(pk=reservation.pk)
    if reservation.status == Reservation.Status.RELEASED:
        raise ReservationReleasedError
    if reservation.status == Reservation.Status.HELD:
        _move(reservation, on_hand=-1, reserved=-1)
        _set_status(reservation, Reservation.Status.COMMITTED)
    return reservation


@transaction.atomic
def release(*, reservation: Reservation) -> Reservation:
    """Puts the goods back, held or committed; once only."""
    reservation = Reservation.objects.select_for_update().get(pk=reservation.pk)
    if reservation.status == Reservation.Status.HELD:
        _move(reservation, on_hand=0, reserved=-1)
    elif reservation.status == Reservation.Status.COMMITTED:
        _move(reservation, on_hand=1, reserved=0)
    if reservation.status != Reservation.Status.RELEASED:
        _set_status(reservation, Reservation.Status.RELEASED)
    return reservation


def release_order(*, order_id: UUID) -> None:
    for reservation in Reservation.objects.filter(order_id=order_id).order_by("pk"):
        release(reservation=reservation)


def _move(reservation: Reservation, *, on_hand: int, reserved: int) -> None:
    """Adds each line's quantity, times the sign given, to the two counts of its level."""
    for line in reservation.lines.order_by("product__sku"):
        StockLevel.objects.filter(product_id=line.product_id).update(
            on_hand=F("on_hand") + on_hand * line.quantity,
            reserved=F("reserved") + reserved * line.quantity,
            updated_at=timezone.now(),
        )


def _set_status(reservation: Reservation, status: Reservation.Status) -> None:
    reservation.status = status
    reservation.save(update_fields=["status"])
