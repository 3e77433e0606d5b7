"""How products, stock levels and reservations stand in a row, and come back out of it equal.

`peer_version` is no part of them: only synchronisation writes it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic

from sqlalchemy import Row, Table

from extracted_services.inventory.adapters.tables import products, stock_levels
from extracted_services.inventory.domain.backfill import Item
from extracted_services.inventory.domain.model import Category, Product, StockLevel, fold_for_search
from extracted_services.inventory.domain.reservations import Line, Reservation, Status


@dataclass(frozen=True, slots=True)
class Shelf(Generic[Item]):
    """The table that holds one kind of item, and the two ways between them."""

    table: Table
    write: Callable[[Item], Mapping[str, Any]]
    read: Callable[[Row[Any]], Item]


def write_product(product: Product) -> Mapping[str, Any]:
    return {
        "sku": product.sku,
        "name": product.name,
        "description": product.description,
        "category_slug": product.category.slug,
        "category_name": product.category.name,
        "price_cents": product.price_cents,
        "tags": list(product.tags),
        "image": product.image,
        "updated_at": product.updated_at,
        "search_text": fold_for_search(product),
        "removed": False,
        "version": product.version,
    }


def read_product(row: Row[Any]) -> Product:
    return Product(
        sku=row.sku,
        name=row.name,
        description=row.description,
        category=Category(row.category_slug, row.category_name),
        price_cents=row.price_cents,
        tags=tuple(row.tags),
        image=row.image,
        updated_at=row.updated_at,
        version=row.version,
    )


def write_stock(level: StockLevel) -> Mapping[str, Any]:
    return {
        "sku": level.sku,
        "on_hand": level.on_hand,
        "reserved": level.reserved,
        "updated_at": level.updated_at,
        "version": level.version,
    }


def read_stock(row: Row[Any]) -> StockLevel:
    return StockLevel(row.sku, row.on_hand, row.reserved, row.updated_at, row.version)


def write_reservation(reservation: Reservation) -> Mapping[str, Any]:
    return {
        "id": reservation.id,
        "order_id": reservation.order_id,
        "customer": reservation.customer,
        "status": reservation.status.value,
        "lines": [line._asdict() for line in reservation.lines],
        "expires_at": reservation.expires_at,
        "created_at": reservation.created_at,
        "updated_at": reservation.updated_at,
        "version": reservation.version,
    }


def read_reservation(row: Row[Any]) -> Reservation:
    return Reservation(
        id=row.id,
        order_id=row.order_id,
        customer=row.customer,
        status=Status(row.status),
        lines=read_lines(row.lines),
        expires_at=row.expires_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
        version=row.version,
    )


def read_lines(lines: Iterable[Mapping[str, Any]]) -> tuple[Line, ...]:
    return tuple(Line(line["sku"], line["quantity"]) for line in lines)


PRODUCTS = Shelf(products, write_product, read_product)
STOCK = Shelf(stock_levels, write_stock, read_stock)
