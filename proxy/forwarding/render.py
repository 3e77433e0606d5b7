"""What goes over the wire to an upstream, and what a route changes in its answer: pure functions on heads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.wire.fields import split_line
from proxy.wire.rewrite import map_location, private_cache_control, temporary_status_line

if TYPE_CHECKING:
    from proxy.forwarding.exchange import Exchange
    from proxy.forwarding.plan import Plan
    from proxy.forwarding.pool import EndpointPool
    from proxy.forwarding.sticky import Visit
    from proxy.forwarding.tries import Tries
    from proxy.wire.head import RequestFields, RequestHead
    from proxy.wire.problem import LocalAnswer
    from proxy.wire.response import ResponseHead

VIA11 = b"\r\nVia: 1.1 strangler"
VIA10 = b"\r\nVia: 1.0 strangler"  # RFC 9110 section 7.6.3: the version the message was received with


def render_request(exchange: Tries, pool: EndpointPool, body: bytes) -> bytes:
    """The request head for an endpoint, with what there is of the body behind it."""
    head, plan = exchange.head, exchange.plan
    fields = head.fields
    if head.plain_line and plan.rewrite is None and not pool.prefix:
        request_line = head.plain_line
    else:
        request_line = _request_line(head, plan, pool.prefix)
    block = fields.block
    if plan.edits_request or not fields.host_line:
        block = _edit_request(fields, plan, pool.authority)
    return b"".join(
        (
            request_line,
            block,
            exchange.origin.forwarding_lines(head),
            b"\r\nX-Request-Id: ",
            exchange.request_id,
            exchange.trace,
            VIA11 if head.http11 else VIA10,
            _framing(exchange) if exchange.upgrade or fields.chunked else b"\r\n\r\n",
            body,
        )
    )


def _request_line(head: RequestHead, plan: Plan, prefix: str) -> bytes:
    path = head.path if plan.rewrite is None else plan.rewrite(head.path)
    if path != "*":
        path = prefix + path
    query = b"" if head.raw_query is None else b"?" + head.raw_query
    return f"{head.method} {path}".encode("latin-1") + query + b" HTTP/1.1"


def _edit_request(fields: RequestFields, plan: Plan, authority: bytes) -> bytes:
    lines = fields.lines.copy()
    host_line = b"Host: " + authority
    if not fields.host_line:  # HTTP/1.0 may lack a Host, HTTP/1.1 may not
        lines.insert(0, host_line)
    elif plan.group is not None and plan.group.own_host:
        lines[lines.index(fields.host_line)] = host_line
    if plan.request_edits is not None:
        lines = plan.request_edits.apply(lines)
    return b"".join([b"\r\n" + line for line in lines])


def _framing(exchange: Tries) -> bytes:
    if exchange.upgrade:
        return b"\r\nConnection: Upgrade\r\nUpgrade: " + exchange.upgrade + b"\r\n\r\n"
    return b"\r\nTransfer-Encoding: chunked\r\n\r\n"


def render_answer(exchange: Exchange, head: ResponseHead, data: bytes, fields: bytes = b"") -> bytes:
    """The answer head for an HTTP/1.x client, with what there is of the body behind it.

    `fields` are those of this connection, each with a leading CRLF.
    """
    if not head.dated:  # RFC 9110 section 6.6.1
        fields += b"\r\n" + exchange.forwarder.date_line
    if exchange.adds_lines:
        fields += b"".join([b"\r\n" + line for line in own_lines(exchange)])
    return b"".join((head.block, b"\r\nX-Request-Id: ", exchange.request_id, fields, b"\r\n\r\n", data))


def own_lines(exchange: Exchange) -> list[bytes]:
    """What we say ourselves on an answer: cookies that keep a user on a side, and the decision to a trusted caller."""
    visit = exchange.visit
    lines = [] if visit is None else exchange.forwarder.stickiness.answer_lines(exchange, visit)
    if exchange.tells_decision:
        lines.append(_decision_line(exchange, visit))
    return lines


def _decision_line(exchange: Exchange, visit: Visit | None) -> bytes:
    decision = exchange.plan.decision
    bucket = "-" if visit is None or visit.bucket is None else visit.bucket
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
    if head.location:
        mapped = _map_location(exchange, split_line(head.location)[1])
        if mapped is not None:
            lines = [b"Location: " + mapped if line == head.location else line for line in head.lines]
            head = head.evolve(head.status_line, lines)
    plan = exchange.plan
    if not plan.edits:
        return head
    if plan.last_answer is None or plan.last_answer[0] is not head:
        plan.last_answer = (head, _edit_for_route(plan, head))
    return plan.last_answer[1]


def _edit_for_route(plan: Plan, head: ResponseHead) -> ResponseHead:
    status_line, lines = head.status_line, head.lines.copy()
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
    host = exchange.head.fields.host_value
    public = f"{exchange.origin.scheme}://".encode("ascii") + host
    prefixes = exchange.plan.prefixes
    if pool.prefix:
        inner, outer = prefixes or (b"", b"")
        prefixes = (pool.prefix.encode("latin-1") + inner, outer)
    # Where the endpoint is the public address itself, there is nothing to map.
    authority = b"\x00" if pool.authority == host else pool.authority
    return map_location(location, authority, public, prefixes)
