"""Upstreams that break the rules: 502 before the head is sent, an aborted connection after, never a clean end.

What one answer leaves over never becomes part of the next: a connection whose bytes do not add up is not used again.
"""

import asyncio

import pytest

from tests.conformance.case import Gateway, assert_problem, assert_truncated, ours, requires, wire
from tests.support.messages import DEADLINE, EndedError
from tests.support.raw_upstream import UpstreamConnection

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext"

BAD_HEADS = {
    "nothing": b"",
    "no HTTP": b"NOT HTTP AT ALL\r\n\r\n",
    "binary": bytes(range(1, 64)),
    "a TLS alert": b"\x15\x03\x01\x00\x02\x02\x28",
    "an SSH banner": b"SSH-2.0-OpenSSH_9.2\r\n",
    "half a status line": b"HTTP/1.1 2",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "a head without its end": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n",
    "a status that is no number": b"HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n",
    "a status of two digits": b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
    "a status of four digits": b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
    "a status below 100": b"HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n",
    "a negative status": b"HTTP/1.1 -20 OK\r\nContent-Length: 0\r\n\r\n",
    "version 2.0": b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "an HTTP/2 frame": b"\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    "another protocol": b"ICY 200 OK\r\nContent-Length: 0\r\n\r\n",
    "a request": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "101 that nobody asked for": b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
}

BAD_FIELDS = {
    "no colon": b"X-A\r\n",
    "a space before the colon": b"X-A : 1\r\n",
    "a space before the colon of a framing field": b"Content-Length : 2\r\n",
    "an empty name": b": 1\r\n",
    "a control byte in a name": b"X\x01A: 1\r\n",
    "NUL in a value": b"X-A: 1\x002\r\n",
    "bare CR in a value": b"X-A: 1\r2\r\n",
    "bare CR splitting the answer": b"X-A: 1\rSet-Cookie: evil=1\r\n",
    "a space before the first field": b" X-A: 1\r\n",
    "length and coding": b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
    "two different lengths": b"Content-Length: 2\r\nContent-Length: 3\r\n",
    "a list of different lengths": b"Content-Length: 2, 3\r\n",
    "a signed length": b"Content-Length: +2\r\n",
    "a negative length": b"Content-Length: -2\r\n",
    "a length that is no number": b"Content-Length: two\r\n",
    "an empty length": b"Content-Length:\r\n",
    "a length over 64 bits": b"Content-Length: 18446744073709551618\r\n",
    "an unknown coding": b"Transfer-Encoding: xchunked\r\n",
    "identity coding": b"Transfer-Encoding: identity\r\n",
    "two codings": b"Transfer-Encoding: gzip, chunked\r\n",
    "chunked twice": b"Transfer-Encoding: chunked, chunked\r\n",
    "chunked in two fields": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    "chunked, not last": b"Transfer-Encoding: chunked, gzip\r\n",
}


@requires("RFC 9110 §15.6.3", "RFC 9112 §6.3")
@pytest.mark.parametrize("name", BAD_HEADS)
async def test_answer_that_is_no_http_is_502(gateway: Gateway, name: str) -> None:
    gateway.upstream.answers(BAD_HEADS[name], then="close")
    await _expect_502(gateway, name)


@requires("RFC 9110 §15.6.3", "RFC 9112 §5", "RFC 9112 §6.3")
@pytest.mark.parametrize("name", BAD_FIELDS)
async def test_answer_with_a_malformed_head_is_502(gateway: Gateway, name: str) -> None:
    """HAProxy repairs some; whatever an engine lets through, the client reads it strictly here."""
    gateway.upstream.answers(b"HTTP/1.1 200 OK\r\n" + BAD_FIELDS[name] + b"\r\nok", then="close")
    await _expect_502(gateway, name)


async def _expect_502(gateway: Gateway, name: str) -> None:
    answer = await gateway.ask(gateway.request())
    if not gateway.engine.ours:
        assert answer.status, name
        return
    assert answer.status == 502, answer
    assert_problem(answer)
    assert not answer.values("set-cookie")
    gateway.upstream.answers(OK)
    assert (await gateway.ask(gateway.request())).body == b"next"


@ours
@requires("RFC 9112 §5.1")
@pytest.mark.parametrize("line", [b"X-Knowns", b"Content-Lengths", b"Dates"])
async def test_line_without_a_colon_is_502_though_it_begins_like_a_known_field(gateway: Gateway, line: bytes) -> None:
    known = b"HTTP/1.1 200 OK\r\nX-Known: 1\r\nDate: Wed, 21 Oct 2015 07:28:00 GMT\r\nContent-Length: 4\r\n\r\nnext"
    gateway.upstream.answers(known)
    assert (await gateway.ask(gateway.request())).body == b"next"
    gateway.upstream.answers(b"HTTP/1.1 200 OK\r\n" + line + b"\r\nContent-Length: 2\r\n\r\nok", then="close")
    answer = await gateway.ask(gateway.request())
    assert answer.status == 502, answer


@requires("RFC 9112 §5.2", "RFC 9112 §2.2")
@pytest.mark.parametrize("fields", [b"X-A: 1\r\n 2\r\n", b"X-A: 1\nX-B: 2\r\n"], ids=["fold", "bare LF"])
async def test_answer_that_may_be_repaired_is_repaired_or_502(gateway: Gateway, fields: bytes) -> None:
    gateway.upstream.answers(b"HTTP/1.1 200 OK\r\n" + fields + b"Content-Length: 2\r\n\r\nok", then="close")
    answer = await gateway.ask(gateway.request())
    assert answer.status in (200, 502), answer
    if answer.status == 200:
        assert answer.body == b"ok"


@requires("RFC 9110 §15.6.3")
@pytest.mark.parametrize("then", ["close", "reset"])
async def test_upstream_that_leaves_without_a_word_is_502_and_a_post_is_sent_once(gateway: Gateway, then: str) -> None:
    gateway.upstream.answers(b"", then="close" if then == "close" else "reset")
    answer = await gateway.ask(gateway.request("POST", "", "Content-Length: 1", body=b"x"))
    assert answer.status in (502, 503), answer
    assert len(gateway.upstream.requests) == 1


@ours
@requires("RFC 9110 §5.4", "RFC 9110 §15.6.3")
@pytest.mark.parametrize("fields", [b"X-A: " + b"a" * 400_000 + b"\r\n", b"X-A: 1\r\n" * 60_000], ids=["one", "many"])
async def test_answer_head_that_is_too_large_is_502(gateway: Gateway, fields: bytes) -> None:
    gateway.upstream.answers(b"HTTP/1.1 200 OK\r\n" + fields + b"Content-Length: 2\r\n\r\nok", then="close")
    answer = await gateway.ask(gateway.request())
    assert answer.status == 502, answer
    assert_problem(answer)


@requires("RFC 9110 §5.4", "CWE-770")
async def test_answer_head_that_never_ends_is_cut_off(gateway: Gateway) -> None:
    async def script(upstream: UpstreamConnection) -> None:
        await upstream.read_request()
        await upstream.send(b"HTTP/1.1 200 OK\r\n")
        for _ in range(4096):
            await upstream.send(b"X-A: 1\r\n" * 512)
        raise AssertionError("16 MiB of head were taken")

    gateway.upstream.runs(script)
    answer = await gateway.ask(gateway.request())
    assert answer.status == 502, answer


CUT_OFF = {
    "length, in the body": b"Content-Length: 100\r\n\r\n0123456789",
    "length, before the body": b"Content-Length: 100\r\n\r\n",
    "chunked, before the first chunk": b"Transfer-Encoding: chunked\r\n\r\n",
    "chunked, in a size": b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1",
    "chunked, in a chunk": b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\na\r\nwor",
    "chunked, behind a chunk": b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "chunked, before a chunk's line end": b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello",
    "chunked, in the last chunk": b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
    "chunked, in the trailers": b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n",
}


@requires("RFC 9112 §8", "RFC 9112 §7.1")
@pytest.mark.parametrize("then", ["close", "reset"])
@pytest.mark.parametrize("rest", CUT_OFF.values(), ids=CUT_OFF)
async def test_answer_that_is_cut_off_is_seen_as_cut_off(gateway: Gateway, rest: bytes, then: str) -> None:
    """Either 502, when nothing was sent yet, or a framing that does not end: no last chunk, a length not met."""
    gateway.upstream.answers(b"HTTP/1.1 200 OK\r\n" + rest, then="close" if then == "close" else "reset")
    client = await gateway.connect()
    await client.send(gateway.request())
    answer = await client.read_answer()
    if answer.status == 502:
        return
    assert_truncated(answer)


BAD_CHUNKS = {
    "a size that is no number": b"5\r\nhello\r\nzz\r\nworld\r\n0\r\n\r\n",
    "an empty size": b"5\r\nhello\r\n\r\n0\r\n\r\n",
    "a negative size": b"5\r\nhello\r\n-1\r\nworld\r\n0\r\n\r\n",
    "a size over 64 bits": b"5\r\nhello\r\n10000000000000005\r\nworld\r\n0\r\n\r\n",
    "data longer than its size": b"5\r\nhello world\r\n0\r\n\r\n",
    "data without its line end": b"5\r\nhello5\r\nworld0\r\n\r\n",
}


@requires("RFC 9112 §7.1", "RFC 9112 §8")
@pytest.mark.parametrize("body", BAD_CHUNKS.values(), ids=BAD_CHUNKS)
async def test_bad_chunk_of_an_upstream_never_ends_an_answer(gateway: Gateway, body: bytes) -> None:
    gateway.upstream.answers(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
    client = await gateway.connect()
    await client.send(gateway.request())
    answer = await client.read_answer()
    if answer.status != 502:
        assert_truncated(answer)
    gateway.upstream.answers(OK)
    assert (await gateway.ask(gateway.request())).body == b"next"


@requires("RFC 9112 §8")
async def test_reset_ends_an_answer_delimited_by_close_uncleanly(gateway: Gateway) -> None:
    async def script(upstream: UpstreamConnection) -> None:
        await upstream.read_request()
        await upstream.send(b"HTTP/1.1 200 OK\r\n\r\nhalf of it")
        await seen.wait()
        upstream.reset()

    seen = asyncio.Event()
    gateway.upstream.runs(script)
    client = await gateway.connect()
    await client.send(gateway.request())
    answer = await client.read_answer_head()
    assert await client.read_part(answer, 10) == b"half of it"
    seen.set()
    await client.finish(answer)
    assert_truncated(answer)


@ours
@wire
@requires("RFC 9112 §8", "RFC 9112 §9.8")
async def test_client_of_http_1_0_sees_a_cut_chunked_answer_as_a_reset(gateway: Gateway) -> None:
    """It has no other way to tell: an orderly close would say that the answer is whole."""
    payload = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
    gateway.upstream.answers(payload, then="close")
    client = await gateway.connect()
    await client.send(gateway.request(version="HTTP/1.0"))
    answer = await client.read_answer()
    assert answer.status in (200, 502), answer
    assert answer.status == 502 or (not answer.complete and answer.end == "reset"), answer


LEFT_OVER = {
    "a few bytes": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst" + b"more",
    "a second answer": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst"
    b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    "a second answer behind chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n0\r\n\r\n"
    b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    "a second answer behind an empty one": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    "an interim answer": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst" + b"HTTP/1.1 103 Early Hints\r\n\r\n",
}


@requires("RFC 9112 §6.3", "RFC 9112 §9.2", "Response queue poisoning")
@pytest.mark.parametrize("payload", LEFT_OVER.values(), ids=LEFT_OVER)
async def test_bytes_behind_an_answer_never_become_the_next(gateway: Gateway, payload: bytes) -> None:
    gateway.upstream.answers(payload, OK)
    client = await gateway.connect()
    await client.send(gateway.request())
    first = await client.read_answer()
    assert (first.status, first.body) in ((200, b"first"), (200, b"")) or first.status == 502, first
    for _ in range(3):
        answer = await gateway.ask(gateway.request())
        assert answer.body == b"next", answer
    assert gateway.upstream.requests[1].connection != gateway.upstream.requests[0].connection


@requires("RFC 9112 §9.2", "Response queue poisoning")
async def test_answer_that_comes_unasked_on_an_idle_connection_is_never_used(gateway: Gateway) -> None:
    async def script(upstream: UpstreamConnection) -> None:
        await upstream.read_request()
        await upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst")
        if len(gateway.upstream.requests) == 1:
            await answered.wait()
            await upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")

    answered = asyncio.Event()
    gateway.upstream.runs(script)
    client = await gateway.connect()
    await client.send(gateway.request())
    assert (await client.read_answer()).body == b"first"
    answered.set()
    await asyncio.sleep(0.05)  # nothing tells us that the gateway has got the unasked answer
    for _ in range(3):
        assert (await gateway.ask(gateway.request())).body == b"first"


@requires("RFC 9112 §9.3", "RFC 9110 §9.2.2")
async def test_connection_that_was_cut_is_not_used_again(gateway: Gateway) -> None:
    gateway.upstream.answers(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", OK, then="close")
    assert not (await gateway.ask(gateway.request())).complete
    assert (await gateway.ask(gateway.request())).body == b"next"


@ours
@requires("RFC 9110 §15.6.3")
async def test_refused_connection_is_502(gateway: Gateway) -> None:
    answer = await gateway.ask(gateway.request(via="/refusing"))
    assert answer.status == 502, answer
    assert_problem(answer)


@ours
@requires("RFC 9110 §15.6.5")
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_connection_that_takes_too_long_is_504(gateway: Gateway, method: str) -> None:
    answer = await gateway.ask(gateway.request(method, via="/unreachable"))
    assert answer.status == 504, answer
    assert_problem(answer)


@requires("RFC 9110 §15.6.5", "RFC 9110 §9.2.2")
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_answer_that_takes_too_long_is_504_and_is_not_asked_for_twice(gateway: Gateway, method: str) -> None:
    left: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def script(upstream: UpstreamConnection) -> None:
        await upstream.read_request()
        left.set_result(await upstream.ended())

    gateway.upstream.runs(script)
    answer = await gateway.ask(gateway.request(method, via="/hasty"))
    assert answer.status == 504, answer
    if gateway.engine.ours:
        assert_problem(answer)
    assert await asyncio.wait_for(left, DEADLINE) in ("eof", "reset"), "the upstream is left waiting"
    assert len(gateway.upstream.requests) == 1


@requires("RFC 9110 §15.6.5")
async def test_half_a_head_that_takes_too_long_is_504(gateway: Gateway) -> None:
    async def script(upstream: UpstreamConnection) -> None:
        await upstream.read_request()
        await upstream.send(b"HTTP/1.1 200 OK\r\nContent-")
        await upstream.ended()

    gateway.upstream.runs(script)
    answer = await gateway.ask(gateway.request(via="/hasty"))
    assert answer.status == 504, answer


@requires("RFC 9112 §8")
@pytest.mark.parametrize(
    "rest", [b"Content-Length: 100\r\n\r\nhalf", b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"]
)
async def test_body_that_stalls_is_cut_off(gateway: Gateway, rest: bytes) -> None:
    async def script(upstream: UpstreamConnection) -> None:
        await upstream.read_request()
        await upstream.send(b"HTTP/1.1 200 OK\r\n" + rest)
        await upstream.ended()

    gateway.upstream.runs(script)
    client = await gateway.connect()
    await client.send(gateway.request(via="/hasty"))
    answer = await client.read_answer()
    assert answer.body == b"half"
    assert_truncated(answer)


@requires("RFC 9112 §9.3")
async def test_failure_upstream_does_not_cost_the_client_its_connection(gateway: Gateway) -> None:
    gateway.upstream.answers(b"NOT HTTP\r\n\r\n", then="close")
    client = await gateway.connect()
    await client.send(gateway.request())
    answer = await client.read_answer()
    assert answer.status in (502, 503)
    gateway.upstream.answers(OK)
    if str(answer.value("connection")).lower() != "close":
        await client.send(gateway.request())
        assert (await client.read_answer()).body == b"next"
    elif gateway.engine.ours:
        raise AssertionError("closed for no reason")


@requires("RFC 9112 §8")
async def test_upstream_of_a_reader_that_is_gone_can_end_anyhow(gateway: Gateway) -> None:
    async def script(upstream: UpstreamConnection) -> None:
        await upstream.read_request()
        with_body = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
        await upstream.send(with_body)
        client.reset()
        try:
            await upstream.send(b"0123456789")
        except EndedError:
            return
        upstream.reset()

    gateway.upstream.runs(script)
    client = await gateway.connect()
    await client.send(gateway.request())
    await client.ended(within=1)
    gateway.upstream.answers(OK)
    assert (await gateway.ask(gateway.request())).body == b"next"
