"""Products, levels and reservations as events carry them, and back: the whole state, written as the contract writes it.

What comes in was checked against the event's schema before; times lose what is finer than a millisecond when they
leave, so both sides of a sync hold the same.
"""

from collections.abc import Mapping
from typing import Any

from extracted_services.chassis.encoding import read_money, read_time, show_money, show_time
from extracted_services.inventory.domain.model import Category, Product, StockLevel
from extracted_services.inventory.domain.reservations import Line, Reservation, Status

State = Mapping[str, Any]


def show_product(product: Product) -> dict[str, Any]:
    return {
        "sku": product.sku,
        "name": product.name,
        "description": product.description,
        "category": {"slug": product.category.slug, "name": product.category.name},
        "price": show_money(product.price_cents),
        "tags": list(product.tags),
        "image": product.image,
        "updated_at": show_time(product.updated_at),
    }


def read_product(state: State, version: int) -> Product:
    return Product(
        sku=state["sku"],
        name=state["name"],
        description=state["description"],
        category=Category(state["category"]["slug"], state["category"]["name"]),
        price_cents=read_money(state["price"]),
        tags=tuple(state["tags"]),
        image=state["image"],
        updated_at=read_time(state["updated_at"]),
        version=version,
    )


def show_level(level: StockLevel) -> dict[str, Any]:
    return {
        "sku": level.sku,
        "on_hand": level.on_hand,
        "reserved": level.reserved,
        "updated_at": show_time(level.updated_at),
    }


def read_level(state: State, version: int) -> StockLevel:
    return StockLevel(state["sku"], state["on_hand"], state["reserved"], read_time(state["updated_at"]), version)


def show_reservation(reservation: Reservation) -> dict[str, Any]:
    return {
        "id": reservation.id,
        "order_id": reservation.order_id,
        "customer": reservation.customer,
        "status": reservation.status.value,
        "lines": [line._asdict() for line in reservation.lines],
        "expires_at": None if reservation.expires_at is None else show_time(reservation.expires_at),
        "created_at": show_time(reservation.created_at),
        "updated_at": show_time(reservation.updated_at),
    }


def read_reservation(state: State, version: int) -> Reservation:
    expires_at = state["expires_at"]
    return Reservation(
        id=state["id"],
        order_id=state["order_id"],
        customer=state["customer"],
        status=Status(state["status"]),
        lines=tuple(Line(line["sku"], line["quantity"]) for line in state["lines"]),
        expires_at=None if expires_at is None else read_time(expires_at),
        created_at=read_time(state["created_at"]),
        updated_at=read_time(state["updated_at"]),
        version=version,
    )
