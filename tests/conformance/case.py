"""The words a case is written in: what it `requires`, and the `Gateway` it speaks through.

A case belongs to an RFC section, or to a promise of our own (`ours`). `wire` marks those that need the raw wire.
The helpers here state an expectation once; they never decide what is right for a single case.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import pytest

from tests.support.messages import End
from tests.support.processes import Process
from tests.support.raw_client import Answer, RawClient
from tests.support.raw_upstream import CaseUpstream, Received

Case = TypeVar("Case", bound=Callable[..., object])

wire = pytest.mark.wire
ours = pytest.mark.ours

HOST = "shop.example"


def requires(*sources: str) -> Callable[[Case], Case]:
    """Where the requirement comes from: RFC sections, or the name of an attack or of a promise."""

    def mark(case: Case) -> Case:
        marked: Case = pytest.mark.anyio(pytest.mark.source(*sources)(case))
        return marked

    return mark


@dataclass(frozen=True, slots=True)
class Engine:
    """A running gateway. `ours` is false for other products, which are held to the RFCs alone."""

    name: str
    port: int
    host: str = "127.0.0.1"
    ours: bool = True
    wire: bool = True
    process: Process | None = None


class Gateway:
    """One case's way through an engine to its own part of the scripted upstream."""

    def __init__(self, engine: Engine, upstream: CaseUpstream) -> None:
        self.engine = engine
        self.upstream = upstream
        self._clients: list[RawClient] = []

    def target(self, suffix: str = "", *, via: str = "/up") -> str:
        """A target of this case; `via` chooses the route (see `routes.yaml` in engines.py)."""
        return f"{via}/{self.upstream.token}{suffix}"

    def request(
        self,
        method: str = "GET",
        suffix: str = "",
        *fields: str,
        body: bytes = b"",
        via: str = "/up",
        host: str | None = HOST,
        version: str = "HTTP/1.1",
    ) -> bytes:
        """A request to this case: exactly these fields after Host, then the body. Nothing is added, lengths neither."""
        lines = [f"{method} {self.target(suffix, via=via)} {version}"]
        lines += [f"Host: {host}"] if host is not None else []
        lines += fields
        return "".join(f"{line}\r\n" for line in lines).encode("latin-1") + b"\r\n" + body

    def raw(self, text: str | bytes) -> bytes:
        """A hand-written message; `{token}` stands for this case's token and `{target}` for its target."""
        if isinstance(text, str):
            text = text.encode("latin-1")
        return text.replace(b"{token}", self.upstream.token.encode()).replace(b"{target}", self.target().encode())

    async def connect(self, *, receive_buffer: int | None = None) -> RawClient:
        client = await RawClient.connect(self.engine.host, self.engine.port, receive_buffer=receive_buffer)
        self._clients.append(client)
        return client

    async def ask(self, raw: bytes) -> Answer:
        """Send on a connection of its own, read one answer."""
        client = await self.connect()
        await client.send(raw)
        answer = await client.read_answer(method_of(raw))
        await client.close()
        return answer

    async def passes(self, raw: bytes) -> tuple[Answer, Received]:
        """The request reaches the upstream once and whole, and is answered 200."""
        answer = await self.ask(raw)
        assert answer.status == 200, answer
        assert answer.complete, answer
        assert len(self.upstream.requests) == 1, self.upstream.requests
        assert self.upstream.requests[0].complete
        return answer, self.upstream.requests[0]

    async def refuses(self, raw: bytes, *statuses: int, closes: bool = False) -> Answer:
        """The request is refused with one of `statuses`, reaches no upstream, and (if `closes`) ends the connection.

        Other products may choose their status, or answer by closing.
        """
        client = await self.connect()
        await client.send(raw)
        answer = await client.read_answer(method_of(raw))
        self.assert_refused(answer, *statuses)
        assert self.upstream.requests == []
        if closes and self.engine.wire:
            await assert_closed(client)
        return answer

    def assert_refused(self, answer: Answer, *statuses: int) -> None:
        if self.engine.ours:
            assert answer.status in statuses, answer
            assert_problem(answer)
        else:
            assert 400 <= answer.status < 600 or (answer.status == 0 and answer.end in ("eof", "reset")), answer

    async def close(self) -> None:
        for client in self._clients:
            await client.close()


def method_of(raw: bytes) -> str:
    """The method of a request, for how its answer is framed."""
    return "HEAD" if raw.startswith(b"HEAD ") else "GET"


async def assert_closed(client: RawClient, *ends: End) -> None:
    """The gateway ends the connection, without another byte."""
    seen = len(client.transcript)
    end = await client.ended()
    assert end in (ends or ("eof", "reset")), f"connection still open: {end}"
    assert client.transcript[seen:] == b""


def assert_problem(answer: Answer) -> None:
    """An answer of our own: problem+json that names the request (RFC 9457)."""
    assert answer.complete, answer
    assert answer.values("x-request-id"), answer
    if answer.framing.kind == "none":  # to HEAD
        return
    assert answer.value("content-type") == "application/problem+json", answer
    problem = json.loads(answer.body)
    assert problem["type"].startswith("urn:strangler:"), problem
    assert problem["status"] == answer.status
    assert problem["title"]
    assert problem["request_id"] == answer.value("x-request-id")


def assert_truncated(answer: Answer) -> None:
    """The client can tell that it has not got the whole answer, and does not wait for the rest."""
    assert not answer.complete, answer
    assert answer.end in ("eof", "reset"), answer
