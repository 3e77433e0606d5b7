"""A service that accepts and never answers, beside one that is well: what it costs the other, the proxy and itself.

At any length: the tests of CI and those of `make chaos` play the same.
"""

import asyncio
import time
from pathlib import Path
from statistics import median

from benchmarks.accounting import resident_bytes
from tests.e2e.failing import file, mended
from tests.support.frail_upstream import Frail
from tests.support.paced_load import PacedLoad, Shot, p50, p99
from tests.support.server import Server, serving

MIB = 1 << 20
RESPONSE_SECONDS = 0.3
PLACES = 20
TRY_AGAIN_SECONDS = 0.6
WINDOW_SECONDS = 1.0
PAIRS = 7


def two_services(well: Frail, ill: Frail, guards: str, *, response: float = RESPONSE_SECONDS) -> str:
    return file(
        f"""\
  monolith: {{ url: "{well.url}" }}
  ill: {{ url: "{ill.url}", timeout: {{ connect: 60s, response: {response:g}s }}, {guards} }}""",
        "  - { name: ill, match: /ill/**, to: ill, stage: cutover }",
    )


def of_the_ill(_: int) -> tuple[str, str]:
    return "GET", "/ill/items"


async def compare_in_pairs(folder: Path, *, rate: float, seconds: float) -> None:
    """With its neighbour answering, then stalling, seven times in turn. Prints all pairs."""
    with Frail.running(folder, "well", "ill") as (well, ill):
        guards = f"bulkhead: {{ max_in_flight: {PLACES} }}"
        with serving(folder, two_services(well, ill, guards)) as server:
            pid = server.workers()[0]["pid"]
            ratios: list[tuple[float, float, float, float]] = []
            sizes: list[tuple[int, float]] = []
            for number in range(PAIRS):
                await asyncio.to_thread(ill.answer)
                off = await both(server, rate, seconds)
                await asyncio.to_thread(ill.stall)
                on = await both(server, rate, seconds)
                assert all(shot.answered for shot in off + on), "the well service's users noticed"
                ratios.append((p50(off), p50(on), p99(off), p99(on)))
                sizes.append((resident_bytes(pid), server.metric("strangler_upstream_connections")))
                shown = "; ".join(f"{before * 1e3:.2f} → {after * 1e3:.2f} ms" for before, after in
                                  (ratios[-1][:2], ratios[-1][2:]))  # fmt: skip
                print(f"pair {number + 1}: p50, p99 while the neighbour answers → stalls: {shown}; {sizes[-1]}")
            middle, tail = median(one[1] / one[0] for one in ratios), median(one[3] / one[2] for one in ratios)
            print(f"median of ratios: p50 {middle:.2f}, p99 {tail:.2f}")
            assert middle < 3, "a stalled service slows its neighbour down"
            # Nothing is held for ever: a place in the bulkhead is a connection, and so is a client that waits for one.
            assert max(connections for _, connections in sizes) <= PLACES + 2 * 16
            assert sizes[-1][0] - sizes[0][0] < 10 * MIB


async def both(server: Server, rate: float, seconds: float) -> list[Shot]:
    """The well one's requests, while both are asked."""
    well, ill = PacedLoad(server.public, rate, 16), PacedLoad(server.public, rate, 32, of_the_ill)
    async with ill.running(), well.running():
        await asyncio.sleep(seconds)
    codes = {(shot.status, shot.outcome) for shot in ill.shots}
    assert codes - {(200, ""), (503, "bulkhead_full"), (504, "response_timeout")} == set()
    assert all("retry-after" in shot.fields for shot in ill.shots if shot.status == 503)
    return well.shots


async def break_and_mend(folder: Path, *, workers: int, probes: int) -> None:
    """The breaker opens within its window, asks with one request of each worker, and closes when that is answered."""
    with Frail.running(folder, "well", "ill") as (well, ill):
        guards = (
            f"breaker: {{ window: {WINDOW_SECONDS:g}s, min_requests: 10, try_again_after: {TRY_AGAIN_SECONDS:g}s }}"
        )
        with serving(folder, two_services(well, ill, guards), "--workers", str(workers)) as server:
            # New connections all the time, so that every worker has its part.
            load = PacedLoad(server.public, 200, 64, of_the_ill, keeps=False)
            async with load.running():
                await load.more(50)
                ill_since = await asyncio.to_thread(ill.stall)
                await asyncio.to_thread(server.wait_until, lambda: is_open(server, workers))
                opened = time.monotonic()
                await asyncio.to_thread(
                    server.wait_until, lambda: len(let_through(load.since(opened))) >= workers * probes
                )
                well_since = time.monotonic()
                await asyncio.to_thread(ill.answer)
                await asyncio.to_thread(server.wait_until, lambda: mended(server, "ill", workers, load))
        first = min(shot.began for shot in load.shots if shot.outcome == "breaker_open")
        print(f"{workers} workers: first left alone {first - ill_since:.2f} s after the stall began")
        meanwhile = [shot for shot in load.since(opened) if shot.ended < well_since]
        assert {shot.outcome for shot in meanwhile} == {"breaker_open", "response_timeout"}
        judge_the_probes(let_through(meanwhile), workers, well_since - opened)


def is_open(server: Server, workers: int) -> bool:
    """The breakers of all workers, or about to be tried."""
    states = [server.metric("strangler_breakers", upstream="ill", state=state) for state in ("open", "half_open")]
    return sum(states) == workers


def let_through(shots: list[Shot]) -> list[Shot]:
    return [shot for shot in shots if shot.outcome == "response_timeout"]


def judge_the_probes(asked: list[Shot], workers: int, seconds: float) -> None:
    """Of each worker one, then none until that has failed and it may try again."""
    ends = sorted(shot.ended for shot in asked)
    print(f"{len(ends)} probes of {workers} workers in {seconds:.2f} s: {[f'{at - ends[0]:.2f}' for at in ends]}")
    rounds = seconds / (TRY_AGAIN_SECONDS + RESPONSE_SECONDS)
    assert len(ends) <= workers * (rounds + 1), "a worker let more than one through"


async def storm(folder: Path, *, workers: int, rate: float, seconds: float) -> None:
    """A service that says 503 to everybody, and clients who may be asked again four times."""
    with Frail.running(folder, "well", "ill") as (well, ill):
        guards = "retry: { attempts: 5, backoff: 1ms }"
        with serving(folder, two_services(well, ill, guards, response=60), "--workers", str(workers)) as server:
            load = PacedLoad(server.public, rate, 24, lambda _: ("GET", "/ill/sick"))
            began = time.monotonic()
            async with load.running():
                await asyncio.sleep(seconds)
            took = time.monotonic() - began
        requests, reached = len(load.shots), len(ill.records)
        floor = 100 * (1 + took // 10)  # 10 a second, of ten seconds at once
        print(f"{workers} workers: {requests} requests, {reached} reached the service")
        assert {shot.status for shot in load.shots} == {503}
        assert requests < reached <= 1.2 * requests + floor
