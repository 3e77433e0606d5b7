"""Stock and reservations as the API writes them."""

from legacy_monolith.api.encoding import time

from .models import Reservation, StockLevel


def show_level(level: StockLevel) -> dict:
    return {
        "sku": level.product.sku,
        "on_hand": level.on_hand,
        "reserved": level.reserved,
        "available": level.available,
        "updated_at": time(level.updated_at),
    }


def show(reservation: Reservation) -> dict:
    lines = [{"sku": line.product.sku, "quantity": line.quantity} for line in reservation.lines.all()]
    return {
        "id": str(reservation.public_id),
        "order_id": str(reservation.order_id),
        "status": reservation.status,
        # By code point, whatever order the database's locale prefers.
        "lines": sorted(lines, key=lambda line: line["sku"]),
        "created_at": time(reservation.created_at),
        "updated_at": time(reservation.updated_at),
    }
