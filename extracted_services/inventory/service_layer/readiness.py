"""Whether this process may answer for the shop: a whole copy of its products and stock was made.

Once filled, it stays so: a later backfill changes rows in place and never leaves the lists empty.
"""

from dataclasses import dataclass

from extracted_services.inventory.domain.backfill import Run
from extracted_services.inventory.service_layer.ports import Runs


@dataclass(frozen=True, slots=True)
class Filling:
    """The latest complete copy, and one that is under way."""

    finished: Run | None
    unfinished: Run | None


class Gate:
    """Remembers that the database was filled, so that reads ask for it only until then."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self._filled = False

    async def is_filled(self) -> bool:
        if not self._filled:
            self._filled = await self._runs.find_finished() is not None
        return self._filled

    async def read_filling(self) -> Filling:
        """Asks the database anew."""
        return Filling(await self._runs.find_finished(), await self._runs.find_unfinished())
