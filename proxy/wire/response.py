"""An upstream's answer head: parsed as strictly as a request, because a lenient reader is how answers are split.

Gives what is forwarded and how the body is delimited (RFC 9112 section 6.3). An answer that breaks HTTP raises
BadAnswer; it is never repaired.
"""

import re
from enum import Enum
from typing import Final

from proxy.wire.fields import DROP, PASS, BadLine, Field, LineTable, Verdict, parse_length, split_line, tokens
from proxy.wire.refusal import BadAnswer

MAX_HEAD_BYTES: Final = 128 * 1024
"""An answer head larger than this is a bad answer. Envoy allows 60 KiB; a monolith may set many cookies."""

_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*))?")

_HOP_BY_HOP: Final = frozenset(
    {b"keep-alive", b"proxy-connection", b"proxy-authenticate", b"proxy-authorization", b"te", b"trailer"}
)
_NOTED: Final = frozenset({b"upgrade", b"date", b"location", b"cache-control", b"x-request-id"})


class Body(Enum):
    """How the end of an answer's body is known."""

    NONE = "none"
    LENGTH = "length"
    CHUNKED = "chunked"
    CLOSE = "close"


def classify(name: bytes, value: bytes) -> Verdict:
    """What an answer's field line means to us. Raises BadAnswer."""
    if name == b"content-length":
        length = parse_length(value)
        if length is None:
            raise BadAnswer("Content-Length is not a number")
        return Field("content-length", value, length)
    if name in (b"connection", b"transfer-encoding"):
        return Field(name.decode("ascii"), value, tokens(value))
    if name in _HOP_BY_HOP or name.startswith(b"x-strangler-"):
        return DROP
    if name in _NOTED:
        return Field(name.decode("ascii"), value)
    return PASS


class ResponseHead:
    """A judged answer head. `lines` are the field lines to forward, in the upstream's order and spelling."""

    content_length: int | None = None
    coding: tuple[bytes, ...] = ()
    connection: tuple[bytes, ...] = ()
    upgrade: bytes = b""
    dated: bool = False
    location_at: int = -1
    cache_control_at: tuple[int, ...] = ()

    def __init__(self, status: int, status_line: bytes, http11: bool) -> None:
        self.status = status
        self.status_line = status_line  # as sent to an HTTP/1.1 client, without CRLF
        self.http11 = http11
        self.lines: list[bytes] = []

    @property
    def keep_alive(self) -> bool:
        """Whether the upstream will read another request on this connection."""
        if self.http11:
            return b"close" not in self.connection
        return b"keep-alive" in self.connection and b"close" not in self.connection

    def body(self, method: str) -> Body:
        """How the body is delimited, given the request's method. Raises BadAnswer (RFC 9112 section 6.3)."""
        if self.coding:
            if self.coding != (b"chunked",) or not self.http11:
                raise BadAnswer("the only transfer coding understood is `chunked`, once, alone, in HTTP/1.1")
            if self.content_length is not None:
                raise BadAnswer("both Content-Length and Transfer-Encoding are there")
        if method == "HEAD" or self.status in (204, 304) or self.status < 200:
            return Body.NONE
        if self.coding:
            return Body.CHUNKED
        if self.content_length is None:
            return Body.CLOSE
        return Body.LENGTH if self.content_length else Body.NONE

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
        first = lines[0]
        head = ResponseHead(*(self._status_lines.get(first) or self._read_status_line(first)))
        known = self.table.known
        keep = head.lines.append
        del lines[0]
        try:
            for line in lines:
                verdict = known.get(line)
                if verdict is None:
                    verdict = self.table.learn(line)
                if verdict is PASS:
                    keep(line)
                elif verdict is not DROP:
                    _note(head, verdict, line)
        except BadLine as error:
            raise BadAnswer(str(error)) from None
        if head.connection and not _PLAIN_CONNECTION.issuperset(head.connection):
            _drop_nominated(head)
        if head.status == 204 or head.status < 200:
            head.lines = [line for line in head.lines if not line[:15].lower().startswith(b"content-length:")]
        return head

    def _read_status_line(self, line: bytes) -> tuple[int, bytes, bool]:
        match = _STATUS_LINE.fullmatch(line)
        if match is None:
            raise BadAnswer("the answer does not begin with an HTTP/1.x status line")
        minor, code, reason = match.groups()
        read = (int(code), b"HTTP/1.1 %b %b" % (code, reason or b""), minor == b"1")
        if len(self._status_lines) < 256:  # a server has few; a hostile one may not fill memory
            self._status_lines[line] = read
        return read


_PLAIN_CONNECTION: Final = frozenset({b"keep-alive", b"close", b"upgrade", b"te"})
_NOT_TO_NOMINATE: Final = frozenset({b"content-length", b"set-cookie"})


def _note(head: ResponseHead, field: Field, line: bytes) -> None:
    name = field.name
    if name == "date":
        head.dated = True
        head.lines.append(line)
    elif name == "content-length":
        if head.content_length is not None:
            raise BadAnswer("there are two Content-Length fields")
        head.content_length = field.parsed
        head.lines.append(line)
    elif name == "transfer-encoding":
        head.coding += field.parsed
    elif name == "connection":
        head.connection += field.parsed
    elif name == "upgrade":
        head.upgrade = field.value.lower()
    elif name == "location":
        head.location_at = len(head.lines)
        head.lines.append(line)
    elif name == "cache-control":
        head.cache_control_at += (len(head.lines),)
        head.lines.append(line)
    # x-request-id: ours stands on every answer, so an upstream's would be a second one.


def _drop_nominated(head: ResponseHead) -> None:
    nominated = frozenset(head.connection) - _NOT_TO_NOMINATE
    head.lines = [line for line in head.lines if split_line(line)[0] not in nominated]
    names = [split_line(line)[0] for line in head.lines]
    head.location_at = names.index(b"location") if b"location" in names else -1
    head.cache_control_at = tuple(at for at, name in enumerate(names) if name == b"cache-control")
