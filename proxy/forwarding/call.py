"""A call of our own to one endpoint: a small request, and its whole answer in memory, within a time.

On a connection of its own, which is closed behind it. The proxy's own questions to upstreams are asked this way, by the
same parser as all others; nothing on a request's way does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final, NamedTuple

from proxy.forwarding.pool import EndpointPool
from proxy.wire.refusal import BadAnswer
from proxy.wire.response import Body, ResponseHead

MAX_ANSWER_BYTES: Final = 1024 * 1024


class Called(NamedTuple):
    """What was answered."""

    status: int
    body: bytes


async def call(
    pool: EndpointPool, method: str, path: str, fields: Mapping[str, str], body: bytes = b"", *, seconds: float
) -> Called:
    """Raises OSError (TimeoutError among them), or BadAnswer for what is no answer, or one that is too large."""
    async with asyncio.timeout(seconds):
        connection = await pool.connect()
        try:
            answer = _Answer(method)
            connection.begin(answer, _render(pool, method, path, fields, body))
            return await answer.whole
        finally:
            connection.close()


def _render(pool: EndpointPool, method: str, path: str, fields: Mapping[str, str], body: bytes) -> bytes:
    written = {
        "Host": pool.authority.decode("latin-1"),
        "User-Agent": "strangler",
        "Connection": "close",
        "Content-Length": str(len(body)),
        **fields,
    }
    lines = [f"{method} {pool.prefix}{path} HTTP/1.1", *(f"{name}: {value}" for name, value in written.items())]
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a line of the request would be two")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


class _Answer:
    """Receives it."""

    def __init__(self, method: str) -> None:
        self.method = method
        self.whole: asyncio.Future[Called] = asyncio.get_running_loop().create_future()
        self._status = 0
        self._body = bytearray()

    def receive_interim(self, head: ResponseHead) -> None: ...

    def receive_head(self, head: ResponseHead, body: Body, data: bytes, last: bool) -> None:
        self._status = head.status
        self.receive_data(data, last)

    def receive_data(self, data: bytes, last: bool) -> None:
        self._body += data
        if len(self._body) > MAX_ANSWER_BYTES:
            self.upstream_broken(BadAnswer(f"the answer is longer than {MAX_ANSWER_BYTES} bytes"))
        elif last and not self.whole.done():
            self.whole.set_result(Called(self._status, bytes(self._body)))

    def receive_switch(self, head: ResponseHead, data: bytes) -> None:
        self.upstream_broken(BadAnswer("it switched protocols"))

    def upstream_broken(self, error: BadAnswer) -> None:
        if not self.whole.done():
            self.whole.set_exception(error)

    def upstream_lost(self, error: Exception | None, *, silent: bool) -> None:
        if not self.whole.done():
            self.whole.set_exception(ConnectionResetError("the connection ended before the answer was whole"))

    def upstream_full(self) -> None: ...
    def upstream_drained(self) -> None: ...
