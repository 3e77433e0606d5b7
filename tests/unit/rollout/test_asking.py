"""Asking over HTTP, on real sockets: a status, or why there is none, in bounded time and memory."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from proxy.forwarding.call import MAX_ANSWER_BYTES
from proxy.rollout.asking import MAX_QUESTIONS, Answer, Asker, NoAnswer
from tests.support.processes import PATIENCE_S

SOON = PATIENCE_S


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


def test_an_answer_without_end_is_none() -> None:
    async def story() -> None:
        body = b"x" * (MAX_ANSWER_BYTES + 100_000)
        async with server(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)) as url:
            with pytest.raises(NoAnswer, match="too large"):
                await Asker().ask(url, seconds=SOON)

    asyncio.run(story())


def test_the_simplest_of_servers_is_understood() -> None:
    async def story() -> None:
        async with server(b"HTTP/1.0 204 No Content\r\n\r\n") as url:
            assert await Asker().ask(url, seconds=SOON) == Answer(204, b"")
        async with server(b"HTTP/1.0 200 OK\r\n\r\nuntil the end") as url:
            assert await Asker().ask(url, seconds=SOON) == Answer(200, b"until the end")

    asyncio.run(story())


def test_an_answer_that_only_trickles_ends_with_its_time() -> None:
    async def story() -> None:
        async def trickle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            with contextlib.suppress(ConnectionError):
                while not writer.is_closing():
                    writer.write(b"x")
                    await writer.drain()
                    await asyncio.sleep(0.02)
            gone.set()

        gone = asyncio.Event()
        async with await asyncio.start_server(trickle, "127.0.0.1", 0) as listening:
            url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
            with pytest.raises(NoAnswer, match=r"no answer within 0\.3 s"):
                await Asker().ask(url, seconds=0.3)
            await asyncio.wait_for(gone.wait(), SOON)  # the connection was closed

    asyncio.run(story())


def test_questions_that_hang_take_no_thread_from_others_and_end_with_the_process() -> None:
    async def story() -> None:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        asker = Asker()
        async with server(None) as url:
            asked = [asyncio.create_task(asker.ask(url, seconds=600.0)) for _ in range(MAX_QUESTIONS)]
            await asyncio.sleep(0.1)
            assert await asyncio.wait_for(asyncio.to_thread(lambda: "a rollback is written"), SOON)
            for each in asked:
                each.cancel()
            await asyncio.wait(asked, timeout=SOON)
            with pytest.raises(NoAnswer, match="no answer within"):
                await asker.ask(url, seconds=0.1)  # there is room again

    asyncio.run(story())


@pytest.mark.parametrize(
    ("answer", "why"),
    [(b"SSH-2.0-OpenSSH_9.2\r\n", "a bad answer"), (b"", "the connection ended"), (None, "no answer within 0.2 s")],
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
