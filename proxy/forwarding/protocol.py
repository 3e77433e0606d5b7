"""The server side of the wire: one client connection, its requests one after the other.

Reads heads, hands bodies on, writes answers. It keeps answers in order (pipelined requests wait their turn), never
lets an answer end well that was broken off, and buffers no more than one high-water mark in either direction.
"""

from __future__ import annotations

import asyncio
from typing import Final, cast

from proxy.forwarding.body import RequestBody
from proxy.forwarding.client import (
    ANSWER,
    BODY,
    GONE,
    HALF_CLOSE_SECONDS,
    HEAD,
    HELD,
    HIGH_WATER_BYTES,
    TUNNEL,
    reset,
)
from proxy.forwarding.cork import Sender
from proxy.forwarding.exchange import Exchange
from proxy.forwarding.files import REFUSED_AT_ONCE
from proxy.forwarding.forwarder import Forwarder
from proxy.forwarding.held import HeldClient
from proxy.forwarding.origin import Origin
from proxy.forwarding.outcome import Outcome
from proxy.forwarding.render import render_answer, render_local, render_switch
from proxy.forwarding.tunnel import Tunnel
from proxy.forwarding.upstream import UpstreamConnection
from proxy.wire.fields import BARE_LF
from proxy.wire.framing import LAST_CHUNK, encode_chunk
from proxy.wire.head import NO_EXTRAS, RequestHead
from proxy.wire.problem import LocalAnswer
from proxy.wire.refusal import Refusal
from proxy.wire.response import LENGTH, NO_BODY, Body, ResponseHead

TURN_BYTES: Final = 16 * 1024
"""How much of one client's heads or chunks is worked through before the next client's turn."""

CR: Final = 13
MAX_EMPTY_LINES: Final = 8  # on one connection; some clients send one behind a body


class ClientConnection(HeldClient):
    """A client connection."""

    def __init__(self, forwarder: Forwarder) -> None:
        super().__init__(forwarder)
        self.http11 = True
        self._last_head: RequestHead | None = None  # with its secrets, for as long as the connection lives
        self._last_request = b""  # what came, where it was that head and nothing else
        self._body: RequestBody | None = None
        self._half_closed = False  # the client sends no more
        self._empty_lines = 0  # in a row
        self._unread = b""  # what came in one piece and is worked through in turns
        self._scanned = 0  # bytes of an incomplete head that were looked at
        self._close_after = False  # the connection ends with this answer
        self._close_delimited = False  # the client takes the connection's end for the answer's
        self._chunked = False  # the answer's body is being chunked

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=HIGH_WATER_BYTES)
        self._sender = Sender(self.transport, self.forwarder.cork)
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if isinstance(peer, tuple) else "127.0.0.1"  # a Unix socket's peer is this machine
        self._scheme = "https" if transport.get_extra_info("ssl_object") else "http"
        self.origin = Origin(self.forwarder.active, self._peer, self._scheme)
        self.quiet_since = self.forwarder.now
        self.draining = self.forwarder.draining  # it was waiting while the port was closed
        clients = self.forwarder.clients
        clients.add(self)
        if len(clients) > self.forwarder.max_connections:
            self.forwarder.counters.connections_refused += 1
            self._refuse(Refusal(503, "connection_limit", "the server has as many connections as it may have"))
            if len(clients) > self.forwarder.max_connections + REFUSED_AT_ONCE:
                self._close()

    def data_received(self, data: bytes) -> None:
        if data == self._last_request and self.state is HEAD and not self._pending and not self.stalled:
            assert self._last_head is not None
            self._start(self._last_head)  # the same request again
        elif (len(data) > TURN_BYTES or self._unread) and not self._body_is_plain:
            self._take_turns(data)
        else:
            self._receive(data)

    def _take_turns(self, data: bytes) -> None:
        """Work through what is much in pieces, one in each turn of the event loop: others want to be served too."""
        if not self._unread:
            self.transport.pause_reading()
            asyncio.get_running_loop().call_soon(self._next_turn)
        self._unread += data

    def _next_turn(self) -> None:
        if not self._unread or self.state is GONE or self._reading_paused:
            return  # a tunnel has taken it, it was worked through already, or going on is `resume_reading`'s business
        piece, self._unread = self._unread[:TURN_BYTES], self._unread[TURN_BYTES:]
        self._receive(piece)
        if self._unread:
            asyncio.get_running_loop().call_soon(self._next_turn)
        elif not self._reading_paused and not self.transport.is_closing():
            self.transport.resume_reading()

    def resume_reading(self) -> None:
        if not self._unread:
            super().resume_reading()
        elif self._reading_paused:
            self._reading_paused = False
            asyncio.get_running_loop().call_soon(self._next_turn)

    @property
    def _body_is_plain(self) -> bool:
        """Whether what comes is a body of known length, which costs nothing to read."""
        return self.state is BODY and self._body is not None and not self._body.chunked

    def _receive(self, data: bytes) -> None:
        state = self.state
        if state is HEAD:
            self._pending = self._pending + data if self._pending else data
            self._read_requests()
        elif state is BODY:
            self._read_body(data)
        elif state is ANSWER or state is HELD:
            self._pending += data
            if len(self._pending) > HIGH_WATER_BYTES:
                self.pause_reading()

    def eof_received(self) -> bool:
        self._sender.flush()  # an answer of this very turn
        if self.state is ANSWER and self.transport.can_write_eof():
            # Perhaps only its sending side is closed; a client that is gone will not miss its answer.
            self.draining = self._half_closed = True
            self.closing_at = self.forwarder.now + HALF_CLOSE_SECONDS
            return True
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave_line()
        self.state = GONE
        self.forwarder.clients.discard(self)
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.client_gone()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.state is HEAD:
            self.resume_reading()
            if self._pending:
                self._read_requests()

    # reading requests

    def _read_requests(self) -> None:
        """Start every request that may start now; answers that are there at once let the next one begin."""
        if self._busy:
            return
        if self.stalled:  # who does not read its answers gets no more of them
            if len(self._pending) > HIGH_WATER_BYTES:
                self.pause_reading()
            return
        self._busy = True
        try:
            while self._read_head() and self._pending and self.state is HEAD and not self.stalled:
                pass
        except Refusal as refusal:
            self._refuse(refusal)
        finally:
            self._busy = False

    def _read_head(self) -> bool:
        """Read one head, if it is complete, and start its exchange. Raises Refusal."""
        data = self._pending
        block, end, rest = data.partition(b"\r\n\r\n")
        forwarder = self.forwarder
        if data[0] == CR:
            return self._skip_empty_line(data)
        if not end or len(block) > forwarder.target_bytes:
            self._judge_size(block)
            if not end:
                self._judge_incomplete(block)
                return False
        head = self._last_head = forwarder.parser.parse(block, self._last_head)
        self._last_request = b""
        self._pending = rest
        if self.closing_at is not None:  # this head came in pieces
            self.closing_at = None
            self._scanned = 0
        self.http11 = head.http11
        fields = head.fields
        self._close_after = (fields.extras is not NO_EXTRAS or not head.http11) and not head.keep_alive
        if fields.content_length or fields.chunked:
            self._start_with_body(head)
        else:
            if not rest and not self._close_after:
                self._last_request = data
            self._start(head)
        return True

    def _start(self, head: RequestHead) -> None:
        """Start the exchange of a request without a body. Raises Refusal."""
        if self.forwarder.holding is not None and self._must_wait(head):
            return
        exchange = self._open(head)
        self.state = ANSWER
        self.exchange = exchange
        exchange.start(b"", True)

    def _open(self, head: RequestHead) -> Exchange:
        forwarder, origin = self.forwarder, self.origin
        if origin.active is not forwarder.active:
            origin = self.origin = Origin(forwarder.active, self._peer, self._scheme)
        return forwarder.open(head, self, origin)

    def _skip_empty_line(self, data: bytes) -> bool:
        """RFC 9112 section 2.2: an empty line before a request is ignored. Raises Refusal when there are many."""
        if len(data) == 1:
            self._judge_incomplete(data)
            return False
        self._empty_lines += 1
        if data[:2] != b"\r\n" or self._empty_lines > MAX_EMPTY_LINES:
            raise Refusal(400, "bad_request", "something other than a request stands where a request should")
        self._pending = data[2:]
        if not self._pending:
            self.closing_at = None
        return bool(self._pending)

    def _start_with_body(self, head: RequestHead) -> None:
        if self.forwarder.holding is not None and self._must_wait(head):
            return
        exchange = self._open(head)
        self._empty_lines = 0
        data, self._pending = self._pending, b""
        if len(data) == head.fields.content_length and len(data) <= exchange.plan.body_bytes:
            self.state = ANSWER  # all of it, and nothing else, is there already
            self.exchange = exchange
            exchange.start(data, True)
            return
        body = self._body = RequestBody(head, exchange.plan.body_bytes)
        self.state = BODY
        first = body.take(data) if data else b""
        self.exchange = exchange
        if body.done:
            self.state = ANSWER
            self._pending = body.rest
        exchange.start(first, body.done)

    def _read_body(self, data: bytes) -> None:
        body, exchange = self._body, self.exchange
        assert body is not None
        try:
            framed = body.take(data)
        except Refusal as refusal:
            if exchange is not None:
                exchange.fail(Outcome(refusal.outcome), refusal.detail)
            return
        if body.done:
            self.state = ANSWER
            self._pending = body.rest
        if exchange is not None and (framed or body.done):
            exchange.send_body(framed, last=body.done)

    def _judge_size(self, block: bytes) -> None:
        """A head that is long, or not all there. Raises Refusal."""
        most_line, most = self.forwarder.target_bytes, self.forwarder.head_bytes
        line_end = block.find(b"\n")
        if (line_end if line_end >= 0 else len(block)) > most_line:
            raise Refusal(414, "target_too_long", f"the request line is longer than {most_line} bytes")
        if len(block) > most:
            raise Refusal(431, "head_too_large", f"the head is larger than {most} bytes")

    def _judge_incomplete(self, data: bytes) -> None:
        """A head that is not all there gets its time. Raises Refusal when it will never be one."""
        unread = max(self._scanned - 1, 0)  # a head that dribbles in is not searched again and again
        self._scanned = len(data)
        if BARE_LF.search(data, unread):
            raise Refusal(400, "bad_request", "a line of the head does not end with CRLF")
        if self.closing_at is None:
            self.closing_at = self.forwarder.monotonic() + self.forwarder.head_seconds

    # writing answers

    def send_interim(self, head: ResponseHead) -> None:
        self._sender.send(b"\r\n".join((head.status_line, *head.lines, b"", b"")))

    def send_head(self, exchange: Exchange, head: ResponseHead, body: Body, data: bytes, last: bool) -> None:
        delimited = body is LENGTH or body is NO_BODY
        if delimited and exchange.request_done and self.http11 and not self._close_after and not self.draining:
            self._chunked = False
            answer = render_answer(exchange, head, data)
            if last and not self._pending and not self._unread:
                self._sender.send_soon(answer)
            else:  # before a request that waits is begun, it must be known whether the client reads
                self._sender.send(answer)
        else:
            self._send_unusual_head(exchange, head, data, last, delimited)
        if last:
            self._end_answer()

    def _send_unusual_head(
        self, exchange: Exchange, head: ResponseHead, data: bytes, last: bool, delimited: bool
    ) -> None:
        """The head of an answer that the proxy delimits anew, or after which the connection may end."""
        self._chunked = not delimited and self.http11
        self._close_delimited = not delimited and not self.http11
        if self._close_delimited or not exchange.request_done or (self.draining and not self._pending):
            self._close_after = True  # an early answer leaves a request that nobody will read
        fields = b""
        if self._chunked:
            fields = b"\r\nTransfer-Encoding: chunked"
            data = (encode_chunk(data) if data else b"") + (LAST_CHUNK if last else b"")
        if self._close_after:
            fields += b"\r\nConnection: close"
        elif not self.http11:
            fields += b"\r\nConnection: keep-alive"
        self._sender.send(render_answer(exchange, head, data, fields))

    def send_data(self, data: bytes, last: bool) -> None:
        if self._chunked:
            data = (encode_chunk(data) if data else b"") + (LAST_CHUNK if last else b"")
        if data:
            self._sender.send(data)
        if last:
            self._end_answer()

    def send_local(self, exchange: Exchange, answer: LocalAnswer) -> None:
        if self.state is BODY or (self.draining and not self._pending):
            self._close_after = True
        self._sender.send(
            render_local(
                answer, exchange.request_id, self.forwarder.date_line,
                close=self._close_after, http11=self.http11, body=exchange.method != "HEAD",
            )
        )  # fmt: skip
        self._end_answer()

    def _turn_away(self, head: RequestHead, route: str, outcome: Outcome) -> None:
        """Answer a request that may not wait for the end of a handover, or has waited too long."""
        origin = Origin(self.forwarder.active, self._peer, self._scheme)
        self.forwarder.turn_away(head, self, origin, route, outcome)

    def _refuse(self, refusal: Refusal) -> None:
        """Answer what no exchange was made for. What stands behind a bad head cannot be told, so this is the end."""
        answer, request_id = self.forwarder.refuse(refusal, self._peer)
        self._sender.send(
            render_local(answer, request_id, self.forwarder.date_line, close=True, http11=True, body=True)
        )
        self._linger()

    def _end_answer(self) -> None:
        self.exchange = None
        if self._close_after or self.state is BODY or (self._half_closed and not self._pending):
            if self.state is BODY or self._pending or self._reading_paused:
                self._linger()
            else:
                self._close()
            return
        self.state = HEAD
        self.quiet_since = self.forwarder.now
        if self._reading_paused:
            self.resume_reading()
        if self._pending:
            self._read_requests()

    def abort(self) -> None:
        """The answer is broken, and the client must see that it is."""
        self.exchange = None
        if self._close_delimited or self.stalled:
            self.state = GONE
            reset(self.transport)
        else:
            self._close()

    def switch(self, exchange: Exchange, upstream: UpstreamConnection, head: ResponseHead, data: bytes) -> None:
        """Send the 101 and become a tunnel."""
        self.state = TUNNEL
        self._sender.send(render_switch(exchange, head) + data)
        early, self._pending, self._unread = self._pending + self._unread, b"", b""
        gauges = self.forwarder.counters.gauges
        gauges.tunnels += 1

        def lost(exc: Exception | None) -> None:
            gauges.tunnels -= 1
            exchange.close_tunnel()
            self.exchange = None
            self.connection_lost(exc)

        self._tunnel = exchange.tunnel = Tunnel(self.transport, upstream.transport, lost, upstream.connection_lost)
        if early:
            upstream.send(early)
