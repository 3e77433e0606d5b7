"""The ASGI side of the same core: an application that any ASGI server can run, for tests and embedding.

What ASGI cannot say is not available here: 1xx answers and WebSocket tunnels (use the engine), and whether a head was
framed strictly is the server's word. Everything else is the same exchange as the engine's.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from proxy.config.model import Snapshot
from proxy.forwarding.body import RequestBody
from proxy.forwarding.endpoint_watch import EndpointWatch
from proxy.forwarding.exchange import Exchange
from proxy.forwarding.forwarder import Forwarder
from proxy.forwarding.known_endpoints import Known
from proxy.forwarding.origin import Origin
from proxy.forwarding.outcome import Outcome
from proxy.forwarding.render import own_lines
from proxy.forwarding.upstream import UpstreamConnection
from proxy.gateway import compose
from proxy.wire.fields import split_line
from proxy.wire.framing import LAST_CHUNK, encode_chunk
from proxy.wire.head import RequestHead
from proxy.wire.problem import LocalAnswer, problem
from proxy.wire.refusal import Refusal
from proxy.wire.response import Body, ResponseHead

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

HIGH_WATER_BYTES = 64 * 1024

logger = logging.getLogger("strangler.endpoints")


class ProxyApp:
    """An ASGI application. Run it with lifespan where the server has it; without, it starts at the first request."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._forwarder = Forwarder(snapshot, compose=compose)
        self._watch = EndpointWatch(self._apply_endpoints, _Told())
        self._running: contextlib.AsyncExitStack | None = None

    def swap(self, snapshot: Snapshot) -> None:
        """Use another snapshot from the next request on."""
        self._forwarder.swap(snapshot)
        if self._running is not None:
            self._watch.follow(snapshot)

    def _apply_endpoints(self, known: dict[str, Known]) -> None:
        self._forwarder.apply_endpoints({name: (one.endpoints, one.unhealthy) for name, one in known.items()})

    def counters(self) -> dict[str, Any]:
        """Cumulative numbers of this process, JSON-able."""
        return self._forwarder.export()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        await self._start()
        if scope["type"] == "websocket":
            await _refuse_websocket(scope, send)
        else:
            await self._serve(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await self._start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.aclose()
        await send({"type": "lifespan.shutdown.complete"})

    async def _start(self) -> None:
        if self._running is None:
            self._running = contextlib.AsyncExitStack()
            self._running.callback(self._watch.stop)
            await self._running.enter_async_context(self._forwarder.running())
            self._watch.follow(self._forwarder.active.snapshot)

    async def aclose(self) -> None:
        """Stop looking for endpoints and after them, and close all upstream connections."""
        running, self._running = self._running, None
        if running is not None:
            await running.aclose()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = AsgiClient(send)
        forwarder = self._forwarder
        origin = Origin(forwarder.active, (scope.get("client") or ("127.0.0.1", 0))[0], scope.get("scheme", "http"))
        try:
            head = forwarder.parser.parse(_render_head(scope))
            exchange = forwarder.open(head, client, origin)
            body = RequestBody(head, exchange.plan.body_bytes)
        except Refusal as refusal:
            answer, request_id = forwarder.refuse(refusal, origin.peer)
            await client.send_whole(answer, request_id, with_body=scope["method"] != "HEAD")
            return
        exchange.start(b"", body.done)
        pump = asyncio.create_task(_pump_body(receive, client, exchange, head, body))
        try:
            await client.deliver(exchange)
        finally:
            pump.cancel()
            exchange.client_gone()  # no effect once the answer has ended


class _Told:
    """Sends what happens to endpoints to the host's logging."""

    def info(self, event: str, **fields: object) -> None:
        logger.info("%s %s", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        logger.warning("%s %s", event, fields)


async def _pump_body(
    receive: Receive, client: AsgiClient, exchange: Exchange, head: RequestHead, body: RequestBody
) -> None:
    """Hand the request body on, then wait for the client to leave."""
    while True:
        await client.readable.wait()
        message = await receive()
        if message["type"] == "http.disconnect":
            exchange.client_gone()
            client.close()
            return
        if not body.done:
            try:
                framed = _frame(message, head, body)
            except Refusal as refusal:
                exchange.fail(Outcome(refusal.outcome), refusal.detail)
                return
            exchange.send_body(framed, last=body.done)


def _frame(message: Message, head: RequestHead, body: RequestBody) -> bytes:
    content = message.get("body", b"")
    if not head.fields.chunked:
        return body.take(content)
    # The server has taken the chunks apart; the size limit is the same.
    framed = body.take(encode_chunk(content)) if content else b""
    return framed if message.get("more_body", False) else framed + body.take(LAST_CHUNK)


class AsgiClient:
    """The client of an exchange, behind ASGI's `send`: what the core says at once is sent in order."""

    http11 = False  # 1xx answers cannot be passed on

    def __init__(self, send: Send) -> None:
        self._send = send
        self._messages: deque[Message | None] = deque()  # None: the end
        self._queued_bytes = 0
        self._upstream_paused = False
        self._exchange: Exchange | None = None
        self._wake = asyncio.Event()
        self.readable = asyncio.Event()
        self.readable.set()

    @property
    def stalled(self) -> bool:
        return self._queued_bytes > HIGH_WATER_BYTES

    async def deliver(self, exchange: Exchange) -> None:
        """Send messages until the answer has ended. An answer that was broken off is left unfinished."""
        while True:
            while self._messages:
                message = self._messages.popleft()
                if message is None:
                    return
                await self._send(message)
                self._queued_bytes -= len(message.get("body", b""))
                if self._upstream_paused and not self.stalled:
                    self._upstream_paused = False
                    exchange.client_drained()
            self._wake.clear()
            await self._wake.wait()

    async def send_whole(self, answer: LocalAnswer, request_id: bytes, *, with_body: bool) -> None:
        """Send an answer made here."""
        for message in _local_messages(answer, request_id, with_body):
            await self._send(message)

    def close(self) -> None:
        self._push(None)

    # what an exchange says

    def send_interim(self, head: ResponseHead) -> None: ...

    def send_head(self, exchange: Exchange, head: ResponseHead, body: Body, data: bytes, last: bool) -> None:
        self._exchange = exchange
        lines = head.lines
        if head.status == 304:  # servers take a Content-Length for a promise
            lines = [line for line in lines if not line[:15].lower().startswith(b"content-length:")]
        lines = [*lines, b"X-Request-Id: " + exchange.request_id, *own_lines(exchange)]
        self._push(_start_message(head.status, lines))
        self.send_data(data, last)

    def send_data(self, data: bytes, last: bool) -> None:
        self._queued_bytes += len(data)
        self._push({"type": "http.response.body", "body": data, "more_body": not last})
        if last:
            self._push(None)
        elif self.stalled and self._exchange is not None:
            self._upstream_paused = True
            self._exchange.client_full()

    def send_local(self, exchange: Exchange, answer: LocalAnswer) -> None:
        for message in _local_messages(answer, exchange.request_id, exchange.method != "HEAD"):
            self._push(message)
        self._push(None)

    def switch(self, exchange: Exchange, upstream: UpstreamConnection, head: ResponseHead, data: bytes) -> None:
        raise RuntimeError("a tunnel cannot be made through ASGI")  # no request here asks for one

    def abort(self) -> None:
        self._push(None)

    def pause_reading(self) -> None:
        self.readable.clear()

    def resume_reading(self) -> None:
        self.readable.set()

    def _push(self, message: Message | None) -> None:
        self._messages.append(message)
        self._wake.set()


def _render_head(scope: Scope) -> bytes:
    """The head as it stood on the wire, as far as ASGI tells; the one parser judges it."""
    target = scope.get("raw_path") or scope["path"].encode("latin-1", "replace")
    if scope["query_string"]:
        target += b"?" + scope["query_string"]
    version = b"1.0" if scope["http_version"] == "1.0" else b"1.1"
    lines = [b"%b %b HTTP/%b" % (scope["method"].encode("latin-1"), target, version)]
    # Upgrades are the server's business: a WebSocket comes as a scope of its own.
    lines += [name + b": " + value for name, value in scope["headers"] if name != b"upgrade"]
    return b"\r\n".join(lines)


def _start_message(status: int, lines: list[bytes]) -> Message:
    return {"type": "http.response.start", "status": status, "headers": [split_line(line) for line in lines]}


def _local_messages(answer: LocalAnswer, request_id: bytes, with_body: bool) -> tuple[Message, Message]:
    lines = [*answer.lines, b"X-Request-Id: " + request_id, b"Content-Length: %d" % len(answer.body)]
    body = answer.body if with_body else b""
    return _start_message(answer.status, lines), {"type": "http.response.body", "body": body}


async def _refuse_websocket(scope: Scope, send: Send) -> None:
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1011})
        return
    answer = problem(501, "tunnel", "-", "WebSockets need the engine's own listener")
    for message in _local_messages(answer, b"-", True):
        await send({**message, "type": "websocket." + message["type"]})
