"""What upstreams do to their users here, at any length: the tests of CI and those of `make chaos` play the same.

The upstreams' own records say what reached them. What is said of latencies is a comparison, never a number.
"""

import asyncio
import json
import re
import time
from collections import Counter
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from random import Random

from tests.support.frail_upstream import Frail
from tests.support.paced_load import PacedLoad, Shot
from tests.support.server import Server, serving

EJECTED = re.compile(r"at (\S+): left out for (\d+) s")

FALLEN = {"route=items;side=legacy;reason=fallback", "route=items;side=legacy;reason=breaker"}

NOTICE_SECONDS = 0.25
"""How long it may take until what came to an end is seen to have, on a busy machine."""


def file(upstreams: str, routes: str = "", *, listen: str = "") -> str:
    """A routes.yaml of these upstreams; `monolith` is one of them."""
    return f"""\
version: 1
listen: {{ public: 127.0.0.1:0, console: 127.0.0.1:0, drain_timeout: 1s, trusted_callers: [127.0.0.1]{listen} }}
log: {{ access: off }}
upstreams:
{upstreams}
defaults: {{ legacy: monolith }}
routes:
{routes or "  []"}
"""


def mixed(number: int) -> tuple[str, str]:
    """Of ten requests one is a write that takes its time, and two are reads whose answers do."""
    match number % 10:
        case 0:
            return "POST", "/api/late"
        case 1 | 6:
            return "GET", "/api/halves"
    return "GET", "/api/items"


async def kill_one_of_two(folder: Path, chance: Random, *, workers: int, rate: float, seconds: float) -> None:
    """Half way, or so, one endpoint is killed: nobody but those whose answer or write it had under way may notice."""
    with Frail.running(folder, "left", "right") as (left, right):
        text = file(f'  monolith: {{ targets: ["{left.url}", "{right.url}"] }}')
        with serving(folder, text, "--workers", str(workers)) as server:
            async with PacedLoad(server.public, rate, 32, mixed).running() as load:
                await load.more(rate * seconds * chance.uniform(0.3, 0.5))
                killed = time.monotonic()
                gone = await asyncio.to_thread(left.kill)
                await load.more(rate * seconds * 0.5)
            retries = server.metric("strangler_retries_total")
        judge_the_killing(load.shots, killed, gone)
        judge_the_writes(load.shots, [left, right])
        later = [shot for shot in load.shots if shot.began > gone + NOTICE_SECONDS]
        assert all(shot.fields["x-from"] == "right" for shot in later)
        per_second = len(load.shots) / (max(shot.ended for shot in load.shots) - min(s.began for s in load.shots))
        lost = Counter((shot.method, shot.outcome or "cut") for shot in load.shots if not shot.answered)
        print(
            f"{workers} workers, {per_second:.0f}/s, {len(load.shots)} requests: lost {dict(lost)}, {retries} retries"
        )


def judge_the_killing(shots: list[Shot], killed: float, gone: float) -> None:
    lost = [shot for shot in shots if not shot.answered]
    assert [shot for shot in lost if shot.method == "GET" and not shot.cut] == []
    assert [shot for shot in lost if not shot.began < gone + NOTICE_SECONDS] == []
    assert [shot for shot in lost if not shot.ended > killed] == []
    assert {shot.outcome for shot in lost if not shot.cut} <= {"reset"}


def judge_the_writes(shots: list[Shot], upstreams: list[Frail]) -> None:
    """None reached an upstream twice, and what was answered reached one."""
    reached = Counter(record.id for one in upstreams for record in one.records if record.method == "POST")
    assert max(reached.values()) == 1
    writes = {shot.id: shot for shot in shots if shot.method == "POST"}
    assert {shot.id for shot in writes.values() if shot.answered} <= set(reached) <= set(writes)


async def flap(folder: Path, *, seconds: float) -> None:
    """One of two endpoints is there for a second, away for a second, and so on."""
    with Frail.running(folder, "steady", "flapping") as (steady, flapping):
        text = file(
            f'  monolith: {{ targets: ["{steady.url}", "{flapping.url}"], eject: {{ after: 3, base: 1s }} }}',
        )
        with serving(folder, text) as server:
            async with PacedLoad(server.public, 100, 8).running() as load:
                for _ in range(round(seconds / 2)):
                    await asyncio.sleep(1)
                    await asyncio.to_thread(flapping.kill)
                    await asyncio.sleep(1)
                    await asyncio.to_thread(flapping.start)
        found = ejections(server)
        assert [shot for shot in load.shots if not shot.answered] == []
        sides = Counter(shot.fields["x-from"] for shot in load.shots)
        print(f"{len(load.shots)} requests in {seconds} s: {dict(sides)}; ejected {[(url, s) for _, url, s in found]}")
        assert sides["flapping"] > 0
        assert {url for _, url, _ in found} == {flapping.url}
        for (at, _, out), (next_at, _, _) in pairwise(found):
            assert next_at - at >= out - 0.1, "it was ejected again before its time was over"


def ejections(server: Server) -> list[tuple[float, str, float]]:
    """When (seconds of the day), which endpoint, and for how many seconds."""
    lines = [json.loads(line) for line in server.process.output.splitlines() if "left out for" in line]
    said = [(line["time"], EJECTED.search(line["message"])) for line in lines]
    return [(datetime.fromisoformat(ts).timestamp(), found[1], float(found[2])) for ts, found in said if found]


async def fall_back(folder: Path, *, rounds: int) -> None:
    """A service is killed and comes back: meanwhile the monolith answers what may be answered twice, nothing else."""
    with Frail.running(folder, "monolith", "service") as (monolith, service):
        breaker = (
            "{ window: 1s, min_requests: 10, try_again_after: 1s }"  # a window of successes takes half of it to turn
        )
        text = file(
            f'''\
  monolith: {{ url: "{monolith.url}" }}
  service: {{ url: "{service.url}", timeout: {{ connect: 60s, response: 60s }}, breaker: {breaker} }}''',
            "  - { name: items, match: /api/**, to: service, stage: cutover, fallback: {} }",
        )
        shots: list[Shot] = []
        with serving(folder, text) as server:
            for turn in range(rounds):
                async with PacedLoad(server.public, 100, 12, every_third_a_write, f"{turn}-").running() as load:
                    await asyncio.sleep(0.5)
                    gone = await asyncio.to_thread(service.kill)
                    await asyncio.sleep(2.4)
                    await asyncio.to_thread(server.wait_until, lambda gone=gone: shows(load.since(gone)))
                    back = time.monotonic()
                    await asyncio.to_thread(service.start)
                    await asyncio.to_thread(server.wait_until, lambda: mended(server, "service", 1, load))
                    whole = time.monotonic()
                    await asyncio.sleep(0.5)
                judge_the_fallback(load, gone, back, whole)
                shots += load.shots
            assert server.metric("strangler_fallback_total", route="items") > 0
        assert {record.method for record in monolith.records} == {"GET"}
        judge_the_writes(shots, [service])


def shows(shots: list[Shot]) -> bool:
    """A breaker has opened since, and most writes were refused by it."""
    codes = Counter(shot.outcome for shot in shots if shot.method == "POST")
    return codes["breaker_open"] > codes["connect_error"]


def mended(server: Server, upstream: str, workers: int, load: PacedLoad) -> bool:
    """The breakers of all workers are closed, and the last twenty requests were answered by the upstream itself."""
    last = load.shots[-20:]
    closed = server.metric("strangler_breakers", upstream=upstream, state="closed") == workers
    return closed and all(shot.answered and shot.fields["x-from"] == upstream for shot in last)


def every_third_a_write(number: int) -> tuple[str, str]:
    return ("GET", "POST", "GET")[number % 3], "/api/items"


def judge_the_fallback(load: PacedLoad, gone: float, back: float, whole: float) -> None:
    reads = [shot for shot in load.shots if shot.method == "GET"]
    assert [shot for shot in reads if not shot.answered] == []
    away = [shot for shot in load.shots if shot.began > gone and shot.ended < back]
    fallen = {shot.fields["x-strangler-decision"] for shot in away if shot.method == "GET"}
    assert {shot.fields["x-from"] for shot in away if shot.method == "GET"} == {"monolith"}
    assert {line.partition(";bucket")[0] for line in fallen} == FALLEN
    refused = [shot for shot in away if shot.method == "POST"]
    codes = Counter((shot.status, shot.outcome, "retry-after" in shot.fields) for shot in refused)
    print(f"{len(reads)} reads answered, {len(away) - len(refused)} by the monolith; writes meanwhile: {dict(codes)}")
    assert set(codes) == {(502, "connect_error", False), (503, "breaker_open", True)}
    assert codes[503, "breaker_open", True] > codes[502, "connect_error", False]
    assert max(shot.seconds for shot in away) < 30.0, "the service's own time limit was waited for"
    later = load.since(whole)
    assert {(shot.answered, shot.fields["x-from"]) for shot in later} == {(True, "service")}
