"""Servers and workers that end while they are in use: who is answered, who is not, and that nobody is lied to.

What a client may expect of a drain: a connection in use answers what it is asked, and says `Connection: close` with
it; one that has been silent for a second may be closed, in order, and what crosses that close on the wire has reached
nobody. So a request without an answer is no fault only if no byte of it was passed on and its connection had been
silent for that second.
"""

import asyncio
import contextlib
import itertools
import os
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.load import Load, Shot
from tests.support.marked_upstream import MarkedUpstream, marked
from tests.support.messages import EndedError
from tests.support.proc import accepted_by, opened_by
from tests.support.processes import is_listening
from tests.support.raw_client import RawClient
from tests.support.server import Server, ask, serving
from tests.support.websocket import TEXT, encode, new_key, read_frame

CLIENTS = 32
SILENCE_SECONDS = 1.0

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@dataclass
class Place:
    """A server in front of one upstream."""

    server: Server
    upstream: MarkedUpstream
    clients: list[RawClient] = field(default_factory=list)

    async def connect(self) -> RawClient:
        """A connection that is closed at the end of the test."""
        self.clients.append(await RawClient.connect("127.0.0.1", self.server.public))
        return self.clients[-1]

    async def exit_code(self) -> int:
        return await asyncio.to_thread(self.server.process.wait, within=90)

    async def until(self, condition: Callable[[], bool]) -> None:
        await asyncio.to_thread(self.server.wait_until, condition)

    async def unready(self) -> None:
        await self.until(lambda: self.server.readyz().status == 503)


@contextlib.asynccontextmanager
async def place(folder: Path, *, drain_timeout: str = "60s") -> AsyncIterator[Place]:
    """A server with two workers."""
    async with MarkedUpstream.running("monolith") as upstream:
        text = f"""\
version: 1
listen:
  {{ public: 127.0.0.1:0, console: 127.0.0.1:0, drain_timeout: {drain_timeout}, limits: {{ head_timeout: 60s }} }}
log: {{ access: off }}
upstreams: {{ monolith: {{ url: "{upstream.url}" }} }}
defaults: {{ legacy: monolith }}
"""
        with serving(folder, text, "--workers", "2") as server:
            found = Place(server, upstream)
            yield found
            for client in found.clients:
                await client.close()


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Place]:
    async with place(tmp_path) as found:
        yield found


def lost_in_silence(load: Load, upstream: MarkedUpstream) -> list[Shot]:
    """What was sent on a connection that was closed for its silence; nothing else may fail, and nobody has read it."""
    lost = load.failures
    assert {shot.failure for shot in lost} <= {"no answer: eof"}, "the end of a connection was not orderly"
    assert not {shot.token for shot in lost} & set(upstream.tokens), "one was passed on, and not answered"
    for shot in lost:
        before = max(each.ended for each in load.shots if each.client_port == shot.client_port and each is not shot)
        assert shot.ended - before >= SILENCE_SECONDS, "it was closed in the middle of a conversation"
    return lost


async def test_connections_in_use_lose_no_request_on_sigterm(running: Place) -> None:
    load = Load(running.server.public, "/busy", gives_up=True)
    async with load.from_clients(CLIENTS):
        await load.rounds(5)
        running.server.process.send_signal(signal.SIGTERM)
        assert await running.exit_code() == 0
    lost = lost_in_silence(load, running.upstream)
    last = {shot.client_port: shot for shot in load.shots}
    assert all(shot.last or shot in lost for shot in last.values()), "a connection ended without having said so"
    assert Counter(running.upstream.tokens) == Counter(shot.token for shot in load.shots if shot not in lost)


async def test_connections_that_pause_lose_at_most_what_nobody_has_read(running: Place) -> None:
    """Pauses around the second after which a silent connection is closed."""
    chance = random.Random(20)
    load = Load(running.server.public, "/now-and-then", gives_up=True, think_seconds=lambda: chance.uniform(0, 2.2))
    async with load.from_clients(64):
        await load.rounds(1)
        running.server.process.send_signal(signal.SIGTERM)
        assert await running.exit_code() == 0
    lost_in_silence(load, running.upstream)
    assert any(shot.last for shot in load.shots), "the pauses were too long to show anything"


async def test_what_had_been_received_in_part_is_received_whole_and_answered(running: Place) -> None:
    """Half a head, half a body, an answer that is awaited and one that is being read, when the signal comes."""
    head, body, held, reading = [await running.connect() for _ in range(4)]
    await held.send(b"GET /held?token=held&hold HTTP/1.1\r\nHost: a\r\n\r\n")
    await body.send(b"POST /up?token=up HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
    await reading.send(b"GET /big?token=big&size=20000000 HTTP/1.1\r\nHost: a\r\n\r\n")
    await running.upstream.received("held", "up", "big")
    await head.send(b"GET /late?token=late HTTP/1.1\r\nHo")
    # The worker reads in order of arrival: when this is answered, the half head has been read.
    assert (await asyncio.to_thread(ask, running.server.public)).status == 200

    running.server.process.send_signal(signal.SIGTERM)
    await running.unready()
    await running.until(lambda: not is_listening(running.server.public))
    await asyncio.sleep(SILENCE_SECONDS + 1.2)  # two looks of the worker at silent connections
    await head.send(b"st: a\r\n\r\n")
    await body.send(b"def")
    assert (await asyncio.to_thread(running.server.readyz)).json()["ready"] is False
    running.upstream.release.set()
    for client in (head, body, held):
        answer = await client.read_answer()
        assert (answer.status, answer.complete, answer.value("connection")) == (200, True, "close"), answer
    big = await reading.read_answer()
    assert (big.complete, big.body == marked("monolith", 20_000_000)) == (True, True)
    assert await running.exit_code() == 0


async def test_an_answer_half_sent_when_the_drain_begins_is_not_the_last_one(running: Place) -> None:
    """Its head could not say `Connection: close` any more, so the client may well ask again."""
    pausing, pipelining = [await running.connect() for _ in range(2)]
    for client in (pausing, pipelining):
        await client.send(b"GET /lines HTTP/1.1\r\nHost: a\r\n\r\n")
    begun = [await client.read_answer_head() for client in (pausing, pipelining)]
    await pipelining.send(b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
    running.server.process.send_signal(signal.SIGTERM)
    await running.until(lambda: not is_listening(running.server.public))
    running.upstream.finish.set()
    for client, answer in zip((pausing, pipelining), begun, strict=True):
        await client.finish(answer)
        assert (answer.complete, answer.value("connection")) == (True, None)
    await pausing.send(b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
    for client in (pausing, pipelining):
        answer = await client.read_answer()
        assert (answer.status, answer.value("connection")) == (200, "close"), answer
    assert await running.exit_code() == 0


async def test_what_waits_to_be_accepted_when_the_signal_comes_is_answered(running: Place) -> None:
    await running.until(lambda: len(running.server.workers()) == 2)
    pids = [worker["pid"] for worker in running.server.workers()]
    for pid in pids:
        stop(pid)
    waiting = [await running.connect() for _ in range(10)]
    for client in waiting:
        await client.send(b"GET /queued HTTP/1.1\r\nHost: a\r\n\r\n")
    running.server.process.send_signal(signal.SIGTERM)
    await running.until(lambda: all(is_pending(pid, signal.SIGTERM) for pid in pids))
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    answers = [await client.read_answer() for client in waiting]
    assert [answer.status for answer in answers] == [200] * 10
    assert await running.exit_code() == 0


def is_pending(pid: int, number: signal.Signals) -> bool:
    """A signal waits for a process that stands still (proc(5), ShdPnd)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return bool(int(status.partition("ShdPnd:")[2].split()[0], 16) & 1 << (number - 1))


async def test_new_connections_at_the_end_are_answered_or_turned_away(running: Place) -> None:
    """One request a connection. Who comes in the instant in which the port closes is reset; nothing of it was taken."""
    fates: dict[str, str] = {}

    async def come_and_go(number: int) -> None:
        for count in itertools.count():
            token = f"{number}-{count}"
            try:
                client = await RawClient.connect("127.0.0.1", running.server.public)
            except (ConnectionRefusedError, ConnectionResetError):
                return
            with contextlib.suppress(EndedError):
                await client.send(f"GET /?token={token} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
            answer = await client.read_answer()
            fates[token] = "answered" if answer.complete else answer.end
            await client.close()

    clients = [asyncio.create_task(come_and_go(number)) for number in range(CLIENTS)]
    await running.until(lambda: len(running.upstream.seen) > 200)
    running.server.process.send_signal(signal.SIGTERM)
    await asyncio.gather(*clients)
    assert await running.exit_code() == 0
    assert set(fates.values()) <= {"answered", "reset"}
    turned_away = {token for token, fate in fates.items() if fate == "reset"}
    assert not turned_away & set(running.upstream.tokens), "one was passed on, and not answered"
    assert len(turned_away) <= CLIENTS, "a client can be there once in that instant"


async def test_tunnels_end_at_half_the_time_and_streams_at_its_end(tmp_path: Path) -> None:
    async with place(tmp_path, drain_timeout="8s") as here:
        tunnel, stream, ending = [await here.connect() for _ in range(3)]
        await tunnel.send(
            "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {new_key()}\r\n\r\n".encode()
        )
        assert (await tunnel.read_answer_head()).status == 101
        await stream.send(b"GET /lines HTTP/1.1\r\nHost: a\r\n\r\n")
        lines = await stream.read_answer_head()
        await ending.send(b"GET /held?token=held&hold HTTP/1.1\r\nHost: a\r\n\r\n")
        await here.upstream.received("held")

        began = time.monotonic()
        here.server.process.send_signal(signal.SIGTERM)
        await here.unready()
        await tunnel.send(encode(TEXT, b"still there?", mask=True))
        assert (await read_frame(tunnel)).payload == b"monolith still there?"
        assert await tunnel.ended() == "eof"
        assert time.monotonic() - began > 3.9
        await stream.read_part(lines, len(lines.body) + 5 * len("monolith\n"))
        here.upstream.release.set()
        assert (await ending.read_answer()).complete
        await stream.finish(lines)
        assert not lines.complete, "a stream that was cut off must not look finished"
        assert lines.end in ("eof", "reset")
        assert time.monotonic() - began > 7.9
        assert await here.exit_code() == 0


async def test_kill_of_one_of_two_workers_fails_only_what_it_had_in_flight(running: Place) -> None:
    server, upstream = running.server, running.upstream
    await running.until(lambda: len(server.workers()) == 2)
    old = {worker["pid"] for worker in server.workers()}
    victim, other = old
    load, others = Load(server.public, "/on", "a"), Load(server.public, "/on", "b")
    async with contextlib.AsyncExitStack() as stack:
        # Workers share a port, and one may take all that comes; so each is given its half while the other stands still.
        for here, absent in ((load, other), (others, victim)):
            stop(absent)
            await stack.enter_async_context(here.from_clients(CLIENTS // 2))
            await here.rounds(1)
            os.kill(absent, signal.SIGCONT)
        await load.rounds(3)
        stop(victim)  # so that what it holds can be counted exactly
        clients, passed_on = accepted_by(victim, server.public), opened_by(victim, upstream.port)
        in_flight = {seen.token for seen in upstream.seen if seen.client_port in passed_on and not seen.answered_at}
        os.kill(victim, signal.SIGKILL)
        await running.until(lambda: len({worker["pid"] for worker in server.workers()} - {victim}) == 2)
        for half in (load, others):
            await half.rounds(5)

    failed = load.failures
    assert len(clients) == CLIENTS // 2
    assert others.failures == [], "a connection of the other worker was harmed"
    assert in_flight <= {shot.token for shot in failed}, "the upstream was asked, and its answer came from nowhere"
    assert {shot.client_port for shot in failed} <= clients, "a connection made after the kill failed"
    assert len(failed) <= len(clients), "a connection has one request in flight"
    came_by = {seen.token: seen.client_port for seen in upstream.seen}
    assert {came_by[shot.token] for shot in failed if shot.token in came_by} <= passed_on
    assert max(Counter(upstream.tokens).values()) == 1, "a request was sent twice"
    assert load.refused + others.refused == 0, "the port was closed to newcomers"
    assert server.metric("strangler_worker_restarts_total") == 1
    await running.until(lambda: has_served(server, old))


def stop(pid: int) -> None:
    """Stop a process, and wait until it stands still."""
    os.kill(pid, signal.SIGSTOP)
    while "State:\tT" not in Path(f"/proc/{pid}/status").read_text():
        time.sleep(0.001)


def has_served(server: Server, old: set[int]) -> bool:
    """A worker that is not one of `old` has answered a request; one more is sent."""
    assert ask(server.public).status == 200
    return any(worker["pid"] not in old and worker["requests"] > 0 for worker in server.workers())


async def test_kill_of_the_control_process_fails_nothing_and_the_counts_come_back(running: Place) -> None:
    load = Load(running.server.public, "/on")
    async with load.from_clients(CLIENTS):
        await load.rounds(3)
        pid = await asyncio.to_thread(running.server.control_pid)
        os.kill(pid, signal.SIGKILL)
        await load.rounds(3)
        await running.until(lambda: is_answering(running.server))
        await running.until(lambda: len(running.server.workers()) == 2)
        await load.rounds(3)
    assert load.failures == []
    assert load.refused == 0
    total = len(load.shots)
    await running.until(lambda: running.server.metric("strangler_requests_total") == total)
    assert await asyncio.to_thread(running.server.control_pid) != pid
    assert running.server.metric("strangler_control_restarts_total") == 1


def is_answering(server: Server) -> bool:
    try:
        return server.readyz().status == 200
    except OSError:
        return False
