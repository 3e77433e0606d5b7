"""Lists in pages: a page ends at a key, and the next one starts behind that key.

Keyset paging keeps its place when items come and go between two pages, and costs the same on every page.
A cursor is the unpadded base64url form of the last item's key. Pure; `chassis.keyset` puts it into SQL.
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
SKU_FORM = re.compile(r"[A-Z0-9]+(?:-[A-Z0-9]+)*", re.ASCII)
ID_FORM = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Key:
    """What a list is ordered by: how the key is written, and its direction."""

    form: re.Pattern[str]
    descending: bool = False


BY_SKU = Key(SKU_FORM)
NEWEST_FIRST = Key(ID_FORM, descending=True)


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Up to `limit` items behind the key `after`; "" is the start."""

    after: str
    limit: int


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items in the order of their list; `next` is the cursor of the following page, None on the last."""

    items: tuple[T, ...]
    next: str | None

    def map(self, convert: Callable[[T], U]) -> "Page[U]":
        return Page(tuple(convert(item) for item in self.items), self.next)


def is_sku(text: str) -> bool:
    return len(text) <= LONGEST_SKU and SKU_FORM.fullmatch(text) is not None


def encode_cursor(key: str) -> str:
    return urlsafe_b64encode(key.encode()).rstrip(b"=").decode()


def decode_cursor(cursor: str, key: Key = BY_SKU) -> str:
    """The key behind which the page starts; no item need have it.

    Raises ValueError unless the text is exactly what `encode_cursor` makes of something written like such a key.
    """
    if len(cursor) > LONGEST_CURSOR:
        raise ValueError("not a cursor")
    try:
        text = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)).decode("ascii")
    except ValueError:  # also what bad base64 and bad text raise
        raise ValueError("not a cursor") from None
    # Decoders forgive much (foreign characters, stray bits): only one spelling of a cursor may exist.
    if key.form.fullmatch(text) is None or encode_cursor(text) != cursor:
        raise ValueError("not a cursor")
    return text


def cut_page(rows: Sequence[T], limit: int, key: Callable[[T], str]) -> Page[T]:
    """One page from up to `limit` + 1 rows: the row too many says that another page follows."""
    items = tuple(rows[:limit])
    return Page(items, encode_cursor(key(items[-1])) if len(rows) > limit else None)
