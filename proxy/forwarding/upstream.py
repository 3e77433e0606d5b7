"""The client side of the wire: one connection to an endpoint, one exchange at a time.

Reads answer heads strictly, delimits bodies, and hands both to the exchange. A connection is used again only if its
last answer ended exactly where it said it would, with nothing behind it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from typing import TYPE_CHECKING, Final, Protocol, cast

from proxy.forwarding.cork import Sender
from proxy.wire.fields import BARE_LF
from proxy.wire.framing import BadChunk, ChunkedDecoder
from proxy.wire.refusal import BadAnswer
from proxy.wire.response import (
    CHUNKED,
    LENGTH,
    MAX_HEAD_BYTES,
    NO_BODY,
    UNTIL_CLOSE,
    Body,
    ResponseHead,
    ResponseParser,
)

if TYPE_CHECKING:
    from proxy.forwarding.pool import EndpointPool

MAX_INTERIM: Final = 64
"""1xx answers before the final one; more is a bad answer."""

LAST_PIECES: Final = 4
LAST_PIECE_BYTES: Final = 64 * 1024
"""What is read of an answer whose connection has failed already: one that comes early is short."""

PARSER: Final = ResponseParser()


class AnswerReceiver(Protocol):
    """Whom a connection tells about the answer: the exchange."""

    method: str

    def receive_interim(self, head: ResponseHead) -> None: ...
    def receive_head(self, head: ResponseHead, body: Body, data: bytes, last: bool) -> None: ...
    def receive_data(self, data: bytes, last: bool) -> None: ...
    def receive_switch(self, head: ResponseHead, data: bytes) -> None: ...
    def upstream_broken(self, error: BadAnswer) -> None: ...
    def upstream_lost(self, error: Exception | None, *, silent: bool) -> None: ...
    def upstream_full(self) -> None: ...
    def upstream_drained(self) -> None: ...


_READ_BUFFER: Final = memoryview(bytearray(64 * 1024))


class _LongBody(asyncio.BufferedProtocol):
    """Reads the rest of a long body in pieces of 64 KiB instead of uvloop's 250: a slow client pins less memory."""

    def __init__(self, connection: UpstreamConnection) -> None:
        self._connection = connection

    def get_buffer(self, _sizehint: int) -> memoryview:
        return _READ_BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        self._connection.data_received(bytes(_READ_BUFFER[:nbytes]))

    def eof_received(self) -> None:
        self._connection.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connection.connection_lost(exc)

    def pause_writing(self) -> None:
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        self._connection.resume_writing()


def _acknowledge_at_once(transport: asyncio.Transport) -> None:
    """Let the system tell the sender now what has come, and not after the 40 ms that it may wait with that.

    On one machine, and with jumbo frames, a first piece may be all that the sender has room to keep until then.
    """
    sock = transport.get_extra_info("socket")
    if sock is not None and hasattr(socket, "TCP_QUICKACK"):  # Linux
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


class UpstreamConnection(asyncio.Protocol):
    """A connection. `reused` says that an earlier exchange ran on it, `idle_since` when it was put back."""

    transport: asyncio.Transport

    def __init__(self, pool: EndpointPool) -> None:
        self.pool = pool
        self.receiver: AnswerReceiver | None = None
        self.counted = False  # by the pool
        self.reused = False
        self.closing = False
        self.idle_since = 0.0
        self._keep_alive = False  # the upstream will read another request
        self._body: Body | None = None  # None while an answer's head is awaited
        self._left = 0
        self._decoder: ChunkedDecoder | None = None
        self._held = b""
        self._interim = 0
        self._tainted = False
        self._reading_paused = False
        self._long_body = False
        self._ended_well = False

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._sender = Sender(self.transport, self.pool.cork)

    def data_received(self, data: bytes) -> None:
        body = self._body
        if self.receiver is None:
            self.close()  # an answer nobody asked for
        elif body is None:
            self._read_head(self._held + data if self._held else data)
        elif body is LENGTH:
            self._read_length(data)
        elif body is UNTIL_CLOSE:
            self.receiver.receive_data(data, last=False)
        else:
            self._read_chunks(data)

    def eof_received(self) -> None:
        """A FIN, or with TLS the closure alert: without it, a body that ends with the connection was cut.

        RFC 9112 section 9.8.
        """
        self._ended_well = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.closing = True
        self.pool.forget(self)
        if isinstance(exc, OSError) and self.receiver is not None:
            self._read_what_came()
        receiver, self.receiver = self.receiver, None
        if receiver is None:
            return
        if self._body is UNTIL_CLOSE and exc is None and self._ended_well:
            receiver.receive_data(b"", last=True)
        else:
            receiver.upstream_lost(exc, silent=self._body is None and not self._held and not self._interim)

    def _read_what_came(self) -> None:
        """An upstream that answers early and closes resets what we still send; its answer may lie in the socket unread.

        Of TLS there is nothing to read here. Go's transport waits for the answer after a failed write, too.
        """
        sock = self.transport.get_extra_info("socket")
        if sock is None or self.transport.get_extra_info("ssl_object") is not None:
            return
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(sock.fileno())) as unread:
            unread.setblocking(False)
            for _ in range(LAST_PIECES):
                data = unread.recv(LAST_PIECE_BYTES)
                if not data or self.receiver is None:
                    break
                self.data_received(data)

    def pause_writing(self) -> None:
        if self.receiver is not None:
            self.receiver.upstream_full()

    def resume_writing(self) -> None:
        if self.receiver is not None:
            self.receiver.upstream_drained()

    # the exchange's side

    def begin(self, receiver: AnswerReceiver, request: bytes) -> None:
        """Send a request head, and what there is of its body; the answer goes to `receiver`."""
        self.receiver = receiver
        self._body = None
        self._interim = 0
        self._sender.send_soon(request)

    def send(self, data: bytes) -> None:
        """More of the request."""
        self._sender.send(data)

    def end(self, reusable: bool, now: float) -> None:
        """The exchange is over. The connection goes back to the pool, or is closed."""
        self.receiver = None
        if self._reading_paused:
            self.resume_reading()
        if self._long_body:
            self._long_body = False
            self.transport.set_protocol(self)
        if reusable and self._keep_alive and not self._tainted and not self.closing:
            self.idle_since = now
            self.pool.put(self)
        else:
            self.close()

    def read_in_pieces(self) -> None:
        """The answer's body goes on after what came with its head."""
        self._long_body = True
        self.transport.set_protocol(_LongBody(self))
        _acknowledge_at_once(self.transport)

    def pause_reading(self) -> None:
        if not self._reading_paused and not self.closing:
            self._reading_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        if self._reading_paused and not self.closing:
            self._reading_paused = False
            self.transport.resume_reading()

    def close(self) -> None:
        self.receiver = None
        if not self.closing:
            self.closing = True
            self.transport.abort()  # nothing we wrote is still wanted

    # reading answers

    def _read_head(self, data: bytes) -> None:
        block, end, data = data.partition(b"\r\n\r\n")
        if not end:
            self._hold(block)
            return
        self._held = b""
        pool = self.pool
        try:
            if block != pool.last_block:
                pool.last_head = PARSER.parse(block)
                pool.last_block = block
            head = pool.last_head
            if head.status >= 200:
                self._begin_body(head, data)
            else:
                self._read_interim(head, data)
        except BadAnswer as error:
            self._break(error)

    def _hold(self, data: bytes) -> None:
        if len(data) > MAX_HEAD_BYTES:
            self._break(BadAnswer("the head is too large"))
        elif data[:7] != b"HTTP/1."[: len(data)]:
            self._break(BadAnswer("the answer does not begin with an HTTP/1.x status line"))
        elif BARE_LF.search(data, max(len(self._held) - 1, 0)):
            self._break(BadAnswer("a line of the head does not end with CRLF"))
        else:
            self._held = data

    def _read_interim(self, head: ResponseHead, data: bytes) -> None:
        assert self.receiver is not None
        self._interim += 1
        if self._interim > MAX_INTERIM:
            raise BadAnswer(f"more than {MAX_INTERIM} interim answers")
        if head.status == 101:
            self.receiver.receive_switch(head, data)
            return
        self.receiver.receive_interim(head)
        if data:
            self._read_head(data)

    def _begin_body(self, head: ResponseHead, data: bytes) -> None:
        receiver = self.receiver
        assert receiver is not None
        self._keep_alive = head.keep_alive
        body = self._body = head.body if receiver.method != "HEAD" else NO_BODY
        if body is LENGTH:
            length = head.content_length or 0
            self._left = left = length - len(data)
            if left < 0:
                self._tainted = True
                data = data[:length]
            receiver.receive_head(head, body, data, left <= 0)
        elif body is NO_BODY:
            self._tainted = bool(data)
            receiver.receive_head(head, body, b"", True)
        elif body is UNTIL_CLOSE:
            receiver.receive_head(head, body, data, False)
        else:
            self._begin_chunks(receiver, head, data)

    def _begin_chunks(self, receiver: AnswerReceiver, head: ResponseHead, data: bytes) -> None:
        decoder = self._decoder = ChunkedDecoder(padded=True)
        try:
            content = decoder.feed(data)
        except BadChunk as error:
            raise BadAnswer(str(error)) from None
        self._tainted = bool(decoder.rest)
        receiver.receive_head(head, CHUNKED, content, decoder.done)

    def _read_length(self, data: bytes) -> None:
        assert self.receiver is not None
        self._left -= len(data)
        if self._left < 0:
            self._tainted = True
            data = data[: self._left]
        self.receiver.receive_data(data, last=self._left <= 0)

    def _read_chunks(self, data: bytes) -> None:
        assert self.receiver is not None
        assert self._decoder is not None
        try:
            content = self._decoder.feed(data)
        except BadChunk as error:
            self._break(BadAnswer(str(error)))
            return
        if self._decoder.done:
            self._tainted = bool(self._decoder.rest)
            self.receiver.receive_data(content, last=True)
        elif content:
            self.receiver.receive_data(content, last=False)

    def _break(self, error: BadAnswer) -> None:
        receiver = self.receiver
        self.close()
        if receiver is not None:
            receiver.upstream_broken(error)

    def __repr__(self) -> str:
        return f"<UpstreamConnection {self.pool.name} reused={self.reused} closing={self.closing}>"
