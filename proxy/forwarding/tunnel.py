"""Two sockets joined after a 101: bytes pass both ways, untouched, with back-pressure (RFC 6455, RFC 9110 section 7.8).

When one side ends its sending, what it sent is delivered first; the other side then has a while to finish its own.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Final, cast

FINISH_SECONDS: Final = 10.0
"""How long a tunnel lives on after one side has ended."""


class TunnelEnd(asyncio.Protocol):
    """One of the two sockets: what it receives goes to its peer."""

    def __init__(self, transport: asyncio.Transport, lost: Callable[[Exception | None], None]) -> None:
        self.transport = transport
        self.peer: TunnelEnd
        self._lost = lost
        self._ended = False  # its sending side is closed

    def data_received(self, data: bytes) -> None:
        self.peer.transport.write(data)

    def pause_writing(self) -> None:
        self.peer.transport.pause_reading()

    def resume_writing(self) -> None:
        if not self.peer.transport.is_closing():
            self.peer.transport.resume_reading()

    def eof_received(self) -> bool:
        self._ended = True
        transport = self.peer.transport
        if self.peer._ended or transport.is_closing() or not transport.can_write_eof():
            return False
        transport.write_eof()
        asyncio.get_running_loop().call_later(FINISH_SECONDS, self.transport.close)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost(exc)
        peer = self.peer.transport
        if not peer.is_closing():
            if exc is None:
                peer.close()  # what is buffered is still delivered
            else:
                peer.abort()  # at once: what is buffered belongs to something that broke


class Tunnel:
    """A pair of joined sockets. `client_lost` and `upstream_lost` are told when their socket is gone."""

    def __init__(
        self,
        client: asyncio.Transport,
        upstream: asyncio.Transport,
        client_lost: Callable[[Exception | None], None],
        upstream_lost: Callable[[Exception | None], None],
    ) -> None:
        self._client = TunnelEnd(client, client_lost)
        self._upstream = TunnelEnd(upstream, upstream_lost)
        self._client.peer = self._upstream
        self._upstream.peer = self._client
        for end in (self._client, self._upstream):
            sock = cast(socket.socket, end.transport.get_extra_info("socket"))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # a dead peer is noticed without traffic
            end.transport.set_protocol(end)
            end.transport.resume_reading()

    def close(self) -> None:
        """End the tunnel; what is buffered is still delivered."""
        self._client.transport.close()
        self._upstream.transport.close()

    def abort(self) -> None:
        """End at once, whatever is buffered."""
        self._client.transport.abort()
        self._upstream.transport.abort()
