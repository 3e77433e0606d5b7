"""What can only be said of a whole head: rules between fields, and requests that are well-formed but not served.

Nothing is repaired here. A head that could be read in two ways is refused (RFC 9112 sections 3.2, 6.1, 6.3 and 11.2).
"""

from typing import Final

from proxy.wire.fields import split_line
from proxy.wire.head import RequestFields, RequestHead
from proxy.wire.host import parse_host
from proxy.wire.refusal import Refusal, bad_head

_PLAIN_CONNECTION: Final = frozenset({b"keep-alive", b"close", b"upgrade", b"te"})
# Nominating one of these must not take it from the upstream: routing and framing rest on them.
_NOT_TO_NOMINATE: Final = frozenset({b"host", b"content-length", b"expect"})


def judge(head: RequestHead, fields: RequestFields) -> None:
    """What can only be said of the whole head (RFC 9112 sections 3.2, 6.1 and 6.3)."""
    if head.http11:
        if not fields.host_line:
            raise bad_head("an HTTP/1.1 request needs a Host field")
    elif fields.chunked:
        raise bad_head("Transfer-Encoding is not allowed in HTTP/1.0")
    if fields.chunked and fields.content_length is not None:
        raise bad_head("both Content-Length and Transfer-Encoding are there")
    if head.authority:
        _take_authority(head.authority, fields)
    named = fields.extras.connection
    if named and not _PLAIN_CONNECTION.issuperset(named):
        _drop_nominated(fields, frozenset(named) - _NOT_TO_NOMINATE)


def _take_authority(authority: bytes, fields: RequestFields) -> None:
    fields.host = parse_host(authority)
    fields.host_value = authority
    line = b"Host: " + authority
    if fields.host_line:
        fields.replace(fields.host_line, line)
    else:
        fields.lines.append(line)
    fields.host_line = line


def _drop_nominated(fields: RequestFields, nominated: frozenset[bytes]) -> None:
    """RFC 9110 section 7.6.1: what Connection names goes no further."""
    extras = fields.extras
    fields.lines = [line for line in fields.lines if split_line(line)[0] not in nominated]
    extras.forwarding = tuple(pair for pair in extras.forwarding if pair[0].name.encode() not in nominated)
    if b"tracestate" in nominated:
        extras.tracestate = ()
    if b"traceparent" in nominated:
        fields.traceparent = b""


def refuse_unserved(head: RequestHead) -> None:
    """Raises Refusal for what this engine does not forward, though HTTP allows it."""
    if head.fields.extras.grpc:
        raise Refusal(415, "grpc", "gRPC needs HTTP/2 trailers, which this engine cannot forward", head)
