"""Asking over HTTP, on real sockets: a status, or why there is none, in bounded time and memory."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from proxy.rollout.asking import MAX_BODY_BYTES, MAX_QUESTIONS, Answer, Asker, NoAnswer

SOON = 10.0


@contextlib.asynccontextmanager
async def server(answer: bytes | None, seen: list[bytes] | None = None) -> AsyncIterator[str]:
    """Answers every connection with these bytes; None: never."""
    held: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)
        head = await reader.readuntil(b"\r\n\r\n")
        if seen is not None:
            seen.append(head + (await reader.readexactly(2) if head.startswith(b"POST") else b""))
        if answer is not None:
            writer.write(answer)
            with contextlib.suppress(ConnectionError):
                await writer.drain()
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        listening.close()
        for writer in held:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


def test_a_question_is_a_get_and_with_a_body_a_post() -> None:
    async def story() -> None:
        seen: list[bytes] = []
        async with server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", seen) as url:
            assert await Asker().ask(f"{url}/a?b=c", seconds=SOON) == Answer(200, b"ok")
            assert await Asker().ask(url, seconds=SOON, body=b"{}") == Answer(200, b"ok")
        assert seen[0].startswith(b"GET /a?b=c HTTP/1.1\r\n")
        assert seen[1].startswith(b"POST / HTTP/1.1\r\n")
        assert seen[1].endswith(b"{}")
        assert b"Content-Type: application/json\r\n" in seen[1]

    asyncio.run(story())


def test_a_redirect_is_an_answer_like_others() -> None:
    async def story() -> None:
        async with server(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n") as url:
            assert (await Asker().ask(url, seconds=SOON)).status == 302

    asyncio.run(story())


def test_no_more_of_a_body_is_read_than_is_allowed() -> None:
    async def story() -> None:
        body = b"x" * (MAX_BODY_BYTES + 100_000)
        async with server(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)) as url:
            assert len((await Asker().ask(url, seconds=SOON)).body) == MAX_BODY_BYTES

    asyncio.run(story())


@pytest.mark.parametrize(
    ("answer", "why"),
    [(b"SSH-2.0-OpenSSH_9.2\r\n", "a bad answer"), (b"", "a bad answer"), (None, "no answer within 0.2 s")],
)
def test_what_does_not_answer_well_is_told_by_a_reason(answer: bytes | None, why: str) -> None:
    async def story() -> None:
        async with server(answer) as url:
            with pytest.raises(NoAnswer, match=why):
                await Asker().ask(url, seconds=0.2 if answer is None else SOON)

    asyncio.run(story())


def test_nobody_there_is_told() -> None:
    async def story() -> None:
        async with server(b"") as url:
            pass
        with pytest.raises(NoAnswer, match="refused"):
            await Asker().ask(url, seconds=SOON)

    asyncio.run(story())


def test_only_so_many_questions_are_asked_at_a_time() -> None:
    async def story() -> None:
        asker = Asker()
        async with server(None) as url:
            asked = [asyncio.create_task(asker.ask(url, seconds=0.3)) for _ in range(MAX_QUESTIONS)]
            await asyncio.sleep(0)
            with pytest.raises(NoAnswer, match="too many"):
                await asker.ask(url, seconds=0.3)
            found = await asyncio.gather(*asked, return_exceptions=True)
            assert {type(one) for one in found} == {NoAnswer}

    asyncio.run(story())
