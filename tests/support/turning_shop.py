"""A side of a shop that can be turned bad while it serves: every GET gets one product, or what its fault is."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Self


class Fault(StrEnum):
    """What becomes of an answer."""

    NONE = "none"
    ERRORS = "errors"
    WRONG = "wrong"
    SLOW = "slow"


SLOW_S = 0.2


class TurningShop:
    """In the test's own loop. `fault` holds from the next request on; `asked` counts them all."""

    def __init__(self) -> None:
        self.fault = Fault.NONE
        self.asked = 0
        self.port = 0

    @classmethod
    @contextlib.asynccontextmanager
    async def serving(cls) -> AsyncIterator[Self]:
        shop = cls()
        server = await asyncio.get_running_loop().create_server(lambda: _Connection(shop), "127.0.0.1", 0)
        shop.port = server.sockets[0].getsockname()[1]
        async with server:
            yield shop

    def answer(self) -> bytes:
        self.asked += 1
        price = "4.00" if self.fault is Fault.WRONG else "3.00"
        status = "500 Broken" if self.fault is Fault.ERRORS else "200 OK"
        body = json.dumps({"id": 7, "price": price}).encode()
        fields = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        return f"HTTP/1.1 {status}\r\n{fields}".encode() + body


class _Connection(asyncio.Protocol):
    def __init__(self, shop: TurningShop) -> None:
        self._shop = shop
        self._held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._held += data
        while b"\r\n\r\n" in self._held:
            _, _, self._held = self._held.partition(b"\r\n\r\n")
            if self._shop.fault is Fault.SLOW:
                asyncio.get_running_loop().call_later(SLOW_S, self._transport.write, self._shop.answer())
            else:
                self._transport.write(self._shop.answer())
