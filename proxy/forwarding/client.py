"""A client's socket: back-pressure, time limits, and the ways a connection ends.

What is said on it is `proxy.forwarding.protocol`'s. A connection never ends in a way that could be taken for the good
end of an answer that was broken off, and never waits for a client without a limit.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from abc import ABC, abstractmethod
from enum import IntEnum
from typing import Final, cast

from proxy.forwarding.cork import Sender
from proxy.forwarding.exchange import Exchange
from proxy.forwarding.forwarder import Forwarder
from proxy.forwarding.tunnel import Tunnel
from proxy.wire.refusal import Refusal

HIGH_WATER_BYTES: Final = 64 * 1024
LINGER_SECONDS: Final = 2.0
"""How long a client may go on sending after its answer was cut short by a close."""

HALF_CLOSE_SECONDS: Final = 1.0
"""How long a client that has closed its sending side is given its answer, before it counts as gone."""

SILENCE_SECONDS: Final = 1.0
"""How long an idle connection must have been silent before a drain closes it."""


class State(IntEnum):
    """What the next bytes from the client are."""

    HEAD = 0
    BODY = 1
    ANSWER = 2  # the request is complete, its answer is not: bytes wait
    LINGER = 3  # of no interest: thrown away until the connection is closed
    TUNNEL = 4  # none of our business
    GONE = 5
    HELD = 6  # a request's head was read, and it has to wait before anything else of it is


# An enum's members are slow to reach; these names are for the data path.
HEAD: Final = State.HEAD
BODY: Final = State.BODY
ANSWER: Final = State.ANSWER
LINGER: Final = State.LINGER
TUNNEL: Final = State.TUNNEL
GONE: Final = State.GONE
HELD: Final = State.HELD


class ClientSocket(asyncio.Protocol, ABC):
    """The socket's side of a client connection."""

    transport: asyncio.Transport
    _sender: Sender

    def __init__(self, forwarder: Forwarder) -> None:
        self.forwarder = forwarder
        self.state = HEAD
        self.exchange: Exchange | None = None
        self.draining = False
        self.stalled = False  # the client does not read
        self.quiet_since = forwarder.now
        self.closing_at: float | None = None  # when a head, a lingering or a half-closed connection is given up
        self._peer = ""
        self._pending = b""  # bytes of the next head, or of requests that wait their turn
        self._reading_paused = False
        self._tunnel: Tunnel | None = None

    @abstractmethod
    def _refuse(self, refusal: Refusal) -> None:
        """Answer with an error and end."""

    # back-pressure

    def pause_writing(self) -> None:
        self.stalled = True
        if self.exchange is not None:
            self.exchange.client_full()

    def resume_writing(self) -> None:
        self.stalled = False
        if self.exchange is not None:
            self.exchange.client_drained()

    def pause_reading(self) -> None:
        if not self._reading_paused and self.state is not GONE:
            self._reading_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        if self._reading_paused and self.state is not GONE:
            self._reading_paused = False
            self.transport.resume_reading()

    # ends

    def shutdown(self) -> None:
        """Begin to drain: the next answer says that it is the last, an idle connection is closed soon.

        An answer whose head has gone out has promised another one, and pipelined requests have been received.
        """
        self.draining = True
        self.quiet_since = self.forwarder.now

    def sweep(self, now: float) -> None:
        """Look at the time limits of this connection; called once a second."""
        if self.state is HEAD:
            self._sweep_head(now)
        elif self.closing_at is not None and now > self.closing_at:
            self._give_up(now)

    def _sweep_head(self, now: float) -> None:
        silent = now - self.quiet_since
        if self.stalled:
            if silent > self.forwarder.idle_seconds:
                self.transport.abort()  # the end of its last answer still waits to be read
        elif self._pending:
            if self.closing_at is not None and now > self.closing_at:
                self._refuse(Refusal(408, "head_timeout", "the request head did not arrive in time"))
        elif silent > self.forwarder.idle_seconds:
            self._close()
        elif self.draining and silent > SILENCE_SECONDS:
            self._linger()

    def _give_up(self, now: float) -> None:
        exchange = self.exchange
        if self.state is LINGER:
            self.transport.abort()
        elif exchange is not None and (not exchange.answered or now - exchange.since > HALF_CLOSE_SECONDS):
            self.transport.abort()  # connection_lost tells the exchange

    def _linger(self) -> None:
        """End our side, and read on for a moment: a reset would take the answer from a client that still sends."""
        if not self.transport.can_write_eof():
            self._close()
            return
        self._sender.flush()
        self._leave(LINGER_SECONDS + self._flush_seconds())
        self.transport.write_eof()
        self.resume_reading()

    def _close(self) -> None:
        self._sender.flush()
        # A TLS client may never answer our goodbye, and what waits to be read has its time in any case.
        self._leave(LINGER_SECONDS + self._flush_seconds())
        self.transport.close()

    def _leave(self, seconds: float) -> None:
        self.state = LINGER
        self._pending = b""
        self.closing_at = self.forwarder.monotonic() + seconds

    def _flush_seconds(self) -> float:
        return self.forwarder.idle_seconds if self.transport.get_write_buffer_size() else 0.0

    def drop(self) -> None:
        """End at once, whatever is under way."""
        if self._tunnel is not None:
            self._tunnel.abort()
        else:
            self.transport.abort()

    def close_tunnel(self) -> None:
        """End a tunnel in good order; no effect on other connections."""
        if self._tunnel is not None:
            self._tunnel.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._peer} {self.state.name} {self.exchange!r}>"


def reset(transport: asyncio.Transport) -> None:
    """Close with a TCP reset, the only end that a client cannot take for a good one."""
    sock = cast(socket.socket, transport.get_extra_info("socket"))
    if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
