"""What routing may know of a request: method, path, query, host and header values, and nothing else.

Whoever parses the wire brings an object of this shape; routing never sees a socket or a body, and a client's address
only where a split goes by it, so the same request is always decided the same way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class Head(Protocol):
    """A request head in normal form."""

    @property
    def method(self) -> str:
        """As sent; methods are case-sensitive (RFC 9110 section 9.1)."""

    @property
    def path(self) -> str:
        """Normal form, without the query; `*` for an `OPTIONS *`."""

    @property
    def query(self) -> str:
        """As sent, without the question mark."""

    @property
    def host(self) -> str:
        """Lower case, without the port."""

    def values(self, name: str) -> Sequence[str]:
        """The values of a header, one for each line it was sent on, a character for each byte (Latin-1).

        The name is given in lower case.
        """


@dataclass(frozen=True, slots=True)
class PlainHead:
    """A head made of plain data, for questions that no socket asked. Header names are in lower case."""

    method: str
    path: str
    query: str = ""
    host: str = ""
    headers: tuple[tuple[str, str], ...] = ()

    def values(self, name: str) -> Sequence[str]:
        return [value for key, value in self.headers if key == name]
