"""An upstream's answer head: parsed as strictly as a request, because a lenient reader is how answers are split.

Gives what is forwarded and how the body is delimited (RFC 9112 section 6.3). An answer that breaks HTTP raises
BadAnswer; it is never repaired.
"""

import re
from enum import Enum
from typing import Final

from proxy.wire.fields import (
    DROP,
    PASS,
    BadLine,
    Fate,
    Field,
    LineTable,
    Read,
    Verdict,
    parse_length,
    split_line,
    tokens,
)
from proxy.wire.refusal import BadAnswer

MAX_HEAD_BYTES: Final = 128 * 1024
"""An answer head larger than this is a bad answer. Envoy allows 60 KiB; a monolith may set many cookies."""

_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*))?")

_HOP_BY_HOP: Final = frozenset(
    {b"keep-alive", b"proxy-connection", b"proxy-authenticate", b"proxy-authorization", b"te", b"trailer"}
)
_NOTED: Final = frozenset({b"upgrade", b"date", b"location", b"cache-control"})


class Body(Enum):
    """How the end of an answer's body is known."""

    NONE = "none"
    LENGTH = "length"
    CHUNKED = "chunked"
    CLOSE = "close"


# An enum's members are slow to reach; these names are for the data path.
NO_BODY: Final = Body.NONE
LENGTH: Final = Body.LENGTH
CHUNKED: Final = Body.CHUNKED
UNTIL_CLOSE: Final = Body.CLOSE

_BODILESS: Final = (204, 304)

EVENT_STREAM: Final = b"text/event-stream"


def classify(name: bytes) -> Fate | Read:
    """What an answer's field of this name means to us."""
    reader = _READERS.get(name)
    if reader is not None:
        return reader
    if name in _HOP_BY_HOP or name.startswith(b"x-strangler-"):
        return DROP
    if name in _NOTED:
        text = name.decode("ascii")
        return lambda value: Field(text, value)
    return PASS


def _read_length(value: bytes) -> Verdict:
    length = parse_length(value)
    if length is None:
        raise BadAnswer("Content-Length is not a number")
    return Field("content-length", value, length)


def _read_connection(value: bytes) -> Verdict:
    named = tokens(value)
    # In HTTP/1.1 keep-alive says nothing new, and connections to an HTTP/1.0 upstream are not reused.
    return DROP if named == (b"keep-alive",) else Field("connection", value, named)


_READERS: Final[dict[bytes, Read]] = {
    b"content-length": _read_length,
    b"connection": _read_connection,
    b"transfer-encoding": lambda value: Field("transfer-encoding", value, tokens(value) or (b"",)),
    b"x-request-id": lambda _value: DROP,  # ours stands on every answer; an upstream's would be a second one
}


class ResponseHead:
    """A judged answer head. `lines` are the field lines to forward, in the upstream's order and spelling.

    `status_line` is what an HTTP/1.1 client is sent, without CRLF; `location` and `cache_control` are lines too.
    Once parsed, a head is not changed: several answers may share one.
    """

    __slots__ = (
        "block", "body", "cache_control", "coding", "connection", "content_length", "dated", "http11", "keep_alive",
        "lines", "location",        "status", "status_line", "upgrade",
    )  # fmt: skip

    def __init__(self, status: int, status_line: bytes, http11: bool, lines: list[bytes]) -> None:
        self.status = status
        self.status_line = status_line
        self.http11 = http11
        self.lines = lines
        self.content_length: int | None = None
        self.coding: tuple[bytes, ...] = ()
        self.connection: tuple[bytes, ...] = ()
        self.cache_control: tuple[bytes, ...] = ()
        self.upgrade = self.location = b""
        self.dated = False
        self.keep_alive = http11  # whether the upstream will read another request on this connection
        self.body = NO_BODY  # as it is for any request but HEAD
        self.block = b""

    @property
    def endless(self) -> bool:
        """Whether the body is an event stream, which ends when somebody ends it."""
        return any(line[:13].lower() == b"content-type:" and EVENT_STREAM in line.lower() for line in self.lines)

    def evolve(self, status_line: bytes, lines: list[bytes]) -> "ResponseHead":
        """The same answer for the client, with another status line and other lines."""
        head = ResponseHead(self.status, status_line, self.http11, lines)
        head.dated = self.dated
        head.cache_control = self.cache_control
        head.render()
        return head

    def render(self) -> None:
        """Put `block` together: status line and lines, without a CRLF at the end."""
        self.block = b"\r\n".join((self.status_line, *self.lines))

    def delimit(self) -> Body:
        """How the body is delimited, unless the request was HEAD. Raises BadAnswer (RFC 9112 section 6.3)."""
        if self.coding:
            if self.coding != (b"chunked",) or not self.http11:
                raise BadAnswer("the only transfer coding understood is `chunked`, once, alone, in HTTP/1.1")
            if self.content_length is not None:
                raise BadAnswer("both Content-Length and Transfer-Encoding are there")
        if self.status in _BODILESS or self.status < 200:
            return NO_BODY
        if self.coding:
            return CHUNKED
        if self.content_length is None:
            return UNTIL_CLOSE
        return LENGTH if self.content_length else NO_BODY

    def __repr__(self) -> str:
        return f"<ResponseHead {self.status}>"


class ResponseParser:
    """Parses answer heads. Safe to share by all connections of a process."""

    def __init__(self) -> None:
        self.table = LineTable(classify)
        self._status_lines: dict[bytes, tuple[int, bytes, bool]] = {}

    def parse(self, block: bytes) -> ResponseHead:
        """The head in `block`, which excludes the empty line that ends it. Raises BadAnswer."""
        if len(block) > MAX_HEAD_BYTES:
            raise BadAnswer("the head is too large")
        lines = block.split(b"\r\n")
        first = lines.pop(0)
        status, status_line, http11 = self._status_lines.get(first) or self._read_status_line(first)
        head = ResponseHead(status, status_line, http11, lines)
        table = self.table
        seen = table.verdicts.get
        try:
            for line in table.unusual(lines):
                verdict = seen(line) or table.learn(line)
                if verdict is DROP:
                    lines.remove(line)
                elif verdict is not PASS:
                    _note(head, verdict, line)
        except BadLine as error:
            raise BadAnswer(str(error)) from None
        if head.connection and not _PLAIN_CONNECTION.issuperset(head.connection):
            _drop_nominated(head, frozenset(head.connection) - _NOT_TO_NOMINATE)
        if b"close" in head.connection:
            head.keep_alive = False
        if status == 204 or status < 200:
            head.lines = [line for line in head.lines if not line[:15].lower().startswith(b"content-length:")]
        head.body = head.delimit()
        head.render()
        return head

    def _read_status_line(self, line: bytes) -> tuple[int, bytes, bool]:
        match = _STATUS_LINE.fullmatch(line)
        if match is None:
            raise BadAnswer("the answer does not begin with an HTTP/1.x status line")
        minor, code, reason = match.groups()
        read = (int(code), b"HTTP/1.1 %b %b" % (code, reason or b""), minor == b"1")
        if len(self._status_lines) < 256 and len(line) <= 256:  # a server has few; a hostile one fills no memory
            self._status_lines[line] = read
        return read


_PLAIN_CONNECTION: Final = frozenset({b"keep-alive", b"close", b"upgrade", b"te"})
_NOT_TO_NOMINATE: Final = frozenset({b"content-length", b"set-cookie"})


def _note(head: ResponseHead, field: Field, line: bytes) -> None:
    name = field.name
    if name == "date":
        head.dated = True
    elif name == "content-length":
        if head.content_length == field.parsed:  # RFC 9110 section 8.6: said twice is said once
            head.lines.remove(line)
        elif head.content_length is not None:
            raise BadAnswer("there are two Content-Length fields that differ")
        head.content_length = field.parsed
    elif name == "cache-control":
        head.cache_control += (line,)
    elif name == "location":
        head.location = line
    else:
        head.lines.remove(line)
        if name == "transfer-encoding":
            head.coding += field.parsed
        elif name == "connection":
            head.connection += field.parsed
        else:
            head.upgrade = field.value.lower()


def _drop_nominated(head: ResponseHead, nominated: frozenset[bytes]) -> None:
    head.lines = [line for line in head.lines if split_line(line)[0] not in nominated]
    if b"location" in nominated:
        head.location = b""
    if b"cache-control" in nominated:
        head.cache_control = ()
