"""Requests at a steady rate from keep-alive connections, whatever becomes of them, and an account of each.

Every client has its own beat; one that was held up goes on at once and catches up. A request is never repeated, so that
what the upstreams count is what the proxy sent.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from statistics import median

ANSWER_SECONDS = 60.0
BODY = b"2 teapots"


@dataclass(slots=True)
class Shot:
    """One request. `status` is 0 when no answer began; `whole`: it came to its end. Times are monotonic seconds."""

    id: str
    method: str
    path: str
    began: float
    ended: float = 0.0
    status: int = 0
    whole: bool = False
    fields: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def answered(self) -> bool:
        return self.status == 200 and self.whole

    @property
    def cut(self) -> bool:
        """Its answer had begun, and was broken off so that its client could tell."""
        return self.status == 200 and not self.whole

    @property
    def seconds(self) -> float:
        return self.ended - self.began

    @property
    def outcome(self) -> str:
        """Of an error that the proxy answered itself."""
        said = self.body.partition(b"urn:strangler:")[2]
        return said.partition(b'"')[0].decode()


Choose = Callable[[int], tuple[str, str]]
"""From the number of a request its method and path."""


def only_get(_: int) -> tuple[str, str]:
    return "GET", "/api/items"


class Caller:
    """A keep-alive connection; after one that ended it opens another."""

    def __init__(self, port: int, body: bytes = BODY) -> None:
        self._port = port
        self._body = body  # of a POST
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, identity: str = "-") -> Shot:
        shot = Shot(identity, method, path, time.monotonic())
        body = self._body if method == "POST" else b""
        fields = f"Content-Length: {len(body)}\r\n" if body else ""
        head = f"{method} {path}?id={identity} HTTP/1.1\r\nHost: shop.example\r\n{fields}\r\n"
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                if self._streams is None:
                    self._streams = await asyncio.open_connection("127.0.0.1", self._port)
                self._streams[1].write(head.encode() + body)
                await self._read(shot)
        except (OSError, EOFError, TimeoutError):
            self.close()
        shot.ended = time.monotonic()
        if shot.fields.get("connection") == "close":
            self.close()
        return shot

    async def _read(self, shot: Shot) -> None:
        assert self._streams is not None
        reader = self._streams[0]
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        shot.status = int(lines[0].split(" ")[1])
        shot.fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        shot.body = await reader.readexactly(int(shot.fields["content-length"]))
        shot.whole = True

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


class PacedLoad:
    """`rate` requests a second from `clients` connections; each is a new one every time, unless it `keeps` it."""

    def __init__(
        self,
        port: int,
        rate: float,
        clients: int,
        choose: Choose = only_get,
        name: str = "",
        *,
        keeps: bool = True,
        body: bytes = BODY,
    ) -> None:
        self.shots: list[Shot] = []
        self._port = port
        self._rate = rate
        self._clients = clients
        self._choose = choose
        self._name = name
        self._keeps = keeps
        self._body = body
        self._ended = asyncio.Event()
        self._progress = asyncio.Condition()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["PacedLoad"]:
        """Load as long as the block lasts; at its end every request that was begun is waited for."""
        begin = time.monotonic()
        clients = [asyncio.create_task(self._client(number, begin)) for number in range(self._clients)]
        try:
            yield self
        finally:
            self._ended.set()
            await asyncio.gather(*clients)

    async def _client(self, first: int, begin: float) -> None:
        caller = Caller(self._port, self._body)
        number = first
        while not self._ended.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), max(begin + number / self._rate - time.monotonic(), 0.0001))
            if not self._ended.is_set():
                method, path = self._choose(number)
                self.shots.append(await caller.ask(method, path, f"{self._name}{number}"))
                async with self._progress:
                    self._progress.notify_all()
                number += self._clients
                if not self._keeps:
                    caller.close()
        caller.close()

    async def more(self, count: float) -> None:
        """Wait until so many more have come to their end."""
        goal = len(self.shots) + count
        async with self._progress:
            await self._progress.wait_for(lambda: len(self.shots) >= goal)

    def since(self, began: float) -> list[Shot]:
        return [shot for shot in self.shots if shot.began >= began]


def p50(shots: list[Shot]) -> float:
    return median(shot.seconds for shot in shots)


def p99(shots: list[Shot]) -> float:
    return sorted(shot.seconds for shot in shots)[int(len(shots) * 0.99)]
