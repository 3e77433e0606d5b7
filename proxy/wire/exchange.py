"""One request, and what each side answered: what is compared, captured and replayed.

Plain values. Fields and bodies are as they were on the wire, but for what redaction took out of them; nothing here
decodes, compares or writes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

Fields = tuple[tuple[str, str], ...]
"""Names as sent and values as latin-1 text (each character one byte); order and repeats are kept."""

LEGACY: Final = "legacy"
SERVICE: Final = "service"
AGAIN: Final = "again"
"""The primary, at canary the monolith, asked a second time: what its answers differ in from themselves is noise."""

ROLES: Final = (LEGACY, SERVICE, AGAIN)


@dataclass(frozen=True, slots=True)
class CapturedRequest:
    """`target` is the origin-form (RFC 9112 section 3.2.1): the path in normal form, and the query as sent."""

    method: str
    target: str
    fields: Fields
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class CapturedAnswer:
    """`body` is without its transfer coding but with its content coding. `seconds`: from the request to its end."""

    status: int
    fields: Fields
    body: bytes
    seconds: float
    cut: bool = False  # the body was longer than what is kept, and is not whole


@dataclass(frozen=True, slots=True)
class Exchange:
    """`at` is in UTC. `answers` go by role; a plain recording has one. The client got that of `primary`."""

    at: datetime
    route: str | None
    request: CapturedRequest
    answers: Mapping[str, CapturedAnswer]
    primary: str


def values(fields: Fields, name: str) -> Iterator[str]:
    """The values of every field line called `name` (in lower case), in order."""
    return (value for key, value in fields if key.lower() == name)


def value(fields: Fields, name: str) -> str | None:
    """The first value of a field called `name` (in lower case)."""
    return next(values(fields, name), None)
