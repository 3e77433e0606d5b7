"""A request head: parsed strictly, judged, and taken apart into what is forwarded and what is ours to decide.

One parser serves every request (RFC 9112 sections 2 to 7). It works on a complete head, so that nothing is forwarded
before the whole head has been judged, and it never repairs: what is doubtful is refused with a reason.
"""

import re
from collections.abc import Sequence
from typing import Final

from proxy.wire.fields import DROP, PASS, BadLine, Field, LineTable, Verdict, parse_length, split_line, tokens
from proxy.wire.path import BadTarget, normalise, refuse_bad_query, split_target
from proxy.wire.refusal import Refusal, bad_head

MAX_FIELDS: Final = 256
"""Field lines of one head. nginx has no limit, Apache 100, Envoy 100."""

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_TARGET = re.compile(rb"[\x21\x22\x24-\x7e\x80-\xff]+")
_HOST = re.compile(rb"([A-Za-z0-9\-._~!$&'()*+,;=%]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?")
_ABSOLUTE = re.compile(r"https?://([^/?#]+)(.*)", re.IGNORECASE)

# Meant for the next hop only (RFC 9110 section 7.6.1), or consumed here.
_HOP_BY_HOP: Final = frozenset(
    {b"keep-alive", b"proxy-connection", b"proxy-authorization", b"proxy-authenticate", b"te", b"trailer"}
)
# What we set for upstreams, or what only we may say. A name that folds onto one of these is dropped too, because a
# WSGI or CGI server behind us cannot tell them apart.
_FORWARDING: Final = frozenset(
    {b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port", b"forwarded", b"x-real-ip"}
)
_NOTED: Final = frozenset(
    {b"upgrade", b"expect", b"x-request-id", b"traceparent", b"tracestate", b"max-forwards", b"x-strangler-side"}
)
_FOLDS_ONTO_OURS: Final = (
    _HOP_BY_HOP
    | _FORWARDING
    | _NOTED
    | {b"host", b"connection", b"content-length", b"transfer-encoding", b"x-shadow", b"via"}
)


def _fold(name: bytes) -> bytes:
    return name.replace(b"_", b"-").replace(b".", b"-")


def classify(name: bytes, value: bytes) -> Verdict:
    """What a request's field line means to us. Raises Refusal."""
    if name == b"host":
        return Field("host", value, parse_host(value))
    if name == b"content-length":
        length = parse_length(value)
        if length is None:
            raise bad_head("Content-Length is not a number")
        return Field("content-length", value, length)
    if name == b"connection":
        return Field("connection", value, tokens(value))
    if name == b"transfer-encoding":
        return Field("transfer-encoding", value, tokens(value))
    if name in _HOP_BY_HOP:
        return DROP
    if name in _FORWARDING or name in _NOTED:
        return Field(name.decode("ascii"), value)
    if name == b"content-type" and value.lower().split(b";")[0].split(b"+")[0].strip() == b"application/grpc":
        return Field("grpc", value)
    folded = _fold(name)
    if folded.startswith((b"x-strangler-", b"x-forwarded-")) or folded == b"x-shadow":
        return DROP
    if folded != name and folded in _FOLDS_ONTO_OURS:
        return DROP
    return PASS


def parse_host(value: bytes) -> str:
    """The host of a Host field: lower case, port cut off. Raises Refusal (RFC 9112 section 3.2)."""
    match = _HOST.fullmatch(value)
    if match is None or (match.group(2) and int(match.group(2)) > 65535):
        raise bad_head("the Host field is malformed")
    return match.group(1).decode("ascii").lower()


class RequestHead:
    """A judged request head.

    `lines` are the field lines to forward, in the client's order and spelling, Host among them (at `host_at`).
    What stands on the class is what a request without that field has.
    """

    host: str = ""
    host_value: bytes = b""
    host_at: int = -1
    content_length: int | None = None
    chunked: bool = False
    connection: tuple[bytes, ...] = ()
    upgrade: bytes = b""
    expect_continue: bool = False
    grpc: bool = False
    forwarding: tuple[tuple[Field, bytes], ...] = ()
    request_id: bytes = b""
    traceparent: bytes = b""
    tracestate: tuple[bytes, ...] = ()
    max_forwards: bytes = b""
    side: bytes = b""

    def __init__(self, method: str, target: str, http11: bool) -> None:
        self.method = method
        self.target = target  # as sent
        self.path = "*"  # normal form
        self.raw_query: str | None = None
        self.http11 = http11
        self.lines: list[bytes] = []

    @property
    def query(self) -> str:
        return self.raw_query or ""

    @property
    def keep_alive(self) -> bool:
        """Whether the client means to send another request on this connection (RFC 9112 section 9.3)."""
        if self.http11:
            return b"close" not in self.connection
        return b"keep-alive" in self.connection and b"close" not in self.connection

    @property
    def has_body(self) -> bool:
        return self.chunked or bool(self.content_length)

    def values(self, name: str) -> Sequence[str]:
        """The values of a field that is forwarded, in order; `name` in lower case."""
        wanted = name.encode("latin-1")
        pairs = (split_line(line) for line in self.lines)
        return [value.decode("latin-1") for key, value in pairs if key == wanted]

    def __repr__(self) -> str:
        return f"<RequestHead {self.method} {self.path}>"  # never the query or fields: they may hold secrets


class RequestParser:
    """Parses request heads. Safe to share by all connections of a process: it keeps nothing but the line table."""

    def __init__(self, *, allow_encoded_slash: bool = False) -> None:
        self.table = LineTable(classify)
        self.allow_encoded_slash = allow_encoded_slash

    def parse(self, block: bytes) -> RequestHead:
        """The head in `block`, which excludes the empty line that ends it. Raises Refusal."""
        lines = block.split(b"\r\n")
        head = _parse_request_line(lines[0], self.allow_encoded_slash)
        if len(lines) > MAX_FIELDS:
            raise Refusal(431, "head_too_large", f"the head has more than {MAX_FIELDS} field lines")
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
            raise bad_head(str(error)) from None
        _judge(head)
        return head


def _parse_request_line(line: bytes, allow_encoded_slash: bool) -> RequestHead:
    parts = line.split(b" ")
    if len(parts) != 3:
        raise bad_head("the request line is not `method SP target SP version`")
    method, target, version = parts
    if version == b"HTTP/1.1":
        http11 = True
    elif version == b"HTTP/1.0":
        http11 = False
    elif re.fullmatch(rb"HTTP/[0-9]\.[0-9]", version):
        raise Refusal(505, "version", "only HTTP/1.1 and HTTP/1.0 are served here")
    else:
        raise bad_head("the request line has no valid HTTP version")
    if not _TOKEN.fullmatch(method):
        raise bad_head("the method is not a token")
    if not _TARGET.fullmatch(target):
        raise bad_head("the request target holds bytes that are not allowed there")
    head = RequestHead(method.decode("ascii"), target.decode("latin-1"), http11)
    _read_target(head, allow_encoded_slash)
    return head


def _read_target(head: RequestHead, allow_encoded_slash: bool) -> None:
    target = head.target
    if head.method == "CONNECT":
        raise Refusal(501, "connect", "CONNECT is not served: this is a reverse proxy")
    if head.method == "TRACE":
        raise Refusal(405, "trace", "TRACE is not allowed here")
    if target == "*":
        if head.method != "OPTIONS":
            raise bad_head("the target * is for OPTIONS only")
        return
    if target[0] != "/":
        absolute = _ABSOLUTE.fullmatch(target)
        if absolute is None:
            raise bad_head("the request target is neither a path nor an absolute http URI")
        # RFC 9112 section 3.2.2: the authority of an absolute target replaces the Host field.
        head.host_value = absolute.group(1).encode("latin-1")
        target = absolute.group(2)
        if not target.startswith("/"):
            target = "/" + target
    path, head.raw_query = split_target(target)
    try:
        head.path = normalise(path, allow_encoded_slash=allow_encoded_slash)
        if head.raw_query:
            refuse_bad_query(head.raw_query)
    except BadTarget as error:
        raise bad_head(str(error)) from None


def _note(head: RequestHead, field: Field, line: bytes) -> None:
    name = field.name
    if name == "host":
        if head.host_at >= 0:
            raise bad_head("there are two Host fields")
        head.host_at = len(head.lines)
        head.host = field.parsed
        head.lines.append(line)
        if not head.host_value:
            head.host_value = field.value
    elif name == "connection":
        head.connection += field.parsed
    elif name == "content-length":
        if head.content_length is not None:
            raise bad_head("there are two Content-Length fields")
        head.content_length = field.parsed
        head.lines.append(b"Content-Length: %d" % field.parsed if field.value[:1] == b"0" else line)
    elif name == "transfer-encoding":
        if head.chunked or field.parsed != (b"chunked",):
            raise bad_head("the only transfer coding understood is `chunked`, once and alone")
        head.chunked = True
    elif name == "expect":
        head.expect_continue = field.value.lower() == b"100-continue"
        if head.http11:
            head.lines.append(line)
    else:
        _note_rare(head, field, line)


def _note_rare(head: RequestHead, field: Field, line: bytes) -> None:
    name = field.name
    if name == "upgrade":
        head.upgrade = head.upgrade + b"," + field.value if head.upgrade else field.value
    elif name == "traceparent":
        head.traceparent = field.value if not head.traceparent else b"?"  # two of them are as good as none
    elif name == "tracestate":
        head.tracestate += (line,)
    elif name == "x-request-id":
        head.request_id = field.value
    elif name == "max-forwards":
        if head.method == "OPTIONS":
            head.max_forwards = field.value
        else:  # RFC 9110 section 7.6.2: of no meaning to other methods
            head.lines.append(line)
    elif name == "x-strangler-side":
        head.side = field.value.lower()
    elif name == "grpc":
        head.grpc = True
        head.lines.append(line)
    else:
        head.forwarding += ((field, line),)


def _judge(head: RequestHead) -> None:
    """What can only be said of the whole head (RFC 9112 sections 3.2, 6.1 and 6.3)."""
    if head.http11:
        if head.host_at < 0:
            raise bad_head("an HTTP/1.1 request needs a Host field")
    elif head.chunked:
        raise bad_head("Transfer-Encoding is not allowed in HTTP/1.0")
    if head.chunked and head.content_length is not None:
        raise bad_head("both Content-Length and Transfer-Encoding are there")
    if head.target[0] != "/" and head.target != "*":
        _take_absolute_host(head)
    if head.connection and not _PLAIN_CONNECTION.issuperset(head.connection):
        _drop_nominated(head)


_PLAIN_CONNECTION: Final = frozenset({b"keep-alive", b"close", b"upgrade", b"te"})
# Nominating one of these must not take it from the upstream: routing, framing and access control rest on them.
_NOT_TO_NOMINATE: Final = frozenset({b"host", b"content-length", b"expect"})


def _take_absolute_host(head: RequestHead) -> None:
    head.host = parse_host(head.host_value)
    line = b"Host: " + head.host_value
    if head.host_at >= 0:
        head.lines[head.host_at] = line
    else:
        head.host_at = len(head.lines)
        head.lines.append(line)


def _drop_nominated(head: RequestHead) -> None:
    """RFC 9110 section 7.6.1: what Connection names goes no further."""
    nominated = frozenset(head.connection) - _NOT_TO_NOMINATE
    host_line = head.lines[head.host_at] if head.host_at >= 0 else None
    head.lines = [line for line in head.lines if split_line(line)[0] not in nominated]
    if host_line is not None:
        head.host_at = head.lines.index(host_line)
    head.forwarding = tuple(pair for pair in head.forwarding if pair[0].name.encode() not in nominated)
    if b"tracestate" in nominated:
        head.tracestate = ()
    if b"traceparent" in nominated:
        head.traceparent = b""
