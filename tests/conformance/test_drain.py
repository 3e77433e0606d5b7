"""The end of an engine: what it has taken on it finishes, what it has not it refuses, and it does end."""

import asyncio
import signal
import time

from tests.conformance.case import Gateway, assert_closed, assert_problem, ours, requires, wire
from tests.conformance.engines import LONG_DRAIN_TIMEOUT
from tests.conformance.test_websocket import accepts, handshake
from tests.support.messages import DEADLINE
from tests.support.processes import Process, is_listening
from tests.support.raw_upstream import OK, UpstreamConnection

pytestmark = [ours, wire]

SILENCE_SECONDS = 1.0
"""How long a kept connection may be silent before it is closed."""


def process_of(gateway: Gateway) -> Process:
    process = gateway.engine.process
    assert process is not None
    return process


async def end_of(process: Process) -> int:
    return await asyncio.to_thread(process.wait, within=DEADLINE)


async def until_closed_to_newcomers(gateway: Gateway) -> None:
    port = gateway.engine.port
    await asyncio.to_thread(process_of(gateway).wait_until, lambda: not is_listening(port), within=DEADLINE)


@requires("RFC 9112 §9.6", "Drain")
async def test_drain_answers_what_was_asked_and_takes_nothing_new(patient: Gateway) -> None:
    async def script(upstream: UpstreamConnection) -> None:
        await upstream.read_request()
        if upstream.request.target.endswith("/slow"):
            await upstream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
            await go_on.wait()
            await upstream.send(b"4\r\nmore\r\n0\r\n\r\n")
        elif upstream.request.target.endswith("/waiting"):
            await go_on.wait()
            await upstream.send(OK)
        else:
            await upstream.send(OK)

    go_on = asyncio.Event()
    patient.upstream.runs(script)
    idle, kept, slow, waiting = [await patient.connect() for _ in range(4)]
    for client in (idle, kept):
        await client.send(patient.request())
        assert (await client.read_answer()).status == 200
    await slow.send(patient.request("GET", "/slow"))
    begun = await slow.read_answer_head()
    await waiting.send(patient.request("POST", "/waiting", "Content-Length: 2", body=b"ab"))
    await patient.upstream.received(4)

    process = process_of(patient)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    await until_closed_to_newcomers(patient)
    await kept.send(patient.request("GET", "/late"))
    late = await kept.read_answer()
    if late.end != "eof" or time.monotonic() - began < SILENCE_SECONDS:
        assert (late.status, late.value("connection")) == (200, "close"), "a kept connection was asked in time"
    await assert_closed(kept, "eof")
    await assert_closed(idle, "eof")
    go_on.set()
    assert (await slow.finish(begun)).body == b"halfmore"
    assert begun.complete
    answer = await waiting.read_answer()
    assert (answer.status, answer.value("connection")) == (200, "close")
    assert await end_of(process) == 0


@requires("Drain")
async def test_drain_ends_in_time_whatever_is_left(draining: Gateway) -> None:
    """Tunnels are closed at half the time, requests at its end."""

    async def script(upstream: UpstreamConnection) -> None:
        if upstream.request.values("upgrade"):
            await accepts(left)(upstream)
        else:
            await left(upstream)

    async def left(upstream: UpstreamConnection) -> None:
        await upstream.ended()

    draining.upstream.runs(script)
    tunnel, stuck = await draining.connect(), await draining.connect()
    await tunnel.send(handshake(draining))
    assert (await tunnel.read_answer_head()).status == 101
    await stuck.send(draining.request())
    await draining.upstream.received(2)
    process = process_of(draining)
    process.send_signal(signal.SIGTERM)
    assert await tunnel.ended() in ("eof", "reset")
    assert process.returncode is None, "the request may go on for as long again"
    await stuck.ended()
    assert await end_of(process) == 0


@requires("Drain", "RFC 6455 §7.1.1")
async def test_tunnel_that_both_ends_have_left_holds_nothing_up(patient: Gateway) -> None:
    async def leave(upstream: UpstreamConnection) -> None:
        await upstream.send(b"bye")

    patient.upstream.runs(accepts(leave))
    client = await patient.connect()
    await client.send(handshake(patient))
    assert (await client.read_answer_head()).status == 101
    assert await client.read_exactly(3) == b"bye"
    assert await client.ended() == "eof"
    await client.close()
    process = process_of(patient)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(process.wait, within=LONG_DRAIN_TIMEOUT) == 0
    assert time.monotonic() - began < LONG_DRAIN_TIMEOUT / 2, "a tunnel that is left is closed at half the time"


@requires("RFC 9110 §15.6.4", "Limits")
async def test_connection_over_the_limit_is_503_with_retry_after(crowded: Gateway) -> None:
    held = [await crowded.connect() for _ in range(4)]
    for client in held:
        await client.send(crowded.request())
        assert (await client.read_answer()).status == 200
    answer = await crowded.ask(crowded.request())
    assert answer.status == 503, answer
    assert_problem(answer)
    assert answer.values("retry-after")
    await held[0].close()
    statuses = [(await crowded.ask(crowded.request())).status for _ in range(20)]
    assert statuses[-1] == 200, statuses
