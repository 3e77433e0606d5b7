"""A request head: parsed strictly, judged, and taken apart into what is forwarded and what is ours to decide.

One parser serves every request (RFC 9112 sections 2 to 7). It works on a complete head, so that nothing is forwarded
before the whole head has been judged, and it never repairs: what is doubtful is refused with a reason.
"""

import re
from typing import Final

from proxy.observability.tracing import continue_trace
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
    tokens,
)
from proxy.wire.guard import judge
from proxy.wire.head import NO_EXTRAS, Extras, RequestFields, RequestHead
from proxy.wire.host import parse_host
from proxy.wire.path import BadTarget, normalise, refuse_bad_query, split_target
from proxy.wire.refusal import Refusal, bad_head
from proxy.wire.shape import Shapes

MAX_FIELDS: Final = 256
"""Field lines of one head. nginx has no limit, Apache 100, Envoy 100."""

# The request line that nearly every request has: origin form, no escapes in the path. RFC 9112 section 3.
_PLAIN_LINE = re.compile(
    rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) (/[^\x00-\x20\x7f#%?\\]*)(?:\?([^\x00-\x20\x7f#]*))? HTTP/1\.([01])(?=\r\n|\Z)"
)
_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21\x22\x24-\x7e\x80-\xff]+) (HTTP/[0-9]\.[0-9])")
_ABSOLUTE = re.compile(r"https?://([^/?#]+)(.*)", re.IGNORECASE)

# Meant for the next hop only (RFC 9110 section 7.6.1), or consumed here.
_HOP_BY_HOP: Final = frozenset(
    {
        b"keep-alive",
        b"proxy-connection",
        b"proxy-authorization",
        b"proxy-authenticate",
        b"te",
        b"trailer",
        b"http2-settings",
    }
)
# What we set for upstreams, or what only we may say. A name that folds onto one of these is dropped too, because a
# WSGI or CGI server behind us cannot tell them apart.
_FORWARDING: Final = frozenset(
    {b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port", b"forwarded", b"x-real-ip"}
)
_NOTED: Final = frozenset(
    {b"upgrade", b"expect", b"x-request-id", b"traceparent", b"tracestate", b"max-forwards", b"x-strangler-side"}
)
_UNSERVED: Final = frozenset({b"CONNECT", b"TRACE"})
_FOLDS_ONTO_OURS: Final = (
    _HOP_BY_HOP
    | _FORWARDING
    | _NOTED
    | {b"host", b"connection", b"content-length", b"transfer-encoding", b"x-shadow", b"via"}
)


def _fold(name: bytes) -> bytes:
    return name.replace(b"_", b"-").replace(b".", b"-")


def classify(name: bytes) -> Fate | Read:
    """What a request field of this name means to us."""
    reader = _READERS.get(name)
    if reader is not None:
        return reader
    if name in _HOP_BY_HOP:
        return DROP
    if name in _FORWARDING or name in _NOTED:
        text = name.decode("ascii")
        return lambda value: Field(text, value)
    folded = _fold(name)
    if folded.startswith((b"x-strangler-", b"x-forwarded-")) or folded == b"x-shadow":
        return DROP
    if folded != name and folded in _FOLDS_ONTO_OURS:
        return DROP
    return PASS


def _read_length(value: bytes) -> Verdict:
    length = parse_length(value)
    if length is None:
        raise bad_head("Content-Length is not a number")
    return Field("content-length", value, length)


def _read_content_type(value: bytes) -> Verdict:
    kind = value.lower().partition(b";")[0].partition(b"+")[0].strip()
    return Field("grpc", value) if kind == b"application/grpc" else PASS


_READERS: Final[dict[bytes, Read]] = {
    b"host": lambda value: Field("host", value, parse_host(value)),
    b"connection": lambda value: Field("connection", value, tokens(value)),
    b"transfer-encoding": lambda value: Field("transfer-encoding", value, tokens(value)),
    b"content-length": _read_length,
    b"content-type": _read_content_type,
}


class RequestParser:
    """Parses request heads. Safe to share by all connections of a process: it keeps nothing but the line table."""

    def __init__(self, *, allow_encoded_slash: bool = False) -> None:
        self.table = LineTable(classify)
        self.shapes = Shapes(self.table)
        self.allow_encoded_slash = allow_encoded_slash

    def parse(self, block: bytes, previous: RequestHead | None = None) -> RequestHead:
        """The head in `block`, which excludes the empty line that ends it. Raises Refusal.

        `previous` is the head before it on the same connection: clients mostly send the same fields again, and some
        the same head.
        """
        if previous is not None and block == previous.block:
            return previous
        match = _PLAIN_LINE.match(block)
        if match is None:
            return self._parse_unusual(block, previous)
        method, path, query, minor = match.groups()
        if method in _UNSERVED or b"/." in path:
            return self._parse_unusual(block, previous)
        http11 = minor == b"1"
        head = RequestHead(
            method.decode("ascii"), path.decode("latin-1"), query, http11, match.group() if http11 else b""
        )
        head.block = block
        raw = block[match.end() :]
        if previous is None:
            head.fields = self._read_fields(head, raw)
        elif raw == previous.fields.raw and _alike(head, previous):
            head.fields = previous.fields
        else:
            head.fields = self._read_by_shape(head, raw, previous.fields)
        return head

    def _read_by_shape(self, head: RequestHead, raw: bytes, before: RequestFields) -> RequestFields:
        """The fields of a head that mostly looks like one of those before it on its connection."""
        shapes = before.shapes
        if head.http11:
            for shape in shapes:
                fields = shape.read(raw)
                if fields is not None:
                    fields.shapes = shapes if shape is shapes[0] else shapes[::-1]
                    fields.misses = before.misses
                    return fields
        fields = self._read_fields(head, raw)
        fields.shapes = shapes
        misses = fields.misses = before.misses + 1
        if misses & (misses - 1) == 0 and head.http11:  # rarer and rarer, where it is of no use
            found = self.shapes.find(fields)
            if found is not None and found not in shapes:
                fields.shapes = (found, *shapes[:1])
        return fields

    def _parse_unusual(self, block: bytes, previous: RequestHead | None) -> RequestHead:
        line, crlf, rest = block.partition(b"\r\n")
        head = _parse_line(line, self.allow_encoded_slash)
        head.fields = self._read_fields(head, crlf + rest)
        if previous is not None:
            head.fields.shapes, head.fields.misses = previous.fields.shapes, previous.fields.misses
        return head

    def _read_fields(self, head: RequestHead, raw: bytes) -> RequestFields:
        lines = raw.split(b"\r\n")
        if len(lines) > MAX_FIELDS:
            raise Refusal(431, "head_too_large", f"the head has more than {MAX_FIELDS} field lines")
        del lines[0]  # what stands before the first CRLF
        fields = RequestFields(raw, lines)
        table = self.table
        seen = table.verdicts.get
        try:
            for line in table.unusual(lines):
                verdict = seen(line) or table.learn(line)
                if verdict is DROP:
                    lines.remove(line)
                elif verdict is not PASS:
                    _note(head, fields, verdict, line)
        except BadLine as error:
            raise bad_head(str(error)) from None
        if fields.extras is not NO_EXTRAS or fields.chunked or head.authority or not fields.host_line:
            judge(head, fields)
        if fields.traceparent:
            fields.trace = continue_trace(fields.traceparent, fields.extras.tracestate)
        if fields.lines:
            fields.block = b"\r\n" + b"\r\n".join(fields.lines)
        return fields


def _alike(head: RequestHead, previous: RequestHead) -> bool:
    """Whether equal field lines mean the same in both."""
    return head.method == previous.method and bool(head.plain_line and previous.plain_line)


def _parse_line(line: bytes, allow_encoded_slash: bool) -> RequestHead:
    match = _LINE.fullmatch(line)
    if match is None:
        raise bad_head(_explain_line(line))
    _refuse_method(match.group(1))
    method, target, version = (group.decode("latin-1") for group in match.groups())
    if version not in ("HTTP/1.1", "HTTP/1.0"):
        raise Refusal(505, "version", "only HTTP/1.1 and HTTP/1.0 are served here")
    head = RequestHead(method, "*", None, version == "HTTP/1.1")
    if target != "*":
        _read_target(head, target, allow_encoded_slash)
    elif method != "OPTIONS":
        raise bad_head("the target * is for OPTIONS only")
    return head


def _explain_line(line: bytes) -> str:
    parts = line.split(b" ")
    if len(parts) != 3:
        return "the request line is not `method SP target SP version`"
    if not re.fullmatch(rb"HTTP/[0-9]\.[0-9]", parts[2]):
        return "the request line has no valid HTTP version"
    if not re.fullmatch(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", parts[0]):
        return "the method is not a token"
    return "the request target holds bytes that are not allowed there"


def _refuse_method(method: bytes) -> None:
    if method == b"CONNECT":
        raise Refusal(501, "connect", "CONNECT is not served: this is a reverse proxy")
    if method == b"TRACE":
        raise Refusal(405, "trace", "TRACE is not allowed here")


def _read_target(head: RequestHead, target: str, allow_encoded_slash: bool) -> None:
    if target[0] != "/":
        absolute = _ABSOLUTE.fullmatch(target)
        if absolute is None:
            raise bad_head("the request target is neither a path nor an absolute http URI")
        # RFC 9112 section 3.2.2: the authority of an absolute target replaces the Host field.
        head.authority = absolute.group(1).encode("latin-1")
        target = absolute.group(2)
        if not target.startswith("/"):
            target = "/" + target
    path, query = split_target(target)
    head.raw_query = None if query is None else query.encode("latin-1")
    try:
        head.path = normalise(path, allow_encoded_slash=allow_encoded_slash)
        if query:
            refuse_bad_query(query)
    except BadTarget as error:
        raise bad_head(str(error)) from None


def _note(head: RequestHead, fields: RequestFields, field: Field, line: bytes) -> None:
    name = field.name
    if name == "host":
        if fields.host_line:
            raise bad_head("there are two Host fields")
        fields.host_line = line
        fields.host = field.parsed
        fields.host_value = field.value
    elif name == "traceparent":
        fields.lines.remove(line)
        fields.traceparent = b"?" if fields.traceparent else field.value or b"?"  # two of them are as good as none
    elif name == "content-length":
        if fields.content_length is not None:
            raise bad_head("there are two Content-Length fields")
        fields.content_length = field.parsed
        if field.value[:1] == b"0":  # leading zeros are not passed on
            fields.replace(line, b"Content-Length: %d" % field.parsed)
    elif name == "transfer-encoding":
        if fields.chunked or field.parsed != (b"chunked",):
            raise bad_head("the only transfer coding understood is `chunked`, once and alone")
        fields.chunked = True
        fields.lines.remove(line)
    elif name == "expect":
        if not head.http11:  # RFC 9110 section 10.1.1
            fields.lines.remove(line)
    elif name == "connection" and head.http11 and field.parsed == (b"keep-alive",):
        fields.lines.remove(line)  # as HTTP/1.1 does in any case
    else:
        if fields.extras is NO_EXTRAS:
            fields.extras = Extras()
        _note_extra(head, fields, field, line)


def _note_extra(head: RequestHead, fields: RequestFields, field: Field, line: bytes) -> None:
    name, extras = field.name, fields.extras
    if name == "grpc":
        extras.grpc = True
        return
    if name == "max-forwards":
        if head.method == "OPTIONS":  # RFC 9110 section 7.6.2: of no meaning to other methods
            _count_down(fields, field, line)
        return
    fields.lines.remove(line)
    if name == "connection":
        extras.connection += field.parsed
    elif name == "upgrade":
        extras.upgrade = extras.upgrade + b"," + field.value if extras.upgrade else field.value
    elif name == "tracestate":
        extras.tracestate += (line,)
    elif name == "x-request-id":
        extras.request_id = field.value
    elif name == "x-strangler-side":
        extras.side = field.value.lower()
    else:
        extras.forwarding += ((field, line),)


def _count_down(fields: RequestFields, field: Field, line: bytes) -> None:
    hops = parse_length(field.value)
    if hops is None:
        raise bad_head("Max-Forwards is not a number")
    fields.extras.last_hop = fields.extras.last_hop or not hops
    fields.replace(line, b"Max-Forwards: %d" % max(hops - 1, 0))
