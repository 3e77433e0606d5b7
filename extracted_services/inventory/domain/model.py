"""Products and stock levels as values, and the facts about them that hold wherever they are kept.

Nothing here knows how a value is written in JSON or stored in a table.
"""

from dataclasses import dataclass, field
from datetime import datetime

CURRENCY = "EUR"
"""The shop sells in one currency; an amount is a number of cents of it."""


@dataclass(frozen=True, slots=True)
class Category:
    slug: str
    name: str


@dataclass(frozen=True, slots=True)
class Product:
    """Something for sale. `tags` are sorted by code point; `image` is a path on the shop's own host.

    `version` counts the changes made to it, 0 where they were not counted; products that say the same are equal.
    """

    sku: str
    name: str
    description: str
    category: Category
    price_cents: int
    tags: tuple[str, ...]
    image: str | None
    updated_at: datetime
    version: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class StockLevel:
    """Pieces of one product: all that are in the warehouse, and how many of these are promised.

    `version` is as a product's.
    """

    sku: str
    on_hand: int
    reserved: int
    updated_at: datetime
    version: int = field(default=0, compare=False)

    @property
    def available(self) -> int:
        return self.on_hand - self.reserved


def fold_for_search(product: Product) -> str:
    """The text in which a search looks for its words.

    Name and SKU are divided by a line feed: a word holds no white space, so none can match across the two.
    """
    return f"{product.name}\n{product.sku}".casefold()


def split_into_words(query: str) -> tuple[str, ...]:
    """The words of a search, each of which must occur in a product's folded text."""
    return tuple(query.casefold().split())
