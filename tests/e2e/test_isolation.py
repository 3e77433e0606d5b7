"""Clients who only occupy, and bodies larger than any buffer, cost the others nothing and the worker little memory.

`python -m benchmarks stream` is the long form: 1 GiB each way, latencies beside the occupiers, other proxies.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.accounting import peak_resident_bytes, reset_peak_resident, resident_bytes
from benchmarks.bulk import download, upload
from tests.support.load import Load
from tests.support.marked_upstream import MarkedUpstream
from tests.support.processes import ROOT, free_port, running
from tests.support.server import Server, ask, serving

MIB = 1 << 20
IDLE = SLOW = 500
SLOW_BODY_BYTES = 8 * MIB
BODY_BYTES = 64 * MIB
STEADY = 8

pytestmark = pytest.mark.slow


@dataclass(frozen=True, slots=True)
class Place:
    """A server with one worker."""

    server: Server
    worker: int

    @contextmanager
    def growth(self) -> Iterator[Callable[[], int]]:
        """By how much the worker's resident memory rose in the block at its highest, in bytes; asked after it."""
        reset_peak_resident(self.worker)
        before = resident_bytes(self.worker)
        risen: list[int] = []
        yield lambda: risen[0]
        risen.append(peak_resident_bytes(self.worker) - before)


@contextmanager
def place(folder: Path, streams: int, steady: int) -> Iterator[Place]:
    """`/api/…` goes to the upstream of large bodies, all else to the other."""
    text = f"""\
version: 1
listen: {{ public: 127.0.0.1:0, console: 127.0.0.1:0 }}
upstreams:
  steady: {{ url: "http://127.0.0.1:{steady}" }}
  streams: {{ url: "http://127.0.0.1:{streams}" }}
defaults: {{ legacy: steady }}
routes:
  - {{ name: large, match: {{ path: "/api/**" }}, to: streams, stage: cutover }}
"""
    with serving(folder, text) as server:
        server.wait_until(lambda: len(server.workers()) == 1)
        yield Place(server, server.workers()[0]["pid"])


@pytest.fixture
def streams(tmp_path: Path) -> Iterator[int]:
    """The port of an upstream that sends and takes bodies of any size and holds none of them."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.stream_upstream", str(port)]
    with running(command, port=port, log=tmp_path / "streams.log"):
        yield port


def test_large_bodies_do_not_stay_in_memory(streams: int, tmp_path: Path) -> None:
    with place(tmp_path, streams, streams) as here:
        for transfer in (download, upload):  # let it allocate what it allocates once
            transfer(here.server.public, 8 * MIB)
        for transfer in (download, upload):
            with here.growth() as grown:
                transfer(here.server.public, BODY_BYTES)
            assert grown() < 10 * MIB, transfer.__name__


@pytest.mark.anyio
async def test_idle_connections_and_slow_readers_disturb_nobody(streams: int, tmp_path: Path) -> None:
    async with MarkedUpstream.running("steady") as steady:
        with place(tmp_path, streams, steady.port) as here:
            load = Load(here.server.public, "/steady")
            with here.growth() as grown:
                async with load.from_clients(STEADY):
                    await load.rounds(5)
                    async with occupied(here.server.public) as left:
                        await load.rounds(20)
                        began = time.monotonic()
                        while time.monotonic() - began < 3:  # until every buffer on the way to a slow reader is full
                            await load.rounds(5)
                        connections = await asyncio.to_thread(here.server.metric, "strangler_connections")
                        await load.rounds(20)
                        assert (await asyncio.to_thread(ask, here.server.public)).status == 200
                    await load.rounds(20)
            assert load.failures == []
            assert load.refused == 0
            assert len({shot.client_port for shot in load.shots}) == STEADY, "a connection was lost"
            assert connections >= IDLE + SLOW + STEADY
            assert left == {"idle": IDLE, "slow": SLOW}, "an occupier was thrown out"
            # A slow reader may hold a high-water mark of 64 KiB and what was on its way when that was reached.
            assert grown() < SLOW * 256 * 1024 + 20 * MIB
            await asyncio.to_thread(
                here.server.wait_until, lambda: here.server.metric("strangler_connections") <= STEADY
            )


@asynccontextmanager
async def occupied(port: int) -> AsyncIterator[dict[str, int]]:
    """Idle connections and slow readers for as long as the block lasts; afterwards, how many were still served."""
    numbers = [str(number) for number in (port, IDLE, SLOW, SLOW_BODY_BYTES)]
    clients = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.slow_clients", *numbers,
        cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert clients.stdout is not None
    async with asyncio.timeout(60):
        assert await clients.stdout.readline() == b"ready\n"
    left: dict[str, int] = {}
    try:
        yield left
    finally:
        said, _ = await clients.communicate(b"")  # closes its input, which it waits for
    left.update(json.loads(said))
