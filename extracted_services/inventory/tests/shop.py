"""A shop in memory, in the monolith's place, and products to put in it."""

from collections.abc import Iterable
from datetime import UTC, datetime

from extracted_services.chassis.paging import Page, cut_page, decode_cursor
from extracted_services.inventory.domain.model import Category, Product, StockLevel
from extracted_services.inventory.service_layer.ports import SourceUnreachable

MORNING = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
KITCHEN = Category("kitchen", "Kitchen")
GARDEN = Category("garden", "Garden & Balcony")


def product(sku: str, name: str = "Stoneware mug", category: Category = KITCHEN, price_cents: int = 1490) -> Product:
    return Product(
        sku=sku,
        name=name,
        description="Thrown by hand; glazed inside and out. Für jeden Tag.",
        category=category,
        price_cents=price_cents,
        tags=("handmade", "stoneware"),
        image=f"/media/products/{sku.lower()}.png",
        updated_at=MORNING,
    )


def level(sku: str, on_hand: int = 42, reserved: int = 3) -> StockLevel:
    return StockLevel(sku, on_hand, reserved, MORNING)


class ShopInMemory:
    """The `Source` port. Pages are short, so that few products make many; it can fail at a given request."""

    name = "http://shop.test"

    def __init__(self, products: Iterable[Product] = (), stock: Iterable[StockLevel] = (), page_size: int = 2) -> None:
        self.products = {item.sku: item for item in products}
        self.stock = {item.sku: item for item in stock}
        self.requests: list[tuple[str, str]] = []
        self.fails_at: int | None = None
        self._page_size = page_size

    @classmethod
    def selling(cls, *skus: str) -> "ShopInMemory":
        return cls([product(sku) for sku in skus], [level(sku) for sku in skus])

    async def read_products(self, cursor: str | None) -> Page[Product]:
        after = self._note("products", cursor)
        rest = sorted((item for item in self.products.values() if item.sku > after), key=lambda item: item.sku)
        return cut_page(rest[: self._page_size + 1], self._page_size, lambda item: item.sku)

    async def read_stock(self, cursor: str | None) -> Page[StockLevel]:
        after = self._note("stock", cursor)
        rest = sorted((item for item in self.stock.values() if item.sku > after), key=lambda item: item.sku)
        return cut_page(rest[: self._page_size + 1], self._page_size, lambda item: item.sku)

    def _note(self, collection: str, cursor: str | None) -> str:
        if self.fails_at == len(self.requests):
            raise SourceUnreachable("connection refused")
        after = decode_cursor(cursor) if cursor else ""
        self.requests.append((collection, after))
        return after
