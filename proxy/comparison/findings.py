"""What one comparison gathers, and what it may cost: values looked at and differences kept are bounded."""

from __future__ import annotations

from typing import Final

from proxy.comparison.difference import Difference, Kind, shown

MAX_VISITS: Final = 60_000
"""Values that differ, or stand beside such: about a second, and far more than two answers have in practice."""

MAX_KEPT: Final = 100
"""Differences of one pair. One that has more has them everywhere, and the first ones say so."""

MAX_PATH: Final = 1000  # characters


class TooMuch(Exception):
    """More to look at than one comparison may cost."""


class Findings:
    """Differences in the order in which they were met. `more` were not kept."""

    __slots__ = ("_visits", "kept", "more")

    def __init__(self) -> None:
        self.kept: list[Difference] = []
        self.more = 0
        self._visits = 0

    def visit(self) -> None:
        """Count a value that is looked at. Raises TooMuch."""
        self._visits += 1
        if self._visits > MAX_VISITS:
            raise TooMuch

    def skip(self) -> bool:
        """Whether no more is kept; the difference is counted then, and its texts need not be made."""
        if len(self.kept) < MAX_KEPT:
            return False
        self.more += 1
        return True

    def add(self, kind: Kind, path: str, left: str | None, right: str | None, at: str) -> None:
        if not self.skip():
            self.kept.append(Difference(kind, _bounded(path), left, right, _bounded(at)))


def _bounded(path: str) -> str:
    return path if len(path) <= MAX_PATH else shown(path)
