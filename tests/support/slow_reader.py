"""A server that takes what it is sent a little at a time, and never answers."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

EVERY_SECONDS = 0.05
BUFFER_BYTES = 4096
"""What the kernel keeps for it, about, and so what it takes at a time."""


class SlowReader(asyncio.Protocol):
    transport: asyncio.Transport

    def __init__(self, connections: set["SlowReader"]) -> None:
        self._connections = connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._connections.add(self)

    def data_received(self, data: bytes) -> None:
        self.transport.pause_reading()
        asyncio.get_running_loop().call_later(EVERY_SECONDS, self._go_on)

    def _go_on(self) -> None:
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)


@contextlib.asynccontextmanager
async def reading_slowly() -> AsyncIterator[int]:
    """Its port, for as long as the block lasts."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)  # what it accepts inherits it
    listener.bind(("127.0.0.1", 0))
    connections: set[SlowReader] = set()
    server = await asyncio.get_running_loop().create_server(lambda: SlowReader(connections), sock=listener)
    try:
        yield listener.getsockname()[1]
    finally:
        server.close()
        for connection in tuple(connections):
            connection.transport.abort()
        await server.wait_closed()
        await asyncio.sleep(0)  # in which they are closed
