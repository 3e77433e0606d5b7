"""Lists in pages: a page ends at a key, and the next one starts behind that key.

Keyset paging keeps its place when items come and go between two pages, and costs the same on every page.
A cursor is the unpadded base64url form of the last item's SKU.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
U = TypeVar("U")

LONGEST_SKU = 32
LONGEST_CURSOR = 64
_SKU = re.compile(r"[A-Z0-9]+(?:-[A-Z0-9]+)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items in ascending order of SKU; `next` is the cursor of the following page, None on the last."""

    items: tuple[T, ...]
    next: str | None

    def map(self, convert: Callable[[T], U]) -> "Page[U]":
        return Page(tuple(convert(item) for item in self.items), self.next)


def is_sku(text: str) -> bool:
    return len(text) <= LONGEST_SKU and _SKU.fullmatch(text) is not None


def encode_cursor(sku: str) -> str:
    return urlsafe_b64encode(sku.encode()).rstrip(b"=").decode()


def decode_cursor(cursor: str) -> str:
    """The SKU behind which the page starts; it need not exist.

    Raises ValueError unless the text is exactly what `encode_cursor` makes of something written like a SKU.
    """
    if len(cursor) > LONGEST_CURSOR:
        raise ValueError("not a cursor")
    try:
        sku = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)).decode("ascii")
    except ValueError:  # also what bad base64 and bad text raise
        raise ValueError("not a cursor") from None
    # Decoders forgive much (foreign characters, stray bits): only one spelling of a cursor may exist.
    if _SKU.fullmatch(sku) is None or encode_cursor(sku) != cursor:
        raise ValueError("not a cursor")
    return sku


def cut_page(rows: Sequence[T], limit: int, key: Callable[[T], str]) -> Page[T]:
    """One page from up to `limit` + 1 rows: the row too many says that another page follows."""
    items = tuple(rows[:limit])
    return Page(items, encode_cursor(key(items[-1])) if len(rows) > limit else None)
