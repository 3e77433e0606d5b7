"""A scripted upstream: a case says, byte by byte, how it answers, and reads back exactly what it was sent.

One server serves many cases at once: a request belongs to the case whose token (`case-` and eight hex digits)
stands somewhere in its head. Connections outlive cases, as they do in a gateway's pool. The server never
corrects what it receives: a request that is not well formed is kept as a violation of its sender.
"""

import asyncio
import contextlib
import re
import secrets
from collections.abc import Awaitable, Callable
from typing import Literal

from tests.support.messages import (
    DEADLINE,
    Body,
    EndedError,
    Framing,
    Head,
    MalformedError,
    Wire,
    declared_framing,
    parse_head,
)

TOKEN = re.compile(rb"case-[0-9a-f]{8}")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
OK_TO_HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"

Then = Literal["keep", "close", "reset"]
"""What the upstream does with the connection after its scripted bytes."""


class Received:
    """One request as the upstream got it: head at once, body as it comes."""

    def __init__(self, head: Head, connection: int) -> None:
        self.head = head
        self.connection = connection  # ordinal of the connection it came on: equal numbers mean reuse
        self.method, self.target, self.version = head.first_line.split(" ")
        self.read = Body()

    @property
    def body(self) -> bytes:
        return bytes(self.read.content)

    @property
    def complete(self) -> bool:
        return self.read.complete

    def values(self, name: str) -> list[str]:
        return self.head.values(name)

    def value(self, name: str) -> str | None:
        """The one value of a field, or None; several are joined as RFC 9110 §5.3 has it."""
        return ", ".join(self.values(name)) or None

    def __repr__(self) -> str:
        return f"<{self.head.first_line} on connection {self.connection}; {self.head.fields}; {len(self.body)} bytes>"


class UpstreamConnection(Wire):
    """The upstream's end of one connection, with the request that a script is answering."""

    request: Received

    async def read_request(self) -> bytes:
        """The rest of the request's body. Raises `EndedError` when the gateway leaves before its end."""
        await self.read_body(self.framing, self.request.read)
        return self.request.body

    @property
    def framing(self) -> Framing:
        return declared_framing(self.request.head, otherwise="none")


Script = Callable[[UpstreamConnection], Awaitable[None]]


class CaseUpstream:
    """One case's view of the upstream: what it answers, what it received."""

    def __init__(self) -> None:
        self.token = f"case-{secrets.token_hex(4)}"
        self.requests: list[Received] = []
        self.violations: list[str] = []  # what the gateway sent and must not generate
        self.failures: list[BaseException] = []  # what went wrong in the script itself
        self.busy: set[asyncio.Task[None]] = set()  # connections whose answer is being scripted
        self._arrived = asyncio.Condition()
        self._answer: Script = _answer_ok

    def runs(self, script: Script) -> None:
        """Answer every request with a coroutine. When it returns, the connection serves on unless it was closed."""
        self._answer = script

    def answers(self, *payloads: bytes, then: Then = "keep") -> None:
        """Read each request whole, then send the next payload (the last one again and again) as one write."""
        left = list(payloads)

        async def script(connection: UpstreamConnection) -> None:
            await connection.read_request()
            await connection.send(left.pop(0) if len(left) > 1 else left[0])
            await leave(connection, then)

        self._answer = script

    async def received(self, count: int = 1) -> Received:
        """Wait until `count` requests have come; the last of them. Raises `TimeoutError`."""
        async with asyncio.timeout(DEADLINE), self._arrived:
            await self._arrived.wait_for(lambda: len(self.requests) >= count)
        return self.requests[count - 1]

    async def serve(self, connection: UpstreamConnection, request: Received) -> None:
        connection.request = request
        async with self._arrived:
            self.requests.append(request)
            self._arrived.notify_all()
        await self._answer(connection)


async def _answer_ok(connection: UpstreamConnection) -> None:
    await connection.read_request()
    await connection.send(OK_TO_HEAD if connection.request.method == "HEAD" else OK)


async def leave(connection: UpstreamConnection, then: Then) -> None:
    """End a scripted answer the way `then` says."""
    if then == "close":
        await connection.close()
    elif then == "reset":
        connection.reset()


class RawUpstream:
    """The server: accepts, finds the case of each request, lets it answer."""

    def __init__(self) -> None:
        self.cases: dict[bytes, CaseUpstream] = {}
        self.strays: list[bytes] = []  # heads that carry no live case's token
        self.connections = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        if self._server is None:
            raise RuntimeError("not started")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def start(self, port: int = 0) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port, backlog=1024)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def open_case(self) -> CaseUpstream:
        case = CaseUpstream()
        self.cases[case.token.encode()] = case
        return case

    async def close_case(self, case: CaseUpstream) -> None:
        """Forget a case; connections that still answer it are closed."""
        del self.cases[case.token.encode()]
        busy = list(case.busy)
        for task in busy:
            task.cancel()
        await asyncio.gather(*busy, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        self.connections += 1
        connection = UpstreamConnection(reader, writer)
        connection.keeps_transcript = False
        try:
            with contextlib.suppress(EndedError, asyncio.CancelledError):
                await self._serve(connection, self.connections)
        finally:
            with contextlib.suppress(asyncio.CancelledError):
                await connection.close()
            if task is not None:
                self._tasks.discard(task)

    async def _serve(self, connection: UpstreamConnection, ordinal: int) -> None:
        while not connection.closing:
            raw = await connection.read_until(b"\r\n\r\n", at_most=4 << 20, within=3600)
            found = TOKEN.search(raw)
            case = self.cases.get(found[0]) if found else None
            if case is None:
                self.strays.append(raw)
                return
            if not await _served(case, connection, raw, ordinal):
                return


async def _served(case: CaseUpstream, connection: UpstreamConnection, raw: bytes, ordinal: int) -> bool:
    task = asyncio.current_task()
    if task is not None:
        case.busy.add(task)
    try:
        await case.serve(connection, Received(parse_head(raw), ordinal))
    except MalformedError as violation:
        case.violations.append(str(violation))
        return False
    except EndedError:
        return False
    except Exception as failure:
        case.failures.append(failure)
        return False
    finally:
        if task is not None:
            case.busy.discard(task)
    return True
