"""Streaming both ways: nothing waits for the whole, nothing is kept for a reader that is slow."""

import asyncio
import hashlib
from pathlib import Path

import pytest

from tests.conformance.case import Gateway, ours, requires
from tests.support.messages import DEADLINE, EndedError
from tests.support.raw_upstream import OK, UpstreamConnection

MIB = 1 << 20


def _grown_to(buffer: str) -> int:
    """The bytes to which the kernel lets one `tcp_rmem` or `tcp_wmem` grow by itself."""
    return int(Path("/proc/sys/net/ipv4", buffer).read_text().split()[2])


BUFFERED_AT_MOST = _grown_to("tcp_rmem") + 2 * _grown_to("tcp_wmem") + 4 * MIB
"""The buffers of both senders and the gateway's receiving one grow; that of an end which does not read does not."""
SENT = 2 * BUFFERED_AT_MOST // MIB * MIB


@requires("WHATWG HTML §9.2", "RFC 9112 §7.1")
async def test_events_arrive_as_they_are_sent(gateway: Gateway) -> None:
    async def script(upstream: UpstreamConnection) -> None:
        await upstream.read_request()
        fields = b"Content-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n"
        await upstream.send(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n")
        for number in range(3):
            await upstream.send(b"9\r\ndata: %d\n\n\r\n" % number)
            await seen.acquire()
        await upstream.send(b"0\r\n\r\n")

    seen = asyncio.Semaphore(0)
    gateway.upstream.runs(script)
    client = await gateway.connect()
    await client.send(gateway.request("GET", "", "Accept: text/event-stream"))
    answer = await client.read_answer_head()
    for number in range(3):
        assert (await client.read_part(answer, 9 * (number + 1))).endswith(b"data: %d\n\n" % number)
        seen.release()
    await client.finish(answer)
    assert answer.complete


@requires("RFC 9112 §6.3")
@pytest.mark.parametrize("framing", [b"Content-Length: 10\r\n\r\n", b"\r\n"], ids=["length", "close"])
async def test_first_bytes_arrive_before_the_last_are_sent(gateway: Gateway, framing: bytes) -> None:
    async def script(upstream: UpstreamConnection) -> None:
        await upstream.read_request()
        await upstream.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n" + framing + b"first")
        await seen.wait()
        await upstream.send(b" last")
        await upstream.close()

    seen = asyncio.Event()
    gateway.upstream.runs(script)
    client = await gateway.connect()
    await client.send(gateway.request())
    answer = await client.read_answer_head()
    assert await client.read_part(answer, 5) == b"first"
    seen.set()
    assert (await client.finish(answer)).body == b"first last"


@requires("RFC 9112 §6.3")
async def test_head_arrives_before_the_body_is_there(gateway: Gateway) -> None:
    async def script(upstream: UpstreamConnection) -> None:
        await upstream.read_request()
        await upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        await seen.wait()
        await upstream.send(b"ok")

    seen = asyncio.Event()
    gateway.upstream.runs(script)
    client = await gateway.connect()
    await client.send(gateway.request())
    answer = await client.read_answer_head()
    assert answer.status == 200
    seen.set()
    assert (await client.finish(answer)).body == b"ok"


@requires("RFC 9112 §7.1")
@pytest.mark.parametrize("framing", ["Content-Length: 10", "Transfer-Encoding: chunked"])
async def test_upload_is_forwarded_as_it_comes(gateway: Gateway, framing: str) -> None:
    def piece(data: bytes) -> bytes:
        return b"%x\r\n%s\r\n" % (len(data), data) if "chunked" in framing else data

    async def script(upstream: UpstreamConnection) -> None:
        body = upstream.request.read
        while len(body.content) < 5:
            if upstream.framing.kind == "chunked":
                await upstream.read_chunk(body)
            else:
                body.content += await upstream.read_exactly(5)
        begun.set()
        await upstream.read_request()
        await upstream.send(OK)

    begun = asyncio.Event()
    gateway.upstream.runs(script)
    client = await gateway.connect()
    await client.send(gateway.request("POST", "", framing, body=piece(b"first")))
    await asyncio.wait_for(begun.wait(), DEADLINE)
    await client.send(piece(b" last") + (b"0\r\n\r\n" if "chunked" in framing else b""))
    assert (await client.read_answer()).status == 200
    assert gateway.upstream.requests[0].body == b"first last"


@requires("RFC 9112 §9.3", "RFC 9110 §7.6")
async def test_both_ways_stream_at_once(gateway: Gateway) -> None:
    """Each chunk is answered before the next one is sent."""

    async def script(upstream: UpstreamConnection) -> None:
        await upstream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        body = upstream.request.read
        while size := await upstream.read_chunk(body):
            await upstream.send(b"%x\r\n%s\r\n" % (size, body.content[-size:]))
        await upstream.send(b"0\r\n\r\n")

    if gateway.engine.name == "nginx":
        pytest.skip("nginx reads the whole request first")
    gateway.upstream.runs(script)
    client = await gateway.connect()
    await client.send(gateway.request("POST", "", "Transfer-Encoding: chunked"))
    answer = await client.read_answer_head()
    for number in range(1, 6):
        await client.send(b"5\r\nping%d\r\n" % number)
        assert (await client.read_part(answer, 5 * number)).endswith(b"ping%d" % number)
    await client.send(b"0\r\n\r\n")
    await client.finish(answer)
    assert answer.complete


def blocks(count: int) -> list[bytes]:
    """Blocks of 64 KiB, each different, so that a swap or a loss shows."""
    return [bytes([number % 251]) * 65_536 for number in range(count)]


@requires("RFC 9112 §6")
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
async def test_large_download_arrives_whole(gateway: Gateway, framing: str) -> None:
    parts = blocks(384)

    async def script(upstream: UpstreamConnection) -> None:
        await upstream.read_request()
        field = {
            "length": b"Content-Length: %d\r\n" % (24 * MIB),
            "chunked": b"Transfer-Encoding: chunked\r\n",
            "close": b"",
        }
        await upstream.send(b"HTTP/1.1 200 OK\r\n" + field[framing] + b"\r\n")
        for part in parts:
            await upstream.send(b"10000\r\n" + part + b"\r\n" if framing == "chunked" else part)
        if framing == "chunked":
            await upstream.send(b"0\r\n\r\n")
        if framing == "close":
            await upstream.close()

    gateway.upstream.runs(script)
    client = await gateway.connect()
    client.keeps_transcript = False
    await client.send(gateway.request())
    answer = await client.read_answer()
    assert answer.complete, answer
    assert hashlib.sha256(answer.read.content).digest() == hashlib.sha256(b"".join(parts)).digest()


@requires("RFC 9112 §6")
@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_large_upload_arrives_whole(gateway: Gateway, framing: str) -> None:
    parts = blocks(384)
    field = f"Content-Length: {24 * MIB}" if framing == "length" else "Transfer-Encoding: chunked"
    client = await gateway.connect()
    await client.send(gateway.request("POST", "", field, via="/heavy"))
    for part in parts:
        await client.send(b"10000\r\n" + part + b"\r\n" if framing == "chunked" else part)
    if framing == "chunked":
        await client.send(b"0\r\n\r\n")
    answer = await client.read_answer()
    assert answer.status == 200, answer
    received = gateway.upstream.requests[0]
    assert hashlib.sha256(received.read.content).digest() == hashlib.sha256(b"".join(parts)).digest()


async def still(progress: list[int], *, rounds: int = 6) -> int:
    """Wait until a counter that has moved stands still for some 300 ms; where it stopped."""
    unmoved, last = 0, progress[0]
    while unmoved < rounds:
        await asyncio.sleep(0.05)
        unmoved, last = (unmoved + 1, last) if progress[0] == last > 0 else (0, progress[0])
    return last


@ours
@requires("Back-pressure")
async def test_slow_reader_holds_the_upstream_back(gateway: Gateway) -> None:
    sent = [0]

    async def script(upstream: UpstreamConnection) -> None:
        await upstream.read_request()
        await upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SENT)
        block = bytes(65_536)
        for _ in range(SENT // len(block)):
            await upstream.send(block)
            sent[0] += len(block)

    gateway.upstream.runs(script)
    client = await gateway.connect(receive_buffer=65_536)
    client.keeps_transcript = False
    await client.send(gateway.request())
    answer = await client.read_answer_head()
    assert answer.status == 200
    stopped = await still(sent)
    assert 0 < stopped < BUFFERED_AT_MOST
    answer.read.content.clear()
    left = SENT
    while left:
        left -= len(await client.read_some(most=MIB))
    assert sent[0] == SENT


@ours
@requires("Back-pressure")
async def test_slow_upstream_holds_the_client_back(gateway: Gateway) -> None:
    async def script(upstream: UpstreamConnection) -> None:
        await go_on.wait()
        left = SENT
        while left:
            left -= len(await upstream.read_some(most=MIB))
        await upstream.send(OK)

    async def upload() -> None:
        block = bytes(65_536)
        for _ in range(SENT // len(block)):
            await client.send(block)
            sent[0] += len(block)

    go_on = asyncio.Event()
    sent = [0]
    gateway.upstream.runs(script)
    client = await gateway.connect()
    await client.send(gateway.request("POST", "", f"Content-Length: {SENT}", via="/heavy"))
    async with asyncio.TaskGroup() as uploading:
        uploading.create_task(upload())
        await gateway.upstream.received()
        stopped = await still(sent)
        assert 0 < stopped < BUFFERED_AT_MOST
        go_on.set()
    assert (await client.read_answer()).status == 200


@requires("Back-pressure")
async def test_slow_reader_disturbs_nobody(gateway: Gateway) -> None:
    async def script(upstream: UpstreamConnection) -> None:
        await upstream.read_request()
        if not upstream.request.target.endswith("/slow"):
            await upstream.send(OK)
            return
        await upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (64 * MIB))
        for _ in range(64):
            await upstream.send(bytes(MIB))

    gateway.upstream.runs(script)
    slow = [await gateway.connect(receive_buffer=65_536) for _ in range(5)]
    for client in slow:
        await client.send(gateway.request("GET", "/slow"))
    for _ in range(10):
        assert (await gateway.ask(gateway.request())).status == 200
    for client in slow:
        client.reset()


@requires("Back-pressure")
async def test_slow_reader_that_leaves_frees_the_upstream(gateway: Gateway) -> None:
    over = asyncio.Event()

    async def script(upstream: UpstreamConnection) -> None:
        await upstream.read_request()
        await upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (256 * MIB))
        try:
            for _ in range(256):
                await upstream.send(bytes(MIB))
        except EndedError:
            over.set()
            raise

    gateway.upstream.runs(script)
    client = await gateway.connect(receive_buffer=65_536)
    await client.send(gateway.request())
    await client.read_answer_head()
    client.reset()
    await asyncio.wait_for(over.wait(), DEADLINE)
