"""Does memory grow with traffic, and do clients who only occupy disturb the others?

Sends one large body each way, then holds 500 idle connections and 500 slow readers beside a steady client. Growth is
the high-water mark of the process that grew most, beyond what it held just before.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.accounting import peak_resident_bytes, process_tree, reset_peak_resident, resident_bytes
from benchmarks.bulk import download, upload
from benchmarks.load import LoadResult, run_load
from benchmarks.machine import Machine
from benchmarks.peer import Setup
from benchmarks.peers import PEERS
from benchmarks.processes import BenchmarkError, Cores, choose_cores, fetch, free_port, started, wait_until_serving
from benchmarks.report import number, table
from benchmarks.scenarios import BODY_BYTES, GET_1K, Load

DEFAULT_PEERS = ("engine", "asgi", "nginx", "haproxy", "envoy")
IDLE_CLIENTS = 500
SLOW_CLIENTS = 500
SLOW_BODY_BYTES = 8 * 2**20  # beyond any socket's buffers; a proxy that buffers on disk takes 500 times that
SETTLE_SECONDS = 5.0  # until every buffer on the way to a slow reader is full, which is the state to be measured
WARM_UP_BYTES = 8 * 2**20
STEADY = Load(GET_1K, connections=1, rate=200)


@dataclass(frozen=True, slots=True)
class Transfer:
    """One large body: how long it took, and by how much the process that grew most grew."""

    seconds: float
    growth_bytes: int


@dataclass(frozen=True, slots=True)
class Disturbance:
    """What the steady client saw before and during, and who of the occupying clients was still served at the end."""

    before: LoadResult
    during: LoadResult
    growth_bytes: int
    idle_left: int
    slow_left: int

    @property
    def failure(self) -> str | None:
        """What should not have happened at all, in words."""
        if (self.idle_left, self.slow_left) != (IDLE_CLIENTS, SLOW_CLIENTS):
            return f"{self.idle_left} idle and {self.slow_left} slow clients were left at the end"
        return self.before.failure or self.during.failure


@dataclass(frozen=True, slots=True)
class Findings:
    """What one peer showed; with a `failure`, only as far as it came."""

    peer: str
    version: str
    down: Transfer | None = None
    up: Transfer | None = None
    disturbance: Disturbance | None = None
    failure: str | None = None


def measure(peer: str, *, body_bytes: int, seconds: float) -> Findings:
    """Start `peer` before a raw upstream and put it through everything."""
    cores = choose_cores(sorted(os.sched_getaffinity(0)))
    down = up = disturbance = None
    failure: str | None = None
    try:
        with tempfile.TemporaryDirectory(prefix="strangler-bench-") as folder, serving(peer, Path(folder), cores) as at:
            port, pid = at
            warm_up(port)
            down = measure_transfer(pid, download, port, body_bytes)
            up = measure_transfer(pid, upload, port, body_bytes)
            disturbance = measure_disturbance(pid, port, seconds, cores)
            failure = disturbance.failure
    except (BenchmarkError, OSError) as error:
        failure = str(error)
    return Findings(peer, PEERS[peer].version(), down, up, disturbance, failure)


@contextlib.contextmanager
def serving(peer: str, folder: Path, cores: Cores) -> Iterator[tuple[int, int]]:
    """Upstream and proxy, started; yields the proxy's port and process."""
    upstream_port, log = free_port(), folder / "upstream.log"
    command = [sys.executable, "-m", "benchmarks.stream_upstream", str(upstream_port)]
    with started(command, cores=cores.load, log=log) as upstream:
        wait_until_serving(upstream, upstream_port, GET_1K, BODY_BYTES[GET_1K], log=log)
        setup = Setup(free_port(), f"127.0.0.1:{upstream_port}", folder)
        launch, log = PEERS[peer].launch(setup), folder / "proxy.log"
        with started(launch.argv, cores=cores.proxy, log=log, environment=launch.environment) as process:
            wait_until_serving(process, setup.port, GET_1K, BODY_BYTES[GET_1K], log=log)
            yield setup.port, process.pid


def warm_up(port: int) -> None:
    """Let it allocate what it allocates once."""
    for _ in range(200):
        fetch(port, GET_1K)
    download(port, WARM_UP_BYTES)
    upload(port, WARM_UP_BYTES)


def measure_transfer(root: int, transfer: Callable[[int, int], None], port: int, body_bytes: int) -> Transfer:
    with growth(root) as grown:
        began = time.perf_counter()
        transfer(port, body_bytes)
        seconds = time.perf_counter() - began
    return Transfer(seconds, grown())


@contextlib.contextmanager
def growth(root: int) -> Iterator[Callable[[], int]]:
    """What the block cost in memory, to be asked after it: the most that one process of the tree rose, in bytes."""
    before = {pid: resident_bytes(pid) for pid in process_tree(root)}
    for pid in before:
        reset_peak_resident(pid)
    risen: list[int] = []
    yield lambda: max(risen)
    risen.extend(peak_resident_bytes(pid) - held for pid, held in before.items())


def measure_disturbance(root: int, port: int, seconds: float, cores: Cores) -> Disturbance:
    before = run_load(STEADY, port, seconds=seconds, cores=cores.load)
    with growth(root) as grown:
        clients = occupy(port, cores)
        try:
            time.sleep(SETTLE_SECONDS)
            during = run_load(STEADY, port, seconds=seconds, cores=cores.load)
        finally:
            said, _ = clients.communicate()
    left: dict[str, int] = json.loads(said)
    return Disturbance(before, during, grown(), left["idle"], left["slow"])


def occupy(port: int, cores: Cores) -> subprocess.Popen[str]:
    """Idle and slow clients, all standing. They leave when their standard input is closed."""
    numbers = [port, IDLE_CLIENTS, SLOW_CLIENTS, SLOW_BODY_BYTES]
    command = [sys.executable, "-m", "benchmarks.slow_clients", *map(str, numbers)]
    clients = subprocess.Popen(
        ["taskset", "--cpu-list", cores.load, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    first_line = clients.stdout.readline() if clients.stdout else ""
    if first_line != "ready\n":
        clients.communicate()
        raise BenchmarkError(f"{IDLE_CLIENTS} idle and {SLOW_CLIENTS} slow clients: {first_line.strip() or 'it ended'}")
    return clients


def markdown(findings: Sequence[Findings], machine: Machine, body_bytes: int) -> str:
    """Where it was measured, one line for each peer, and what failed."""
    size = f"{body_bytes / 2**20:,.0f} MiB"
    header = ["", f"{size} down, s", "growth, MiB", f"{size} up, s", "growth, MiB"]
    header += ["p50 alone, µs", "p50 beside", "p99 alone", "p99 beside", "growth, MiB"]
    versions = "; ".join(f"{PEERS[found.peer].title.strip('*')} {found.version}" for found in findings)
    failures = [f"- {PEERS[found.peer].title}: {found.failure.splitlines()[0]}" for found in findings if found.failure]
    parts = [
        f"Measured on {machine}. “Beside”: with {IDLE_CLIENTS} idle connections and {SLOW_CLIENTS} slow readers open.",
        f"Versions: {versions}.",
        table(header, [row(found) for found in findings]),
    ]
    return "\n\n".join(parts + (["Failed:\n\n" + "\n".join(failures)] if failures else []))


def row(found: Findings) -> list[str]:
    cells = [PEERS[found.peer].title]
    for transfer in (found.down, found.up):
        cells += [f"{transfer.seconds:.2f}", mebibytes(transfer.growth_bytes)] if transfer else ["–", "–"]
    seen = found.disturbance
    if seen is None:
        return [*cells, *["–"] * 5]
    latencies = (seen.before.p50_us, seen.during.p50_us, seen.before.p99_us, seen.during.p99_us)
    return [*cells, *map(number, latencies), mebibytes(seen.growth_bytes)]


def mebibytes(count: int) -> str:
    return f"{count / 2**20:+.1f}"


def dump(findings: Sequence[Findings], machine: Machine, body_bytes: int) -> str:
    """The same as JSON."""
    record = {"machine": asdict(machine), "body_bytes": body_bytes, "findings": [asdict(found) for found in findings]}
    return json.dumps(record, indent=1)
