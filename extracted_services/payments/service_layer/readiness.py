"""Whether this service's payments are the shop's: they were copied from the monolith, or have been recorded here.

Until then an empty list or a 404 would be a wrong answer, and a proxy can ask the monolith instead. Once filled it
stays so: the monolith's changes keep coming.
"""

from collections.abc import Awaitable, Callable


class NotFilled(Exception):
    """The payments have not been copied yet."""


class Gate:
    """Remembers that the database was filled, so that requests ask for it only until then."""

    def __init__(self, ask: Callable[[], Awaitable[bool]]) -> None:
        self._ask = ask
        self._is_filled = False

    async def require_filled(self) -> None:
        """Raises NotFilled."""
        self._is_filled = self._is_filled or await self._ask()
        if not self._is_filled:
            raise NotFilled
