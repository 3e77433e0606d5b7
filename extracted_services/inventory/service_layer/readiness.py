"""Whether this process may answer for the shop: its database was filled, in one of two ways.

The monolith's import brings everything, and events keep it right from then on; `backfill` here copies products and
stock only. Once filled, a database stays so: neither way ever leaves a list empty.
"""

from dataclasses import dataclass
from datetime import datetime

from extracted_services.inventory.domain.backfill import Run
from extracted_services.inventory.service_layer.ports import Runs


@dataclass(frozen=True, slots=True)
class Filling:
    """The end of the last whole import, the latest complete copy, and one that is under way."""

    imported_at: datetime | None
    finished: Run | None
    unfinished: Run | None

    @property
    def is_filled(self) -> bool:
        return self.imported_at is not None or self.finished is not None


class Gate:
    """Remembers that the database was filled, so that reads ask for it only until then."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self._imported = False
        self._filled = False

    async def is_filled(self) -> bool:
        """Products and stock are here."""
        if not self._filled:
            self._filled = await self.is_imported() or await self._runs.find_finished() is not None
        return self._filled

    async def is_imported(self) -> bool:
        """Everything is here, reservations too."""
        if not self._imported:
            self._imported = await self._runs.find_imported_at() is not None
        return self._imported

    async def read_filling(self) -> Filling:
        """Asks the database anew."""
        return Filling(
            await self._runs.find_imported_at(),
            await self._runs.find_finished(),
            await self._runs.find_unfinished(),
        )
