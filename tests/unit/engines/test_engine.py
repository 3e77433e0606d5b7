"""The engine in one process: it serves sockets, swaps snapshots, counts, and drains."""

import asyncio
import socket
import ssl
from dataclasses import replace

import pytest

from proxy.config.model import Listen, ListenTls
from proxy.engines.embedded.engine import Engine
from tests.support.processes import PATIENCE_S
from tests.support.routing import route, snapshot
from tests.support.wire_text import get, read

RETIRED = snapshot(route("old", "/old", stage="retired", to=None))


async def ask(port, sent):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    answered = read(await reader.read())
    writer.close()
    await writer.wait_closed()
    return answered


def play(story, served=RETIRED):
    async def told():
        with socket.create_server(("127.0.0.1", 0)) as listening:
            engine = Engine(served)
            serving = asyncio.create_task(engine.serve([listening]))
            async with asyncio.timeout(PATIENCE_S):
                await story(engine, listening.getsockname()[1])
                engine.drain()
                await serving

    asyncio.run(told())


def test_it_serves_the_sockets_it_is_given_until_it_is_drained():
    async def story(engine, port):
        got = await ask(port, get("/old", "Connection: close"))
        assert (got.status, got.outcome) == (410, "retired")
        assert ["old", "none", "retired", "4xx", 1] in engine.counters()["requests"]

    play(story)


def test_a_prepared_snapshot_counts_once_it_is_swapped_in():
    async def story(engine, port):
        swap = engine.prepare(replace(snapshot(route("new", "/new", stage="retired", to=None)), revision="r2"))
        assert engine.revision == "r1"
        assert (await ask(port, get("/old", "Connection: close"))).outcome == "retired"
        swap()
        assert engine.revision == "r2"
        assert (await ask(port, get("/new", "Connection: close"))).outcome == "retired"

    play(story)


def test_a_request_half_sent_when_the_drain_begins_is_answered():
    async def story(engine, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(get("/old"))
        first = read(await reader.readuntil(b"\r\n\r\n"))
        await reader.readexactly(int(first.value("content-length")))
        second = get("/old", "Connection: close")
        writer.write(second[:-1])
        engine.drain()
        writer.write(second[-1:])
        assert read(await reader.read()).outcome == "retired"
        writer.close()
        await writer.wait_closed()

    play(story)


def test_certificates_that_cannot_be_read_are_told_when_it_is_made(tmp_path):
    nonsense = tmp_path / "cert.pem"
    nonsense.write_text("no certificate")
    listen = Listen(tls=ListenTls(str(nonsense), str(nonsense)))
    with pytest.raises(ssl.SSLError, match=r"cert\.pem"):
        Engine(replace(RETIRED, listen=listen))
    missing = Listen(tls=ListenTls(str(tmp_path / "none"), str(nonsense)))
    with pytest.raises(OSError, match="No such file"):
        Engine(replace(RETIRED, listen=missing))
