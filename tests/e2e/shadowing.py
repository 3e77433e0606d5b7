"""A shadowed service that stalls, dies or reads slowly: what it costs those whose requests are copied to it.

At any length: the tests of CI and those of `make chaos` play the same. Two routes lead to one monolith, one with a
shadow and one without; they are asked in turn, so that whatever else the machine does meets both.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from statistics import median

from benchmarks.accounting import resident_bytes
from tests.e2e.failing import file
from tests.support.frail_upstream import Frail
from tests.support.paced_load import PacedLoad, Shot, p50, p99
from tests.support.processes import free_port
from tests.support.server import Server, serving
from tests.support.slow_reader import reading_slowly

MIB = 1 << 20
MOST_GROWTH = 50 * MIB
PAIRS = 7
CLIENTS = 32
IN_FLIGHT, QUEUE = 20, 40
SHADOW = "strangler_shadow_total"
BODY = b"x" * (32 * 1024)


class Illness(StrEnum):
    """What is wrong with the shadowed service."""

    STALLS = "stalls"
    DIES = "dies"
    READS_SLOWLY = "reads-slowly"


EXPECTED = {
    Illness.STALLS: {"queue_full"},
    Illness.DIES: {"connect_error", "breaker_open"},
    Illness.READS_SLOWLY: {"total_timeout", "breaker_open"},
}
UNANSWERED = {*set.union(*EXPECTED.values()), "memory_full", "reset", "response_timeout", "connect_timeout", "answered"}


@dataclass(frozen=True, slots=True)
class Pair:
    """Seconds without a shadow, and with one."""

    p50_off: float
    p50_on: float
    p99_off: float
    p99_on: float

    def __str__(self) -> str:
        times = (self.p50_off, self.p50_on, self.p99_off, self.p99_on)
        return "p50 {:.2f} → {:.2f} ms, p99 {:.2f} → {:.2f} ms".format(*(each * 1e3 for each in times))


@dataclass(frozen=True, slots=True)
class Place:
    """A server with a route for each illness, all of one monolith, and one without a shadow."""

    server: Server
    monolith: Frail
    worker: int
    control: int

    def sizes(self) -> list[int]:
        return [resident_bytes(pid) for pid in (self.worker, self.control)]

    def copies(self, illness: Illness) -> dict[str, int]:
        """What became of them, as far as it was anything."""
        asked = {each: self.server.metric(SHADOW, route=illness.value, outcome=each) for each in UNANSWERED}
        return {name: int(count) for name, count in asked.items() if count}


@contextlib.asynccontextmanager
async def beside_the_ill(folder: Path) -> AsyncIterator[Place]:
    with Frail.running(folder, "monolith", "stalled") as (monolith, stalled):
        await asyncio.to_thread(stalled.stall)
        async with reading_slowly() as slow:
            ports = {Illness.STALLS: stalled.port, Illness.DIES: free_port(), Illness.READS_SLOWLY: slow}
            with serving(folder, shop(monolith.url, ports)) as server:
                yield Place(server, monolith, server.workers()[0]["pid"], server.control_pid())


def shop(monolith: str, ill: Mapping[Illness, int]) -> str:
    """The one that stalls is waited for, so that copies pile up; of the others some time out, and the rest is left."""
    upstreams = [
        f'  {one.value}: {{ url: "http://127.0.0.1:{port}", sandboxed: true, timeout: 5m }}'
        for one, port in ill.items()
    ]
    timeouts = {one: "5m" if one is Illness.STALLS else "500ms" for one in ill}
    routes = [
        f"  - {{ name: {one.value}, match: /{one.value}/**, to: {one.value}, stage: shadow,"
        f" shadow: {{ allow_writes: true, timeout: {timeouts[one]}, max_in_flight: {IN_FLIGHT}, queue: {QUEUE} }} }}"
        for one in ill
    ]
    routes.append("  - { name: plain, match: /plain/** }")
    return file(f'  monolith: {{ url: "{monolith}" }}\n' + "\n".join(upstreams), "\n".join(routes))


async def disturb_nobody(here: Place, illness: Illness, *, rate: float, seconds: float, pairs: int) -> list[Pair]:
    """Off and on in turn. Errors, bounds and counts are asserted here; latencies are printed for the caller."""
    method = "POST" if illness is Illness.READS_SLOWLY else "GET"  # a body is what can be read slowly
    copied = len(await play(here, method, illness.value, rate, seconds))
    before, found = here.sizes(), []
    for number in range(1, pairs + 1):
        off = await play(here, method, "plain", rate, seconds)
        on = await play(here, method, illness.value, rate, seconds)
        copied += len(on)
        found.append(Pair(p50(off), p50(on), p99(off), p99(on)))
        print(f"{illness}, {rate:g}/s, pair {number}, without → with a shadow: {found[-1]}")
    growth = [size - earlier for size, earlier in zip(here.sizes(), before, strict=True)]
    print(f"{illness}: worker and control process grew by {[f'{each / MIB:.1f} MiB' for each in growth]}")
    assert max(growth) < MOST_GROWTH
    await asyncio.to_thread(judge_the_counts, here, illness, copied)
    return found


async def play(here: Place, method: str, folder: str, rate: float, seconds: float) -> list[Shot]:
    """So many seconds of load on one of the routes. Nobody may notice anything."""
    load = PacedLoad(here.server.public, rate, CLIENTS, lambda _: (method, f"/{folder}/items"), body=BODY)
    before = len(here.monolith.records)
    async with load.running():
        await asyncio.sleep(seconds)
    assert all(shot.answered for shot in load.shots), "somebody noticed"
    reached = len(here.monolith.records) - before
    twice = method == "GET" and folder != "plain"  # to learn what it differs in from itself
    late = IN_FLIGHT + QUEUE  # what was copied before, and asked a second time only now
    assert len(load.shots) <= reached <= (1 + twice) * len(load.shots) + late, (
        "a request reached the monolith too often"
    )
    return load.shots


def judge_the_counts(here: Place, illness: Illness, copied: int) -> None:
    """Every request that could be copied is counted, and it says why nothing came of it."""
    held = IN_FLIGHT + QUEUE if illness is Illness.STALLS else 0
    here.server.wait_until(lambda: sum(here.copies(illness).values()) >= copied - held)
    found = here.copies(illness)
    print(f"{illness}: of {copied} copies {found}")
    assert sum(found.values()) == copied - held
    assert here.server.metric(SHADOW, route=illness.value) == sum(found.values())
    assert EXPECTED[illness] <= set(found) <= EXPECTED[illness] | {"queue_full"}


def judge_the_latencies(pairs: list[Pair]) -> None:
    """Medians of what each pair shows, against what is allowed: a share, or a time where that is more."""
    middle = median(pair.p50_on / pair.p50_off for pair in pairs), median(pair.p50_on - pair.p50_off for pair in pairs)
    tail = median(pair.p99_on / pair.p99_off for pair in pairs), median(pair.p99_on - pair.p99_off for pair in pairs)
    print(f"median of ratios: p50 {middle[0]:.2f}, p99 {tail[0]:.2f}")
    assert middle[0] <= 1.10 or middle[1] <= 0.3e-3, "copies slow requests down"
    assert tail[0] <= 1.25 or tail[1] <= 5e-3, "copies hold some requests up"
