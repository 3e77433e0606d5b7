"""What goes over the wire to an upstream, and what a route changes in its answer: pure functions on heads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.wire.fields import split_line
from proxy.wire.framing import LAST_CHUNK, encode_chunk
from proxy.wire.rewrite import map_location, private_cache_control, temporary_status_line

if TYPE_CHECKING:
    from proxy.forwarding.exchange import Exchange
    from proxy.forwarding.pool import EndpointPool
    from proxy.wire.problem import LocalAnswer
    from proxy.wire.response import ResponseHead

VIA11 = b"\r\nVia: 1.1 strangler"
VIA10 = b"\r\nVia: 1.0 strangler"  # RFC 9110 section 7.6.3: the version the message was received with


def render_request(exchange: Exchange, pool: EndpointPool, body: bytes) -> bytes:
    """The request head for an endpoint, with what there is of the body behind it."""
    head, plan = exchange.head, exchange.plan
    lines = head.lines
    if head.plain_line and plan.rewrite is None and not pool.prefix:
        request_line = head.plain_line
    else:
        path = head.path if plan.rewrite is None else plan.rewrite(head.path)
        query = "" if head.raw_query is None else f"?{head.raw_query}"
        prefix = "" if path == "*" else pool.prefix
        request_line = f"{head.method} {prefix}{path}{query} HTTP/1.1".encode("latin-1")
    if not head.host_line:  # HTTP/1.0 may lack a Host, HTTP/1.1 may not
        lines = [b"Host: " + pool.authority, *lines]
    elif plan.group is not None and plan.group.own_host:
        lines = lines.copy()
        lines[lines.index(head.host_line)] = b"Host: " + pool.authority
    if plan.request_edits is not None:
        lines = plan.request_edits.apply(lines)
    return b"".join(
        (
            request_line,
            b"\r\n",
            b"\r\n".join(lines),
            exchange.origin.forwarding_lines(head),
            exchange.id_lines,
            VIA11 if head.http11 else VIA10,
            _framing(exchange),
            b"\r\n\r\n",
            body,
        )
    )


def _framing(exchange: Exchange) -> bytes:
    if exchange.upgrade:
        return b"\r\nConnection: Upgrade\r\nUpgrade: " + exchange.upgrade
    return b"\r\nTransfer-Encoding: chunked" if exchange.head.chunked else b""


def render_answer(
    exchange: Exchange, head: ResponseHead, data: bytes, last: bool, *, chunked: bool, close: bool
) -> bytes:
    """The answer head for an HTTP/1.x client, with what there is of the body behind it."""
    lines = [head.status_line, *head.lines]
    if not head.dated:  # RFC 9110 section 6.6.1
        lines.append(exchange.forwarder.date_line)
    lines.append(b"X-Request-Id: " + exchange.request_id)
    if exchange.steered:
        lines.append(decision_line(exchange))
    if chunked:
        lines.append(b"Transfer-Encoding: chunked")
        data = (encode_chunk(data) if data else b"") + (LAST_CHUNK if last else b"")
    if close:
        lines.append(b"Connection: close")
    elif not exchange.head.http11:
        lines.append(b"Connection: keep-alive")
    lines.append(b"\r\n")
    return b"\r\n".join(lines) + data if data else b"\r\n".join(lines)


def decision_line(exchange: Exchange) -> bytes:
    """For trusted callers: what was decided, and why."""
    decision = exchange.plan.decision
    bucket = "-" if decision.bucket is None else decision.bucket
    text = f"route={decision.route};side={decision.side};reason={decision.reason};bucket={bucket}"
    return b"X-Strangler-Decision: " + text.encode("latin-1")


def render_local(
    answer: LocalAnswer, request_id: bytes, date_line: bytes, *, close: bool, http11: bool, body: bool
) -> bytes:
    """An answer made here, complete; `body` is false for HEAD."""
    lines = [f"HTTP/1.1 {answer.status} {answer.reason}".encode("ascii"), date_line, *answer.lines]
    lines.append(b"X-Request-Id: " + request_id)
    lines.append(b"Content-Length: %d" % len(answer.body))
    if close:
        lines.append(b"Connection: close")
    elif not http11:
        lines.append(b"Connection: keep-alive")
    return b"\r\n".join(lines) + b"\r\n\r\n" + (answer.body if body else b"")


def render_switch(exchange: Exchange, head: ResponseHead) -> bytes:
    """The 101 that begins a tunnel."""
    lines = [head.status_line, *head.lines, b"Connection: Upgrade", b"Upgrade: " + exchange.upgrade]
    return b"\r\n".join((*lines, b"X-Request-Id: " + exchange.request_id, b"", b""))


def edit_answer(exchange: Exchange, head: ResponseHead) -> ResponseHead:
    """The answer's head with what its route and side ask for."""
    plan = exchange.plan
    lines = head.lines.copy()
    status_line = head.status_line
    if head.location:
        mapped = _map_location(exchange, split_line(head.location)[1])
        if mapped is not None:
            lines[lines.index(head.location)] = b"Location: " + mapped
    if plan.split:
        status_line = temporary_status_line(head.status) or status_line
        private = private_cache_control(head.cache_control)
        if private is not None:
            for line in head.cache_control:
                lines.remove(line)
            lines.append(private)
    if plan.response_edits is not None:
        lines = plan.response_edits.apply(lines)
    return head.evolve(status_line, lines)


def _map_location(exchange: Exchange, location: bytes) -> bytes | None:
    pool = exchange.pool
    assert pool is not None
    request = exchange.head
    public = f"{exchange.origin.scheme}://".encode("ascii") + request.host_value
    prefixes = exchange.plan.prefixes
    if pool.prefix:
        inner, outer = prefixes or (b"", b"")
        prefixes = (pool.prefix.encode("latin-1") + inner, outer)
    # Where the endpoint is the public address itself, there is nothing to map.
    authority = b"\x00" if pool.authority == request.host_value else pool.authority
    return map_location(location, authority, public, prefixes)
