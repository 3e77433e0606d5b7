"""How the monolith's lists become ours, page by page: pure plans, which the store carries out.

A page is the whole truth about its stretch of keys, from behind the page before to its own last item (to
the end, when it is the last page): what we hold in that stretch and the page does not have is gone. So a
run needs no marks on rows, may stop after any page and go on there, and may be repeated without harm.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Generic, Literal, TypeVar

from extracted_services.chassis.paging import Page, decode_cursor, encode_cursor
from extracted_services.inventory.domain.model import Product, StockLevel

Collection = Literal["products", "stock"]
COLLECTIONS: tuple[Collection, ...] = ("products", "stock")

RESUME_WITHIN = timedelta(hours=1)
"""A run that has rested longer starts over: its first pages would be older than anyone expects."""

Item = TypeVar("Item", bound=Product | StockLevel)


class PageOutOfOrder(Exception):
    """A page that does not follow the one before it; applying it would remove rows that still exist."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the items of one collection, in numbers of items."""

    read: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0

    @property
    def unchanged(self) -> int:
        return self.read - self.added - self.changed

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.read + other.read,
            self.added + other.added,
            self.changed + other.changed,
            self.removed + other.removed,
        )


@dataclass(frozen=True, slots=True)
class Run:
    """A copy on its way or done: `cursor` in `collection` is what it reads next, None from the start."""

    id: int
    source: str
    started_at: datetime
    advanced_at: datetime
    finished_at: datetime | None
    pages: int
    collection: Collection
    cursor: str | None
    tallies: Mapping[Collection, Tally]

    @property
    def after(self) -> str:
        """The SKU behind which the next page starts; "" at the start."""
        return decode_cursor(self.cursor) if self.cursor else ""


@dataclass(frozen=True, slots=True)
class Change(Generic[Item]):
    """What makes a stretch of keys equal to a page: rows to write, SKUs whose rows go."""

    added: tuple[Item, ...]
    changed: tuple[Item, ...]
    removed: tuple[str, ...]

    def tally(self, page: Page[Item]) -> Tally:
        return Tally(len(page.items), len(self.added), len(self.changed), len(self.removed))


def start_run(run_id: int, source: str, now: datetime) -> Run:
    return Run(run_id, source, now, now, None, 0, COLLECTIONS[0], None, dict.fromkeys(COLLECTIONS, Tally()))


def may_resume(run: Run, source: str, now: datetime) -> bool:
    return run.finished_at is None and run.source == source and now - run.advanced_at <= RESUME_WITHIN


def check_page(after: str, page: Page[Item]) -> None:
    """Raises PageOutOfOrder unless the page ascends from behind `after` and its cursor names its last item."""
    previous = after
    for item in page.items:
        if item.sku <= previous:
            raise PageOutOfOrder(f"{item.sku} came after {previous}")
        previous = item.sku
    if page.next is not None and (not page.items or page.next != encode_cursor(previous)):
        raise PageOutOfOrder(f"the cursor {page.next} does not name the last item of its page")


def plan_change(held: Sequence[Item], page: Page[Item]) -> Change[Item]:
    """The difference between the rows of the page's stretch of keys and the page.

    What an event told of (its version is above 0) is left alone: events keep it right, and the page may be older.
    """
    known = {item.sku for item in held}
    copied = {item.sku: item for item in held if item.version == 0}
    kept = {item.sku for item in page.items}
    return Change(
        added=tuple(item for item in page.items if item.sku not in known),
        changed=tuple(item for item in page.items if item.sku in copied and copied[item.sku] != item),
        removed=tuple(sku for sku in copied if sku not in kept),
    )


def advance(run: Run, tally: Tally, next_cursor: str | None, now: datetime) -> Run:
    """The run after one more page: on in its collection, or at the start of the next, or finished."""
    tallies = {**run.tallies, run.collection: run.tallies[run.collection] + tally}
    run = replace(run, pages=run.pages + 1, advanced_at=now, tallies=tallies, cursor=next_cursor)
    if next_cursor is not None:
        return run
    if run.collection == COLLECTIONS[-1]:
        return replace(run, finished_at=now)
    return replace(run, collection=COLLECTIONS[COLLECTIONS.index(run.collection) + 1])
