"""Products, stock levels and pages as the contract writes them: the keys in its order, times with milliseconds."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from extracted_services.inventory.domain.model import CURRENCY, Product, StockLevel
from extracted_services.inventory.domain.paging import Page

T = TypeVar("T")


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


def show_stock_level(level: StockLevel) -> dict[str, Any]:
    return {
        "sku": level.sku,
        "on_hand": level.on_hand,
        "reserved": level.reserved,
        "available": level.available,
        "updated_at": show_time(level.updated_at),
    }


def show_page(page: Page[T], show: Callable[[T], dict[str, Any]]) -> dict[str, Any]:
    return {"items": [show(item) for item in page.items], "next": page.next}


def show_money(cents: int) -> dict[str, str]:
    return {"amount": f"{cents // 100}.{cents % 100:02d}", "currency": CURRENCY}


def show_time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
