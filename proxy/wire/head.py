"""A request head as the rest of the proxy knows it: the request line taken apart, and what its fields mean.

Only `proxy.wire.request` makes one. Field lines stay bytes in the client's order and spelling, and are never changed
once they are read: the next head of a connection may share them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from proxy.wire.fields import Field

if TYPE_CHECKING:
    from proxy.wire.shape import Shape

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""Methods that change nothing (RFC 9110 section 9.2.1); whatever else there is may be a write."""


@dataclass(slots=True)
class Extras:
    """What few requests carry. Requests without any share one, `NO_EXTRAS`."""

    connection: tuple[bytes, ...] = ()
    upgrade: bytes = b""
    grpc: bool = False
    forwarding: tuple[tuple[Field, bytes], ...] = ()
    request_id: bytes = b""
    tracestate: tuple[bytes, ...] = ()
    last_hop: bool = False  # an OPTIONS request that may not be forwarded further
    side: bytes = b""


NO_EXTRAS: Final = Extras()


class RequestFields:
    """The field lines of a head, and what they were found to mean. Not changed once they are read.

    `lines` are those to forward, in the client's order and spelling, Host among them (`host_line`).
    """

    __slots__ = (
        "_lines", "block", "chunked", "content_length", "extras", "host", "host_line", "host_value", "lowered",
        "misses", "raw", "shapes", "trace", "traceparent",
    )  # fmt: skip

    def __init__(self, raw: bytes, lines: list[bytes] | None = None) -> None:
        self.raw = raw  # as sent, each line with a leading CRLF
        self._lines = lines  # None: as in the block
        self.shapes: tuple[Shape, ...] = ()  # the last of their connection, by which those that follow may be read
        self.misses = 0  # of the heads before it on its connection, how many had another one, or none
        self.block = b""  # the lines to forward, each with a leading CRLF
        self.lowered = b""  # the block in lower case, once somebody has looked for a name in it
        self.host = ""
        self.host_line = self.host_value = self.traceparent = b""
        self.trace = b""  # the lines of the trace that goes on, each with a leading CRLF
        self.content_length: int | None = None
        self.chunked = False
        self.extras = NO_EXTRAS

    @property
    def lines(self) -> list[bytes]:
        if self._lines is None:
            self._lines = self.block.split(b"\r\n")[1:]
        return self._lines

    @lines.setter
    def lines(self, lines: list[bytes]) -> None:
        self._lines = lines

    def replace(self, old: bytes, new: bytes) -> None:
        self.lines[self.lines.index(old)] = new


class RequestHead:
    """A judged request head: the request line taken apart, and the fields.

    `path` is the normal form; `plain_line` the request line as sent, where that is what may be forwarded.
    """

    __slots__ = ("authority", "block", "fields", "http11", "method", "path", "plain_line", "raw_query")

    def __init__(self, method: str, path: str, raw_query: bytes | None, http11: bool, plain_line: bytes = b"") -> None:
        self.method = method
        self.path = path
        self.raw_query = raw_query
        self.http11 = http11
        self.plain_line = plain_line
        self.authority = b""  # of a target in absolute form
        self.block = b""  # as sent, where an equal one means the same
        self.fields: RequestFields

    @property
    def query(self) -> str:
        return self.raw_query.decode("latin-1") if self.raw_query else ""

    @property
    def host(self) -> str:
        """Lower case, without the port; empty where an HTTP/1.0 request named none."""
        return self.fields.host

    @property
    def extras(self) -> Extras:
        return self.fields.extras

    @property
    def keep_alive(self) -> bool:
        """Whether the client means to send another request on this connection (RFC 9112 section 9.3)."""
        named = self.fields.extras.connection
        return b"close" not in named if self.http11 else b"keep-alive" in named and b"close" not in named

    @property
    def has_body(self) -> bool:
        return self.fields.chunked or bool(self.fields.content_length)

    def values(self, name: str) -> Sequence[str]:
        """The values of a field that is forwarded, in order; `name` in lower case."""
        fields = self.fields
        lowered = fields.lowered
        if not lowered:
            lowered = fields.lowered = fields.block.lower()
        wanted = _line_start(name)
        found: list[str] = []
        at = lowered.find(wanted)
        while at >= 0:
            begin = at + len(wanted)
            end = lowered.find(b"\r\n", begin)
            value = fields.block[begin:end] if end >= 0 else fields.block[begin:]
            found.append(value.strip(b" \t").decode("latin-1"))
            at = lowered.find(wanted, begin)
        return found

    def __repr__(self) -> str:
        return f"<RequestHead {self.method} {self.path}>"  # never the query or fields: they may hold secrets


@lru_cache(maxsize=1024)
def _line_start(name: str) -> bytes:
    """What a line with that name begins with, in a block in lower case. The names that are asked for are few."""
    return b"\r\n%b:" % name.encode("latin-1")
