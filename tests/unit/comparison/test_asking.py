"""Asking a system as a client would: what is sent, what is kept of the answer, and what is told when there is none."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from proxy.comparison import asking
from proxy.comparison.asking import NoAnswer, Side
from proxy.wire.exchange import CapturedAnswer, CapturedRequest
from tests.support.processes import free_port
from tests.support.wire_text import Message, answer, read

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HOME = CapturedRequest("GET", "/", ())


def exchange(request: CapturedRequest, handle: Handler, *, path: str = "", **settings) -> CapturedAnswer:
    """What a request is answered by a system that handles connections like this."""
    handling = []

    async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handling.append(asyncio.current_task())
        await handle(reader, writer)
        writer.close()
        await writer.wait_closed()

    async def told() -> CapturedAnswer:
        server = await asyncio.start_server(on_connection, "127.0.0.1", 0)
        at = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{path}"
        try:
            async with server, Side(at, **settings) as side:
                return await side.ask(request)
        finally:
            await asyncio.gather(*handling)

    return asyncio.run(told())


def ask(request: CapturedRequest, reply: bytes, **settings) -> tuple[CapturedAnswer, Message]:
    """What a request is answered by a system that always says this, and what that system saw."""
    seen = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(read(head).value("content-length") or 0)
        seen.append(read(head + await reader.readexactly(length)))
        writer.write(reply)

    return exchange(request, handle, **settings), seen[0]


def test_a_request_is_sent_as_it_was_captured_but_for_its_framing():
    fields = (
        ("Host", "shop.example"),
        ("X-A", "1"),
        ("x-a", "2"),
        ("Cookie", "a=b"),
        ("Connection", "X-A"),
        ("TE", "a"),
    )
    request = CapturedRequest("POST", "/a%20b/c?x=1&y", fields, b"hi")
    _, seen = ask(request, answer(), path="/base")
    assert seen.first == "POST /base/a%20b/c?x=1&y HTTP/1.1"
    assert seen.fields == (
        ("Host", "shop.example"),
        ("X-A", "1"),
        ("x-a", "2"),
        ("Cookie", "a=b"),
        ("Content-Length", "2"),
    )
    assert seen.body == b"hi"


def test_an_answer_is_kept_as_it_came():
    reply = answer(
        "302 Found", "Location: /x", "Set-Cookie: a=b", "Set-Cookie: c=d", "Content-Encoding: gzip", body=b"?"
    )
    got, seen = ask(HOME, reply)
    assert (got.status, got.body, got.cut) == (302, b"?", False)
    assert [value for name, value in got.fields if name == "Set-Cookie"] == ["a=b", "c=d"]
    assert got.seconds > 0
    assert [name for name, _ in seen.fields] == ["Host"]


def test_a_long_answer_is_cut():
    got, _ = ask(HOME, answer(body=b"0123456789"), max_body_bytes=4)
    assert (got.body, got.cut) == (b"0123", True)


@pytest.mark.parametrize(
    ("reply", "reason"), [(b"", "bad_answer"), (b"nonsense\r\n\r\n", "bad_answer"), (answer()[:-1], "bad_answer")]
)
def test_an_answer_that_is_none_is_told_as_such(reply, reason):
    with pytest.raises(NoAnswer) as told:
        ask(HOME, reply)
    assert told.value.reason == reason


def test_nobody_there_is_told_as_such():
    async def story() -> None:
        async with Side(f"http://127.0.0.1:{free_port()}") as side:
            await side.ask(HOME)

    with pytest.raises(NoAnswer, match="connect_error"):
        asyncio.run(story())


def test_a_connection_that_was_idle_is_not_used_again(monkeypatch):
    """The system may be about to close it, which would be no answer of its own."""
    monkeypatch.setattr(asking, "IDLE_SECONDS", 0.05)
    connections = []

    async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        with suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(answer(body=b"hi"))
        writer.close()

    async def story() -> None:
        server = await asyncio.start_server(on_connection, "127.0.0.1", 0)
        async with server, Side(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as side:
            for _ in range(2):
                assert (await side.ask(HOME)).body == b"hi"
                await asyncio.sleep(0.2)
        for writer in connections:
            await writer.wait_closed()

    asyncio.run(story())
    assert len(connections) == 2


def test_silence_has_its_limit():
    async def say_nothing(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    with pytest.raises(NoAnswer, match="response_timeout"):
        exchange(HOME, say_nothing, seconds=1.0)
