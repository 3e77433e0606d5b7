"""Why an operation could not be done, in a form that the command line and the API both turn into their own."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class Code(StrEnum):
    """The closed set of reasons."""

    UNREACHABLE = "unreachable"  # no server answers at the console's address
    REFUSED = "refused"  # the server answered, and would not
    INVALID = "invalid"  # the configuration, or the question, cannot be used
    NOT_MET = "gate-not-met"  # what must hold before a route moves on does not


class OperationError(Exception):
    """`message` is one line for a person; `details` are further lines, one finding each; `data` is for programs."""

    def __init__(
        self, code: Code, message: str, details: tuple[str, ...] = (), data: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details
        self.data = data or {}
