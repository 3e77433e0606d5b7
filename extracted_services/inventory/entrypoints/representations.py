"""Stock levels, reservations and pages as the contract writes them, the keys in its order.

A product is written as its events write it: `adapters.states`.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from extracted_services.chassis.encoding import show_time
from extracted_services.chassis.paging import Page
from extracted_services.inventory.domain.model import StockLevel
from extracted_services.inventory.domain.reservations import Reservation

T = TypeVar("T")


def show_stock_level(level: StockLevel) -> dict[str, Any]:
    return {
        "sku": level.sku,
        "on_hand": level.on_hand,
        "reserved": level.reserved,
        "available": level.available,
        "updated_at": show_time(level.updated_at),
    }


def show_reservation(reservation: Reservation) -> dict[str, Any]:
    return {
        "id": reservation.id,
        "order_id": reservation.order_id,
        "status": reservation.status.value,
        "lines": [{"sku": line.sku, "quantity": line.quantity} for line in reservation.lines],
        "created_at": show_time(reservation.created_at),
        "updated_at": show_time(reservation.updated_at),
    }


def show_page(page: Page[T], show: Callable[[T], dict[str, Any]]) -> dict[str, Any]:
    return {"items": [show(item) for item in page.items], "next": page.next}
