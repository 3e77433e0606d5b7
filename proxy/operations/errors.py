"""Why an operation could not be done, in a form that the command line and the API both turn into their own."""

from enum import StrEnum


class Code(StrEnum):
    """The closed set of reasons."""

    UNREACHABLE = "unreachable"  # no server answers at the console's address
    REFUSED = "refused"  # the server answered, and would not
    INVALID = "invalid"  # the configuration cannot be used


class OperationError(Exception):
    """`message` is one line for a person; `details` are further lines, one finding each."""

    def __init__(self, code: Code, message: str, details: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details
