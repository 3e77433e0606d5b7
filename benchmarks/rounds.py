"""Plays rounds: in each, every scenario once, and in each scenario every contender once, in shuffled order.

A contender is started afresh for each run and stopped after it, so that none is disturbed by another's idling.
"""

import contextlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.accounting import machine_time, tree_cpu_seconds, tree_resident_bytes
from benchmarks.load import LoadResult, run_load
from benchmarks.peer import Setup
from benchmarks.peers import DIRECT, PEERS
from benchmarks.processes import BenchmarkError, Cores, free_port, started, wait_until_serving
from benchmarks.scenarios import BODY_BYTES, GET_1K, GET_100K, Contender, Scenario
from benchmarks.summary import Sample


@dataclass(frozen=True, slots=True)
class Plan:
    """How long, how often, who, and in which shuffle."""

    rounds: int
    seconds: float
    warm_up_seconds: float
    scenarios: Sequence[Scenario]
    peers: Sequence[str]
    seed: int


@dataclass(frozen=True, slots=True)
class Ground:
    """What all runs share."""

    cores: Cores
    upstream_port: int
    folder: Path


@dataclass(frozen=True, slots=True)
class Target:
    """Something that serves; `pid` is the root of its processes, None for the upstream itself."""

    port: int
    pid: int | None


def play(plan: Plan, ground: Ground) -> Iterator[Sample]:
    """Every sample as it comes."""
    order = random.Random(plan.seed)  # seeded, so that a surprising order can be played again
    for number in range(1, plan.rounds + 1):
        for scenario in plan.scenarios:
            field = scenario.field(plan.peers)
            order.shuffle(field)
            for contender in field:
                yield measure(number, scenario, contender, plan, ground)


def measure(number: int, scenario: Scenario, contender: Contender, plan: Plan, ground: Ground) -> Sample:
    """One run. What goes wrong with a contender is its sample's `failure`, so that the others still run."""
    try:
        with serving(contender, ground, f"{number}-{scenario.name}-{contender.label}") as target:
            run_load(scenario.load, target.port, seconds=plan.warm_up_seconds, cores=ground.cores.load)
            return loaded(Sample(number, scenario.name, contender.label), target, scenario, plan, ground)
    except BenchmarkError as error:
        return Sample(number, scenario.name, contender.label, failure=str(error))


def loaded(blank: Sample, target: Target, scenario: Scenario, plan: Plan, ground: Ground) -> Sample:
    """`blank` with its figures: CPU and requests are taken over the same window."""
    machine_before = machine_time()
    cpu_before = tree_cpu_seconds(target.pid) if target.pid else 0.0
    seen = run_load(scenario.load, target.port, seconds=plan.seconds, cores=ground.cores.load)
    cpu_seconds = tree_cpu_seconds(target.pid) - cpu_before if target.pid else None
    stolen_share = machine_time().stolen_share_since(machine_before)
    return Sample(
        round=blank.round,
        scenario=blank.scenario,
        contender=blank.contender,
        requests=seen.requests,
        seconds=seen.seconds,
        cpu_us=cpu_per_request_us(cpu_seconds, seen),
        p50_us=seen.p50_us,
        p99_us=seen.p99_us,
        resident_mib=tree_resident_bytes(target.pid) / 2**20 if target.pid else None,
        stolen_share=stolen_share,
        failure=seen.failure,
    )


def cpu_per_request_us(cpu_seconds: float | None, seen: LoadResult) -> float | None:
    """None without a proxy, or without a request to divide by."""
    return cpu_seconds * 1e6 / seen.requests if cpu_seconds is not None and seen.requests else None


@contextlib.contextmanager
def serving(contender: Contender, ground: Ground, folder_name: str) -> Iterator[Target]:
    """The contender, started and answering correctly."""
    if contender.peer == DIRECT:
        yield Target(ground.upstream_port, None)
        return
    folder = ground.folder / folder_name.replace(" ", "-").replace(",", "")
    folder.mkdir(parents=True)
    upstream = f"127.0.0.1:{ground.upstream_port}"
    setup = Setup(
        free_port(),
        upstream,
        folder,
        access_log=contender.access_log,
        routes=contender.routes,
        guarded=contender.guarded,
        canary=contender.canary,
    )
    command = PEERS[contender.peer].launch(setup)
    log = folder / "output.log"
    with started(command.argv, cores=ground.cores.proxy, log=log, environment=command.environment) as process:
        for path in (GET_1K, GET_100K):
            wait_until_serving(process, setup.port, path, BODY_BYTES[path], log=log)
        yield Target(setup.port, process.pid)
