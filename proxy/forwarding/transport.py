"""The same way to an upstream for the proxy's own requests, as an httpx transport: pools, tries, guards, time limits.

A request becomes an exchange whose client is in memory; the answer is streamed, and a reader that stops pauses the
upstream. There is never a cookie jar, a redirect, a proxy of the environment or a decompression. Nothing else in the
product imports httpx.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

import httpx
from httpx import TransportError

from proxy.forwarding.exchange import Exchange
from proxy.forwarding.forwarder import Forwarder
from proxy.forwarding.origin import Origin
from proxy.forwarding.outcome import Outcome
from proxy.forwarding.plan import Plan
from proxy.forwarding.upstream import UpstreamConnection
from proxy.observability.tracing import is_request_id
from proxy.wire.fields import split_line
from proxy.wire.head import RequestHead
from proxy.wire.problem import LocalAnswer
from proxy.wire.refusal import Refusal
from proxy.wire.response import Body, ResponseHead

__all__ = ["ExchangeTransport", "TransportError", "outcome_of"]

HIGH_WATER_BYTES: Final = 64 * 1024

_ERRORS: Final[Mapping[Outcome, type[TransportError]]] = {
    Outcome.NO_ENDPOINT: httpx.ConnectError,
    Outcome.CONNECT_ERROR: httpx.ConnectError,
    Outcome.CONNECT_TIMEOUT: httpx.ConnectTimeout,
    Outcome.RESPONSE_TIMEOUT: httpx.ReadTimeout,
    Outcome.IDLE_TIMEOUT: httpx.ReadTimeout,
    Outcome.TOTAL_TIMEOUT: httpx.ReadTimeout,
    Outcome.BREAKER_OPEN: httpx.PoolTimeout,
    Outcome.BULKHEAD_FULL: httpx.PoolTimeout,
    Outcome.BULKHEAD_TIMEOUT: httpx.PoolTimeout,
    Outcome.CLIENT_GONE: httpx.CloseError,  # nobody read on for so long that it was given up
}
"""As httpx calls it; whatever else can happen is a RemoteProtocolError. The message is the outcome's name."""


def outcome_of(error: TransportError) -> Outcome:
    """What came of an exchange of ours."""
    return Outcome(str(error))


class ExchangeTransport(httpx.AsyncBaseTransport):
    """Asks the upstream of a plan. `origin` is on whose behalf: it says what X-Forwarded-* the upstream is told.

    A trace and a request id in the request's fields are taken over. The extension `target` is the request target, byte
    for byte, as in httpcore; without it the URL's is. Requests have no body.
    """

    def __init__(self, forwarder: Forwarder, plan: Plan, origin: Origin) -> None:
        self._forwarder = forwarder
        self._plan = plan
        self._origin = origin

    @contextlib.asynccontextmanager
    async def get(self, target: bytes, fields: Sequence[tuple[bytes, bytes]]) -> AsyncIterator[httpx.Response]:
        """GET without a client around it: what a client would add is what is never wanted. Raises TransportError."""
        url = f"http://{self._plan.decision.upstream}"
        request = httpx.Request("GET", url, headers=fields, extensions={"target": target})
        response = await self.handle_async_request(request)
        try:
            yield response
        finally:
            await response.aclose()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Returns when the answer's head is there; its body comes as it is read. Raises TransportError."""
        forwarder, head = self._forwarder, self._read_head(request)
        reader = _Reader()
        exchange = Exchange(forwarder, reader, head, self._plan, self._origin, forwarder.monotonic())
        exchange.trace = head.fields.trace or forwarder.ids.begin_trace()
        given = head.extras.request_id
        exchange.request_id = given if is_request_id(given) else forwarder.ids.fresh()
        reader.exchange = exchange
        try:
            exchange.start(b"", True)
            answer = await reader.read_head()
        except BaseException:
            exchange.client_gone()  # no effect where it has ended
            raise
        return httpx.Response(answer.status, headers=[split_line(line) for line in answer.lines], stream=_Body(reader))

    def _read_head(self, request: httpx.Request) -> RequestHead:
        """As if it had come over the wire: the one parser judges it."""
        target = request.extensions.get("target", request.url.raw_path)
        lines = [b"%b %b HTTP/1.1" % (request.method.encode("ascii"), target)]
        lines += [b"%b: %b" % pair for pair in request.headers.raw]
        if any(b"\r" in line or b"\n" in line for line in lines):
            raise httpx.LocalProtocolError("a CR or LF stands in the request's head")
        try:
            head = self._forwarder.parser.parse(b"\r\n".join(lines))
        except Refusal as refusal:
            raise httpx.LocalProtocolError(refusal.detail) from None
        if head.has_body:
            raise httpx.LocalProtocolError("requests with a body are not sent this way")
        return head


class _Reader:
    """The client of an exchange, in memory."""

    exchange: Exchange
    http11 = False  # interim answers are for clients on the wire

    def __init__(self) -> None:
        self._head: ResponseHead | None = None
        self._pieces: deque[bytes] = deque()
        self._queued_bytes = 0
        self._paused = False
        self._ended = False
        self._broken = False
        self._news = asyncio.Event()

    async def read_head(self) -> ResponseHead:
        while self._head is None:
            await self._wait()
        return self._head

    async def read(self) -> bytes:
        """What has come of the body; nothing at its end."""
        while not self._pieces:
            if self._ended:
                return b""
            await self._wait()
        data = b"".join(self._pieces)
        self._pieces.clear()
        self._queued_bytes = 0
        if self._paused:
            self._paused = False
            self.exchange.client_drained()
        return data

    async def _wait(self) -> None:
        if self._broken:
            outcome = self.exchange.outcome
            raise _ERRORS.get(outcome, httpx.RemoteProtocolError)(outcome.value)
        self._news.clear()
        await self._news.wait()

    # what an exchange says

    @property
    def stalled(self) -> bool:
        return self._queued_bytes > HIGH_WATER_BYTES

    def send_interim(self, head: ResponseHead) -> None: ...

    def send_head(self, exchange: Exchange, head: ResponseHead, body: Body, data: bytes, last: bool) -> None:
        self._head = head
        self.send_data(data, last)

    def send_data(self, data: bytes, last: bool) -> None:
        if data:
            self._pieces.append(data)
            self._queued_bytes += len(data)
        self._ended = last
        if self.stalled and not last:
            self._paused = True
            self.exchange.client_full()
        self._news.set()

    def send_local(self, exchange: Exchange, answer: LocalAnswer) -> None:
        self.abort()

    def abort(self) -> None:
        self._broken = True
        self._news.set()

    def switch(self, exchange: Exchange, upstream: UpstreamConnection, head: ResponseHead, data: bytes) -> None:
        raise RuntimeError("no request here asks for a tunnel")

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class _Body(httpx.AsyncByteStream):
    """The body of an answer, for one reader. Closing it early ends the exchange."""

    def __init__(self, reader: _Reader) -> None:
        self._reader = reader

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while data := await self._reader.read():
            yield data

    async def aclose(self) -> None:
        self._reader.exchange.client_gone()
