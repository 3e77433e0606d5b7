"""Stock levels and reservations as the inventory service is told of them, and as it tells of them."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Prefetch, QuerySet

from legacy_monolith.accounts.replica import find_customer
from legacy_monolith.api.encoding import time
from legacy_monolith.catalogue.models import Product
from legacy_monolith.sync.kinds import Kind, Untakable
from legacy_monolith.sync.outbox import Change

from .models import Reservation, ReservationLine, StockLevel
from .representations import show, show_level

EVENTS = {
    Reservation.Status.HELD: "InventoryReserved",
    Reservation.Status.COMMITTED: "InventoryCommitted",
    Reservation.Status.RELEASED: "InventoryReleased",
}
WITH_PRODUCTS = Prefetch("lines", ReservationLine.objects.select_related("product"))


class Levels(Kind):
    """Of all products, those too that are not for sale. A level of version 0 was never written by anybody."""

    entity, name, key = "stock", "level", "product__sku"

    def rows(self) -> QuerySet[StockLevel]:
        return StockLevel.objects.select_related("product")

    def state(self, row: StockLevel) -> dict[str, Any]:
        level = show_level(row)
        del level["available"]
        return {"level": level}

    def event_of(self, row: StockLevel) -> str:
        return "StockChanged"

    def take(self, key: str, version: int, state: Mapping[str, Any]) -> None:
        level = state["level"]
        if not StockLevel.objects.filter(product__sku=key).update(
            on_hand=level["on_hand"],
            reserved=level["reserved"],
            updated_at=datetime.fromisoformat(level["updated_at"]),
            version=version,
            peer_version=version,
        ):
            raise Untakable("the product is not known here")


class Reservations(Kind):
    entity, name, key = "stock", "reservation", "public_id"

    def rows(self) -> QuerySet[Reservation]:
        return Reservation.objects.select_related("customer").prefetch_related(WITH_PRODUCTS)

    def state(self, row: Reservation, lines: Iterable[ReservationLine] | None = None) -> dict[str, Any]:
        expires_at = row.expires_at and time(row.expires_at)
        reservation = show(row, lines) | {"customer": str(row.customer.public_id), "expires_at": expires_at}
        return {"reservation": reservation, "answer": None}

    def event_of(self, row: Reservation) -> str:
        return EVENTS[row.status]

    def take(self, key: str, version: int, state: Mapping[str, Any]) -> None:
        told = state["reservation"]
        fields = {
            "order_id": UUID(told["order_id"]),
            "status": told["status"],
            "expires_at": told["expires_at"] and datetime.fromisoformat(told["expires_at"]),
            "created_at": datetime.fromisoformat(told["created_at"]),
            "updated_at": datetime.fromisoformat(told["updated_at"]),
            "version": version,
            "peer_version": version,
        }
        reservation = Reservation.objects.filter(public_id=key).first()
        if reservation is None:
            customer = find_customer(told["customer"])
            [reservation] = Reservation.objects.bulk_create([Reservation(public_id=key, customer=customer, **fields)])
        else:
            Reservation.objects.filter(pk=reservation.pk).update(**fields)
        _take_lines(reservation, {line["sku"]: line["quantity"] for line in told["lines"]})


def _take_lines(reservation: Reservation, wanted: dict[str, int]) -> None:
    if dict(reservation.lines.order_by().values_list("product__sku", "quantity")) == wanted:
        return
    products = {product.sku: product for product in Product.objects.filter(sku__in=wanted)}
    if len(products) < len(wanted):
        raise Untakable("a product is not known here")
    reservation.lines.all().delete()
    ReservationLine.objects.bulk_create(
        ReservationLine(reservation=reservation, product=products[sku], quantity=quantity)
        for sku, quantity in wanted.items()
    )


LEVELS, RESERVATIONS = Levels(), Reservations()


def level_changes(product_ids: Iterable[int]) -> Iterator[Change]:
    """The levels as they are now, in the order of the SKUs."""
    for level in LEVELS.rows().filter(product_id__in=product_ids).order_by(LEVELS.key):
        yield Change("StockChanged", level.product.sku, level.version, LEVELS.state(level))
