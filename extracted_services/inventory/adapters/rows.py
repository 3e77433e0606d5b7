"""How a product and a stock level stand in a row, and come back out of it equal."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic

from sqlalchemy import Row, Table

from extracted_services.inventory.adapters.tables import products, stock_levels
from extracted_services.inventory.domain.backfill import Item
from extracted_services.inventory.domain.model import Category, Product, StockLevel, fold_for_search


@dataclass(frozen=True, slots=True)
class Shelf(Generic[Item]):
    """The table that holds one kind of item, and the two ways between them."""

    table: Table
    write: Callable[[Item], Mapping[str, Any]]
    read: Callable[[Row[Any]], Item]


def _write_product(product: Product) -> Mapping[str, Any]:
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
    }


def _read_product(row: Row[Any]) -> Product:
    return Product(
        sku=row.sku,
        name=row.name,
        description=row.description,
        category=Category(row.category_slug, row.category_name),
        price_cents=row.price_cents,
        tags=tuple(row.tags),
        image=row.image,
        updated_at=row.updated_at,
    )


def _write_stock(level: StockLevel) -> Mapping[str, Any]:
    return {
        "sku": level.sku,
        "on_hand": level.on_hand,
        "reserved": level.reserved,
        "updated_at": level.updated_at,
    }


def _read_stock(row: Row[Any]) -> StockLevel:
    return StockLevel(row.sku, row.on_hand, row.reserved, row.updated_at)


PRODUCTS = Shelf(products, _write_product, _read_product)
STOCK = Shelf(stock_levels, _write_stock, _read_stock)
