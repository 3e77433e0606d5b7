"""Whether this service's payments are the shop's: they were copied from the monolith, or are recorded here.

Until then an empty list or a 404 would be a wrong answer, and a proxy can ask the monolith instead.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime

from extracted_services.payments.service_layer.ports import Book


class NotFilled(Exception):
    """The payments have not been copied yet."""


class Gate:
    """Remembers that the database was filled, so that requests ask for it only until then."""

    def __init__(self, book: Book, find_imported_at: Callable[[], Awaitable[datetime | None]]) -> None:
        self._book = book
        self._find_imported_at = find_imported_at
        self._is_filled = False

    async def require_filled(self) -> None:
        """Raises NotFilled."""
        if not self._is_filled:
            self._is_filled = await self._find_imported_at() is not None or await self._book.is_owner()
        if not self._is_filled:
            raise NotFilled
