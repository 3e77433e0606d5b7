"""Stock and reservations as the API writes them."""

from collections.abc import Iterable

from legacy_monolith.api.encoding import time

from .models import Reservation, ReservationLine, StockLevel


def show_level(level: StockLevel) -> dict:
    return {
        "sku": level.product.sku,
        "on_hand": level.on_hand,
        "reserved": level.reserved,
        "available": level.available,
        "updated_at": time(level.updated_at),
    }


def show(reservation: Reservation, lines: Iterable[ReservationLine] | None = None) -> dict:
    """`lines` of the reservation, where somebody has them at hand."""
    wanted = reservation.lines.all() if lines is None else lines
    shown = [{"sku": line.product.sku, "quantity": line.quantity} for line in wanted]
    return {
        "id": str(reservation.public_id),
        "order_id": str(reservation.order_id),
        "status": reservation.status,
        # By code point, whatever order the database's locale prefers.
        "lines": sorted(shown, key=lambda line: line["sku"]),
        "created_at": time(reservation.created_at),
        "updated_at": time(reservation.updated_at),
    }
