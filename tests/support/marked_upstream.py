"""An upstream that says in every part of its answer who it is, and keeps a record of every request that reached it.

What is asked of it stands in the target: `?size=N` bytes of its name, `&framing=chunked`, `&hold` until `release`;
`/lines` is a stream of its name that ends at `finish`. A target's `token=T` names the request in the records.
It never corrects what it receives, and never closes a connection by itself.
"""

import asyncio
import contextlib
import hashlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from tests.support.messages import DEADLINE, Body, EndedError, Head, Wire, declared_framing, parse_head
from tests.support.websocket import CLOSE, TEXT, accept_key, encode, read_frame

LINE_SECONDS = 0.02


@dataclass(slots=True)
class Seen:
    """One request. `answered_at` is when its answer had been written whole, in monotonic seconds."""

    token: str
    method: str
    client_port: int  # of the connection that it came on
    answered_at: float | None = None


@dataclass(slots=True)
class MarkedUpstream:
    """A side. `release` lets held answers go, `finish` ends streams."""

    name: str
    port: int = 0
    seen: list[Seen] = field(default_factory=list)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    finish: asyncio.Event = field(default_factory=asyncio.Event)
    _arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    @classmethod
    @contextlib.asynccontextmanager
    async def running(cls, name: str) -> AsyncIterator["MarkedUpstream"]:
        upstream = cls(name)
        tasks: set[asyncio.Task[None]] = set()

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            wire = Wire(reader, writer)
            wire.keeps_transcript = False
            with contextlib.suppress(EndedError, asyncio.CancelledError):
                await upstream._serve(wire)
            with contextlib.suppress(asyncio.CancelledError):
                await wire.close()
            tasks.discard(task)

        server = await asyncio.start_server(accept, "127.0.0.1", 0, backlog=1024)
        upstream.port = server.sockets[0].getsockname()[1]
        try:
            yield upstream
        finally:
            server.close()
            for task in list(tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def tokens(self) -> list[str]:
        return [seen.token for seen in self.seen]

    async def received(self, *tokens: str) -> None:
        """Wait until all these requests have come. Raises `TimeoutError`."""
        async with asyncio.timeout(DEADLINE), self._arrived:
            await self._arrived.wait_for(lambda: set(tokens) <= set(self.tokens))

    async def _serve(self, wire: Wire) -> None:
        while True:
            head = parse_head(await wire.read_until(b"\r\n\r\n", within=3600))
            method, target, _ = head.first_line.split(" ")
            parts = urlsplit(target)
            asked = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
            seen = Seen(asked.get("token", ""), method, wire.peer_port)
            async with self._arrived:
                self.seen.append(seen)
                self._arrived.notify_all()
            body = Body()
            await wire.read_body(declared_framing(head, otherwise="none"), body)
            if head.has("upgrade"):
                await self._echo(wire, head)
                return
            if "hold" in asked:
                await self.release.wait()
            if parts.path.endswith("/lines"):
                await self._send_lines(wire)
            else:
                await self._send(wire, asked, bytes(body.content))
            seen.answered_at = time.monotonic()

    def _head(self, asked: dict[str, str], *fields: str) -> bytes:
        lines = ["HTTP/1.1 200 OK", f"X-Side: {self.name}", f"X-Token: {asked.get('token', '')}", *fields]
        return "\r\n".join([*lines, "", ""]).encode("ascii")

    async def _send(self, wire: Wire, asked: dict[str, str], body: bytes) -> None:
        """Head and body in several writes, so that what forwards them has a chance to mix them up."""
        content = marked(self.name, int(asked.get("size", "100")))
        fields = [f"X-Received: {hashlib.sha256(body).hexdigest()}"]
        half = len(content) // 2
        if asked.get("framing") == "chunked":
            await wire.send(self._head(asked, *fields, "Transfer-Encoding: chunked"))
            for part in (content[:half], content[half:]):
                await wire.send(b"%x\r\n%b\r\n" % (len(part), part))
            await wire.send(b"0\r\n\r\n")
        else:
            await wire.send(self._head(asked, *fields, f"Content-Length: {len(content)}") + content[:half])
            await asyncio.sleep(0)
            await wire.send(content[half:])

    async def _send_lines(self, wire: Wire) -> None:
        line = f"{self.name}\n".encode()
        await wire.send(self._head({}, "Content-Type: text/event-stream", "Transfer-Encoding: chunked"))
        while not self.finish.is_set():
            await wire.send(b"%x\r\n%b\r\n" % (len(line), line))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.finish.wait(), LINE_SECONDS)
        await wire.send(b"0\r\n\r\n")

    async def _echo(self, wire: Wire, head: Head) -> None:
        """A WebSocket that sends every message back behind the name of this side."""
        accept = accept_key(head.values("sec-websocket-key")[0])
        fields = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n"
        await wire.send(f"HTTP/1.1 101 Switching Protocols\r\n{fields}\r\n".encode())
        while (frame := await read_frame(wire)).opcode != CLOSE:
            await wire.send(encode(TEXT, self.name.encode() + b" " + frame.payload))
        await wire.send(encode(CLOSE, frame.payload))


def marked(name: str, size: int) -> bytes:
    """`size` bytes, at least four, of which every one can be told from another side's."""
    return (name.encode() * (max(size, 4) // len(name) + 1))[: max(size, 4)]
