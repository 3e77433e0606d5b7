"""What the service needs from outside, as protocols: adapters fulfil them, and tests bring their own."""

from datetime import datetime
from typing import Protocol

from extracted_services.chassis.paging import Page, PageRequest
from extracted_services.inventory.domain.backfill import Collection, Run
from extracted_services.inventory.domain.model import Product, StockLevel
from extracted_services.inventory.domain.reservations import Reservation


class Catalogue(Protocol):
    """What the service holds, to be read. `after` is the SKU behind which a list starts, "" the start."""

    async def list_products(
        self, after: str, limit: int, category: str | None, words: tuple[str, ...]
    ) -> Page[Product]:
        """Products of a category (of all when None) whose name or SKU has every word."""

    async def find_product(self, sku: str) -> Product | None: ...

    async def list_stock(self, after: str, limit: int) -> Page[StockLevel]: ...

    async def find_stock(self, sku: str) -> StockLevel | None: ...


class Reservations(Protocol):
    """Reservations, to be read. `customer` None: those of everyone."""

    async def list_newest(
        self, page: PageRequest, *, customer: str | None, order_id: str | None = None
    ) -> Page[Reservation]: ...

    async def find(self, reservation_id: str, *, customer: str | None) -> Reservation | None: ...


class Runs(Protocol):
    """What is known of how the database was filled."""

    async def find_imported_at(self) -> datetime | None:
        """When the monolith ended its last whole import; None when it never did."""

    async def find_finished(self) -> Run | None:
        """The latest complete copy."""

    async def find_unfinished(self) -> Run | None:
        """A copy begun after the latest complete one."""


class Source(Protocol):
    """The monolith's lists, a page at a time."""

    @property
    def name(self) -> str:
        """Where they come from: a URL, without secrets."""

    async def read_products(self, cursor: str | None) -> Page[Product]: ...

    async def read_stock(self, cursor: str | None) -> Page[StockLevel]: ...


class Store(Protocol):
    """The database of a backfill; every call is one transaction, and those that write raise StockIsOurs."""

    async def open_run(self, source: str, now: datetime, *, restart: bool) -> Run:
        """The run to go on with, or a new one."""

    async def holds_any(self, collection: Collection) -> bool: ...

    async def apply_products(self, run: Run, page: Page[Product], now: datetime) -> Run:
        """Make a stretch of rows equal to the page, and record that. Raises RunOvertaken."""

    async def apply_stock(self, run: Run, page: Page[StockLevel], now: datetime) -> Run:
        """As `apply_products`."""


class SourceUnreachable(Exception):
    """The monolith did not answer, or answered with an error, also when asked again."""


class SourceInvalid(Exception):
    """The monolith answered something that its contract does not allow; nothing of it was kept."""


class RunOvertaken(Exception):
    """Another process has gone on with this run."""


class StockIsOurs(Exception):
    """This service writes stock itself now: what the monolith holds is the copy."""
