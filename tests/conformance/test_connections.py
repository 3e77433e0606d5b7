"""Connections: kept, reused, given up; what happens when either side leaves, and how long we wait for it."""

import asyncio
import time
from collections.abc import Callable

import pytest

from tests.conformance.case import Gateway, assert_closed, assert_problem, ours, requires, wire
from tests.conformance.engines import SHORT_OF_HEADS, SHORT_OF_SILENCE
from tests.support.messages import DEADLINE, EndedError
from tests.support.raw_upstream import OK, Script, UpstreamConnection


@requires("RFC 9112 §9.3")
async def test_connection_persists(gateway: Gateway) -> None:
    client = await gateway.connect()
    for number in range(5):
        await client.send(gateway.request("POST" if number % 2 else "GET", "", "Content-Length: 2", body=b"ab"))
        answer = await client.read_answer()
        assert (answer.status, answer.body) == (200, b"ok")
        assert str(answer.value("connection")).lower() != "close"


@requires("RFC 9112 §9.6", "RFC 9112 §9.3")
@pytest.mark.parametrize("value", ["close", "Close", "foo, close", "close, TE"])
async def test_close_of_the_client_is_heeded(gateway: Gateway, value: str) -> None:
    if not gateway.engine.ours and value == "foo, close":
        pytest.skip("nginx reads the whole value as one word")
    client = await gateway.connect()
    await client.send(gateway.request("GET", "", f"Connection: {value}"))
    answer = await client.read_answer()
    assert answer.status == 200
    assert str(answer.value("connection")).lower() == "close"
    await assert_closed(client, "eof")


@requires("RFC 9112 §9.6")
async def test_what_is_pipelined_behind_a_close_is_ignored(gateway: Gateway) -> None:
    client = await gateway.connect()
    await client.send(
        gateway.request("GET", "", "Connection: close") + gateway.request("POST", "/late", "Content-Length: 0")
    )
    assert (await client.read_answer()).status == 200
    await assert_closed(client)
    assert [received.method for received in gateway.upstream.requests] == ["GET"]


@requires("RFC 9112 §9.3.2")
async def test_pipelined_requests_are_answered_in_order(gateway: Gateway) -> None:
    """The first answer takes longest, and sizes and framings are mixed."""

    async def script(upstream: UpstreamConnection) -> None:
        body = await upstream.read_request()
        number = int(upstream.request.target.rpartition("/")[2])
        await asyncio.sleep(0.1 if number == 0 else 0)
        text = b"%d:%d" % (number, len(body))
        if number % 3 == 0:
            await upstream.send(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(text), text)
            )
        else:
            await upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))

    gateway.upstream.runs(script)
    sizes = [0, 5, 70_000, 0, 1, 20_000, 3, 0, 300_000, 2]
    raw = b"".join(
        gateway.request("POST", f"/{number}", f"Content-Length: {size}", body=b"x" * size)
        for number, size in enumerate(sizes)
    )
    client = await gateway.connect()
    sending = asyncio.create_task(client.send(raw))
    for number, size in enumerate(sizes):
        assert (await client.read_answer()).body == b"%d:%d" % (number, size)
    await sending


@requires("RFC 9112 §9.3.2")
async def test_a_hundred_pipelined_requests_are_answered(gateway: Gateway) -> None:
    client = await gateway.connect()
    await client.send(b"".join(gateway.request("GET", f"/{number}") for number in range(100)))
    for _ in range(100):
        assert (await client.read_answer()).status == 200
    assert [int(received.target.rpartition("/")[2]) for received in gateway.upstream.requests] == list(range(100))


@requires("RFC 9112 §9.3.2", "RFC 9110 §9.2.2")
async def test_pipelined_requests_are_not_sent_ahead_of_an_answer(gateway: Gateway) -> None:
    """Nobody knows yet whether the first will close the connection; a write sent ahead could not be taken back."""

    async def script(upstream: UpstreamConnection) -> None:
        await upstream.read_request()
        seen.append(len(gateway.upstream.requests))
        await asyncio.sleep(0.05)
        seen.append(len(gateway.upstream.requests))
        await upstream.send(OK)

    seen: list[int] = []
    gateway.upstream.runs(script)
    client = await gateway.connect()
    await client.send(gateway.request() + gateway.request("POST", "", "Content-Length: 0"))
    assert (await client.read_answer()).status == 200
    assert (await client.read_answer()).status == 200
    assert seen == [1, 1, 2, 2]


@wire
@requires("RFC 9112 §2.2", "RFC 9112 §9.3.2")
async def test_bad_request_behind_a_good_one_costs_only_itself(gateway: Gateway) -> None:
    client = await gateway.connect()
    await client.send(gateway.request() + b"THIS IS NO REQUEST\r\n\r\n" + gateway.request())
    assert (await client.read_answer()).status == 200
    assert (await client.read_answer()).status == 400
    assert await client.ended() != "timeout"
    assert len(gateway.upstream.requests) == 1


@ours
@requires("RFC 9112 §9.3")
async def test_upstream_connection_is_reused(gateway: Gateway) -> None:
    for _ in range(5):
        await gateway.ask(gateway.request())
    assert len({received.connection for received in gateway.upstream.requests}) == 1


@requires("RFC 9112 §9.3", "RFC 9112 §9.6")
@pytest.mark.parametrize(
    "payload",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nConnection: foo, CLOSE\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ],
    ids=["close", "close in a list", "HTTP/1.0"],
)
async def test_upstream_connection_that_is_to_close_is_not_reused(gateway: Gateway, payload: bytes) -> None:
    gateway.upstream.answers(payload)
    for _ in range(2):
        assert (await gateway.ask(gateway.request())).body == b"ok"
    first, second = gateway.upstream.requests
    assert first.connection != second.connection


def closes_when_reused(gateway: Gateway, last_words: bytes = b"") -> Script:
    """Answers the first request; on a second one on the same connection leaves, as an idle timeout would have it."""
    known: set[int] = set()

    async def script(upstream: UpstreamConnection) -> None:
        if upstream.request.connection in known:
            await upstream.send(last_words)
            await upstream.close()
            return
        known.add(upstream.request.connection)
        await upstream.read_request()
        await upstream.send(OK)

    return script


@ours
@requires("RFC 9112 §9.3.1", "RFC 9110 §9.2.2")
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_stale_connection_costs_no_safe_request(gateway: Gateway, method: str) -> None:
    gateway.upstream.runs(closes_when_reused(gateway))
    assert (await gateway.ask(gateway.request())).status == 200
    raw = gateway.request(method, "/again")
    answer = await gateway.ask(raw)
    assert answer.status == 200, answer
    tries = [received for received in gateway.upstream.requests if received.target.endswith("/again")]
    assert len(tries) == 2
    assert tries[0].connection != tries[1].connection
    assert tries[0].head.raw == tries[1].head.raw, "the second try is the same request"


async def leaves_at_again(upstream: UpstreamConnection) -> None:
    await upstream.read_request()
    if upstream.request.target.endswith("/again"):
        await upstream.close()
    else:
        await upstream.send(OK)


@ours
@requires("RFC 9112 §9.3.1", "RFC 9110 §9.2.2")
@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_write_is_never_sent_twice(gateway: Gateway, method: str) -> None:
    gateway.upstream.runs(leaves_at_again)  # on whatever connection: one that has been idle for a second gets no write
    assert (await gateway.ask(gateway.request())).status == 200
    answer = await gateway.ask(gateway.request(method, "/again", "Content-Length: 2", body=b"ab"))
    assert answer.status == 502, answer
    assert_problem(answer)
    assert len([received for received in gateway.upstream.requests if received.target.endswith("/again")]) == 1


@ours
@requires("RFC 9112 §9.3.1")
async def test_upstream_that_always_leaves_is_tried_no_more_than_twice(gateway: Gateway) -> None:
    gateway.upstream.runs(leaves_at_again)
    assert (await gateway.ask(gateway.request())).status == 200
    assert (await gateway.ask(gateway.request("GET", "/again"))).status == 502
    assert len([received for received in gateway.upstream.requests if received.target.endswith("/again")]) == 2


@ours
@requires("RFC 9112 §9.3.1")
async def test_answer_that_has_begun_is_not_asked_for_again(gateway: Gateway) -> None:
    gateway.upstream.runs(closes_when_reused(gateway, b"HTTP/1.1 200 OK\r\nContent-Le"))
    assert (await gateway.ask(gateway.request())).status == 200
    assert (await gateway.ask(gateway.request("GET", "/again"))).status == 502
    assert len([received for received in gateway.upstream.requests if received.target.endswith("/again")]) == 1


@requires("RFC 9112 §9.3.1", "RFC 9112 §9.5")
async def test_connection_that_the_upstream_closes_when_idle_costs_nothing(gateway: Gateway) -> None:
    async def script(upstream: UpstreamConnection) -> None:
        await upstream.read_request()
        await upstream.send(OK)
        await asyncio.sleep(0.02)
        await upstream.close()

    gateway.upstream.runs(script)
    for _ in range(4):
        assert (await gateway.ask(gateway.request("POST", "", "Content-Length: 0"))).status == 200
        await asyncio.sleep(0.06)


def _leaves_mid_download(gateway: Gateway) -> Script:
    async def script(upstream: UpstreamConnection) -> None:
        await upstream.read_request()
        await upstream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not upstream.at_end:
            await upstream.send(b"5\r\nhello\r\n")
            await asyncio.sleep(0.01)

    return script


def _leaves_while_waiting(gateway: Gateway) -> Script:
    async def script(upstream: UpstreamConnection) -> None:
        await upstream.read_request()
        await upstream.ended(within=30)

    return script


@requires("RFC 9110 §15.6.5", "Cancelled requests stop their work")
@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("when", [_leaves_mid_download, _leaves_while_waiting], ids=["mid-download", "while waiting"])
async def test_client_that_leaves_cancels_its_request(
    gateway: Gateway, when: Callable[[Gateway], Script], how: str
) -> None:
    if gateway.engine.name == "haproxy" and when is _leaves_while_waiting:
        pytest.skip("HAProxy waits unless abortonclose is set")
    over = asyncio.Event()
    inner = when(gateway)

    async def script(upstream: UpstreamConnection) -> None:
        try:
            await inner(upstream)
        except EndedError:
            over.set()
            raise
        over.set()

    gateway.upstream.runs(script)
    client = await gateway.connect()
    await client.send(gateway.request())
    await gateway.upstream.received()
    if when is _leaves_mid_download:
        await client.read_answer_head()
    if how == "reset":
        client.reset()
    else:
        await client.close()
    await asyncio.wait_for(over.wait(), DEADLINE)


@requires("RFC 9112 §9.6")
async def test_client_that_ends_its_side_is_answered_or_closed(gateway: Gateway) -> None:
    async def script(upstream: UpstreamConnection) -> None:
        await upstream.read_request()
        await asyncio.sleep(0.05)
        await upstream.send(OK)

    gateway.upstream.runs(script)
    client = await gateway.connect()
    await client.send(gateway.request("GET", "", "Connection: close"))
    client.half_close()
    answer = await client.read_answer()
    assert answer.status == 200 or answer.end in ("eof", "reset"), answer


@wire
@requires("RFC 9110 §15.5.9", "Slow loris")
async def test_head_that_takes_too_long_is_408(short_of_heads: Gateway) -> None:
    client = await short_of_heads.connect()
    began = time.monotonic()
    await client.send(short_of_heads.request()[:-2] + b"X-Slow: 1")
    answer = await client.read_answer()
    if short_of_heads.engine.ours:
        short_of_heads.assert_refused(answer, 408)
    assert await client.ended() != "timeout"
    assert SHORT_OF_HEADS.head * 0.5 < time.monotonic() - began < SHORT_OF_HEADS.head + 30
    assert short_of_heads.upstream.requests == []


@ours
@wire
@requires("RFC 9110 §15.5.9", "Slow loris")
async def test_dribbling_does_not_win_time_for_a_head(short_of_heads: Gateway) -> None:
    client = await short_of_heads.connect()
    began = time.monotonic()
    await client.send(short_of_heads.request()[:-2])
    reading = asyncio.create_task(client.read_answer())
    while not reading.done() and time.monotonic() - began < SHORT_OF_HEADS.head + 30:
        try:
            await client.send(b"X-Slow: 1\r\n")
        except EndedError:
            break
        await asyncio.wait([reading], timeout=0.1)
    short_of_heads.assert_refused(await reading, 408)
    assert time.monotonic() - began < SHORT_OF_HEADS.head + 30


@ours
@wire
@requires("RFC 9110 §15.5.9")
async def test_second_head_on_a_connection_has_its_own_time(short_of_heads: Gateway) -> None:
    client = await short_of_heads.connect()
    await client.send(short_of_heads.request() + b"GET /half")
    assert (await client.read_answer()).status == 200
    short_of_heads.assert_refused(await client.read_answer(), 408)
    assert await client.ended() != "timeout"


@ours
@requires("RFC 9112 §9.5")
async def test_idle_connection_is_closed_without_a_word(short_of_silence: Gateway) -> None:
    used, unused = await short_of_silence.connect(), await short_of_silence.connect()
    began = time.monotonic()
    await used.send(short_of_silence.request())
    assert (await used.read_answer()).status == 200
    await assert_closed(used, "eof")
    assert time.monotonic() - began > SHORT_OF_SILENCE.idle * 0.8
    if short_of_silence.engine.wire:
        await assert_closed(unused, "eof")


@requires("RFC 9112 §9.5")
async def test_slow_answer_is_not_an_idle_connection(short_of_silence: Gateway) -> None:
    async def script(upstream: UpstreamConnection) -> None:
        await upstream.read_request()
        await asyncio.sleep(SHORT_OF_SILENCE.idle + 0.5)
        await upstream.send(OK)

    short_of_silence.upstream.runs(script)
    assert (await short_of_silence.ask(short_of_silence.request())).status == 200


@ours
@requires("RFC 9112 §9.5", "RFC 9110 §15.5.9")
async def test_slow_body_is_not_a_slow_head(short_of_heads: Gateway) -> None:
    client = await short_of_heads.connect()
    await client.send(short_of_heads.request("POST", "", "Content-Length: 2"))
    await asyncio.sleep(SHORT_OF_HEADS.head + 0.3)
    await client.send(b"ab")
    assert (await client.read_answer()).status == 200


@ours
@requires("RFC 9112 §9.5", "RFC 9112 §8", "Slow loris")
async def test_body_that_stops_coming_is_cut_off(short_of_silence: Gateway) -> None:
    client = await short_of_silence.connect()
    await client.send(short_of_silence.request("POST", "", "Content-Length: 100", body=b"half"))
    received = await short_of_silence.upstream.received()
    answer = await client.read_answer()
    assert answer.status == 408 or answer.end in ("eof", "reset"), answer
    assert await client.ended() != "timeout"
    assert not received.complete


@requires("RFC 9112 §9.4")
async def test_many_connections_at_once_are_answered(gateway: Gateway) -> None:
    answers = await asyncio.gather(*(gateway.ask(gateway.request("GET", f"/{number}")) for number in range(100)))
    assert {answer.status for answer in answers} == {200}
    assert len(gateway.upstream.requests) == 100


@requires("RFC 9112 §9.4")
async def test_idle_connections_disturb_nobody(gateway: Gateway) -> None:
    for _ in range(200):
        await gateway.connect()
    assert (await gateway.ask(gateway.request())).status == 200
