"""A service that accepts and never answers, beside one that is well: what it costs the other, the proxy and itself.

At any length: the tests of CI and those of `make chaos` play the same.
"""

import asyncio
from pathlib import Path
from statistics import median

from benchmarks.accounting import resident_bytes
from tests.e2e.failing import file
from tests.support.frail_upstream import Frail, Record
from tests.support.paced_load import PacedLoad, Shot, p50, p99
from tests.support.server import Server, serving

MIB = 1 << 20
RESPONSE_SECONDS = 0.3
PLACES = 20
TRY_AGAIN_SECONDS = 0.6
WINDOW_SECONDS = 1.0
PAIRS = 7


def two_services(well: Frail, ill: Frail, guards: str) -> str:
    return file(
        f"""\
  monolith: {{ url: "{well.url}" }}
  ill: {{ url: "{ill.url}", timeout: {{ connect: 1s, response: {RESPONSE_SECONDS:g}s }}, {guards} }}""",
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
                await asyncio.sleep(0.5)
                ill_since = await asyncio.to_thread(ill.stall)
                opened = ill_since + WINDOW_SECONDS + RESPONSE_SECONDS + 0.5
                await asyncio.sleep(WINDOW_SECONDS + RESPONSE_SECONDS + 0.5)
                await asyncio.sleep(probes * (TRY_AGAIN_SECONDS + RESPONSE_SECONDS))
                well_since = await asyncio.to_thread(ill.answer)
                await asyncio.sleep(3 * TRY_AGAIN_SECONDS + RESPONSE_SECONDS + 0.5)
                closed = asyncio.get_running_loop().time()
                await asyncio.sleep(0.5)
        first = min(shot.began for shot in load.shots if shot.outcome == "breaker_open")
        print(f"{workers} workers: first left alone {first - ill_since:.2f} s after the stall began")
        assert {shot.outcome for shot in load.shots if opened < shot.began < well_since} <= {
            "breaker_open", "response_timeout",
        }  # fmt: skip
        judge_the_probes([one for one in ill.records if opened < one.at < well_since], workers, probes)
        assert all(shot.answered for shot in load.since(closed)), "it did not close"
        assert load.since(closed)


def judge_the_probes(asked: list[Record], workers: int, rounds: int) -> None:
    """Of each worker one, then none until it may try again."""
    times = sorted(record.at for record in asked)
    print(f"{len(times)} probes of {workers} workers in {rounds} rounds: {[f'{at - times[0]:.2f}' for at in times]}")
    assert workers * (rounds - 1) <= len(times) <= workers * (rounds + 1)
    for one, later in zip(times, times[workers:], strict=False):
        assert later - one >= TRY_AGAIN_SECONDS * 0.95, "a worker let more than one through"


async def storm(folder: Path, *, workers: int, rate: float, seconds: float) -> None:
    """A service that says 503 to everybody, and clients who may be asked again four times."""
    with Frail.running(folder, "well", "ill") as (well, ill):
        guards = "retry: { attempts: 5, backoff: 1ms }"
        with serving(folder, two_services(well, ill, guards), "--workers", str(workers)) as server:
            load = PacedLoad(server.public, rate, 24, lambda _: ("GET", "/ill/sick"))
            async with load.running():
                await asyncio.sleep(seconds)
        requests, reached = len(load.shots), len(ill.records)
        floor = 100 * (1 + seconds // 10)  # 10 a second, of ten seconds at once
        print(f"{workers} workers: {requests} requests, {reached} reached the service")
        assert {shot.status for shot in load.shots} == {503}
        assert requests < reached <= 1.2 * requests + floor
