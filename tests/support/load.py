"""Constant load from keep-alive connections, and an exact account of what became of every request.

A client sends its next request when it has the answer to the one before. It never repeats a request; after a broken
connection it opens another. Answers are read strictly and come from a `MarkedUpstream`, so that a mixed one is seen.
"""

import asyncio
import contextlib
import hashlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from tests.support.marked_upstream import marked
from tests.support.messages import EndedError
from tests.support.raw_client import Answer, RawClient

ROUND_SECONDS = 120.0
SIZES = (100, 2_000, 40_000)
BODIES = (b"", b"", b"order" * 20, b"x" * 20_000)
"""What is asked for, in turn: two GETs, a small and a larger POST; answers of three sizes in two framings."""


@dataclass(slots=True)
class Shot:
    """One request. `failure` says what was wrong with its answer; times are monotonic seconds."""

    token: str
    method: str
    client_port: int
    began: float
    ended: float = 0.0
    side: str = ""
    last: bool = False  # the answer said that it was the last of its connection
    answer_bytes: int = 0
    failure: str = ""


@dataclass(slots=True)
class Load:
    """Clients at work. `refused` is how often there was nobody to connect to; `name` begins every token."""

    port: int
    path: str
    name: str = ""
    shots: list[Shot] = field(default_factory=list)
    refused: int = 0
    think_seconds: Callable[[], float] | None = None  # between an answer and the next request
    gives_up: bool = False  # a client leaves for good when it cannot connect
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _done: dict[int, int] = field(default_factory=dict)  # requests of each client
    _progress: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def failures(self) -> list[Shot]:
        return [shot for shot in self.shots if shot.failure]

    @contextlib.asynccontextmanager
    async def from_clients(self, count: int) -> AsyncIterator["Load"]:
        """Load for as long as the block lasts; at its end every client finishes the request it has begun."""
        self._done = dict.fromkeys(range(count), 0)
        clients = [asyncio.create_task(self._client(number)) for number in range(count)]
        try:
            yield self
        finally:
            self._stop.set()
            await asyncio.gather(*clients)

    async def rounds(self, count: int = 1) -> None:
        """Wait until every client has begun and ended `count` requests from now on. Raises `TimeoutError`."""
        goals = {number: done + count + 1 for number, done in self._done.items()}  # one may be under way
        async with asyncio.timeout(ROUND_SECONDS), self._progress:
            await self._progress.wait_for(lambda: all(self._done[number] >= goal for number, goal in goals.items()))

    async def _client(self, number: int) -> None:
        client: RawClient | None = None
        while not self._stop.is_set():
            if client is None:
                client = await self._connect()
                if client is None:
                    if self.gives_up:
                        return
                    continue
            shot = await self._ask(client, f"{self.name}{number}-{self._done[number]}", number + self._done[number])
            async with self._progress:
                self._done[number] += 1
                self._progress.notify_all()
            if shot.failure or shot.last:
                await client.close()
                client = None
            elif self.think_seconds is not None:
                await asyncio.sleep(self.think_seconds())
        if client is not None:
            await client.close()

    async def _connect(self) -> RawClient | None:
        try:
            client = await RawClient.connect("127.0.0.1", self.port)
        except OSError:
            self.refused += 1
            await asyncio.sleep(0.01)
            return None
        client.keeps_transcript = False
        return client

    async def _ask(self, client: RawClient, token: str, turn: int) -> Shot:
        body, size = BODIES[turn % len(BODIES)], SIZES[turn % len(SIZES)]
        method = "POST" if body else "GET"
        framing = "chunked" if turn % 2 else "length"
        fields = f"Content-Length: {len(body)}\r\n" if body else ""
        target = f"{self.path}?token={token}&size={size}&framing={framing}"
        shot = Shot(token, method, client.local_port, time.monotonic())
        self.shots.append(shot)
        try:
            await client.send(f"{method} {target} HTTP/1.1\r\nHost: shop.example\r\n{fields}\r\n".encode() + body)
            answer = await client.read_answer(method)
            judge(shot, answer, size, body)
        except EndedError as ended:
            shot.failure = f"{ended.end} while sending"
        shot.ended = time.monotonic()
        return shot


def judge(shot: Shot, answer: Answer, size: int, body: bytes) -> None:
    """Note in `shot` which side answered, or in which way the answer is not wholly that of one side."""
    shot.side = answer.value("x-side") or ""
    shot.last = answer.value("connection") == "close"
    shot.answer_bytes = len(answer.body)
    if not answer.status:
        shot.failure = f"no answer: {answer.end}"
    elif answer.status != 200:
        shot.failure = f"{answer.status}: {answer.body[:300]!r}"
    elif not answer.complete:
        shot.failure = f"cut off by {answer.end} after {len(answer.body)} bytes"
    elif answer.body != marked(shot.side, size):
        shot.failure = f"the head is of {shot.side}, the body {answer.body[:20]!r}…{answer.body[-20:]!r}"
    elif answer.value("x-token") != shot.token:
        shot.failure = f"the answer to {answer.value('x-token')}"
    elif answer.value("x-received") != hashlib.sha256(body).hexdigest():
        shot.failure = "the upstream got another body"
