"""Whether this process may answer for the shop: the database is in shape, and a whole copy was made.

Once filled, it stays so: a later backfill changes rows in place and never leaves the lists empty.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from extracted_services.inventory.domain.backfill import Run
from extracted_services.inventory.service_layer.ports import DatabaseUnavailable, Runs


@dataclass(frozen=True, slots=True)
class Readiness:
    """`problem` is why the service is not ready, None when it is; the runs are there as far as they are known."""

    problem: str | None
    finished: Run | None = None
    unfinished: Run | None = None


class Gate:
    """Remembers that the database was filled, so that reads ask for it only until then."""

    def __init__(self, runs: Runs, read_revision: Callable[[], Awaitable[str | None]], needed_revision: str) -> None:
        self._runs = runs
        self._read_revision = read_revision
        self._needed_revision = needed_revision
        self._filled = False

    async def is_filled(self) -> bool:
        if not self._filled:
            self._filled = await self._runs.find_finished() is not None
        return self._filled

    async def assess(self) -> Readiness:
        """Asks the database anew."""
        try:
            revision = await self._read_revision()
            if revision != self._needed_revision:
                return Readiness(f"the database is at {revision or 'no revision'}, not {self._needed_revision}")
            finished, unfinished = await self._runs.find_finished(), await self._runs.find_unfinished()
        except DatabaseUnavailable as problem:
            return Readiness(str(problem))
        return Readiness(None if finished else "never filled: run backfill", finished, unfinished)
