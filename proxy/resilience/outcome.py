"""What an attempt came to, as far as resilience cares: the kind of error, or the status that was answered.

Decides whether that is one of the listed conditions. It judges no request and keeps no count.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

CONNECT_ERROR: Final = "connect_error"
"""No connection came about, or none in time; nothing was sent."""

TIMEOUT: Final = "timeout"
"""The request may have been sent, and no answer came in time."""

RESET: Final = "reset"
"""The connection broke before an answer's head was complete, or what came was no answer."""

ERRORS: Final = frozenset({CONNECT_ERROR, TIMEOUT, RESET})


class Conditions:
    """A list of errors and statuses that are to count. Immutable; the sets are public for the fastest tests."""

    __slots__ = ("errors", "statuses")

    def __init__(self, errors: Iterable[str] = (), statuses: Iterable[int] = ()) -> None:
        self.errors = frozenset(map(str, errors))
        self.statuses = frozenset(statuses)
        if unknown := self.errors - ERRORS:
            raise ValueError(f"not an error that can be told apart: {', '.join(sorted(unknown))}")

    def meets(self, error: str | None, status: int | None = None) -> bool:
        """Whether this outcome is listed. Where there is an error there is no status, so that is not looked at."""
        return status in self.statuses if error is None else error in self.errors

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Conditions):
            return NotImplemented
        return self.errors == other.errors and self.statuses == other.statuses

    def __hash__(self) -> int:
        return hash((self.errors, self.statuses))

    def __repr__(self) -> str:
        return f"Conditions({sorted(self.errors)}, {sorted(self.statuses)})"


@dataclass(frozen=True, slots=True)
class Failure:
    """A try that failed before anything of its answer went to the client.

    `sent`: a byte of the request may have reached the endpoint; in doubt it has. `body_whole`: the request has no body,
    or all of it that was received is still in memory. `retry_after`: the seconds that the answer asked to wait.
    """

    error: str | None = None
    status: int | None = None
    sent: bool = True
    body_whole: bool = True
    retry_after: float | None = None
