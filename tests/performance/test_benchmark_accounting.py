"""CPU accounting on real processes: what a child says of itself is what is read about it."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from benchmarks.accounting import MachineTime, process_tree, tree_cpu_seconds, tree_resident_bytes

BUSY_SECONDS = 0.2
TOLERANCE_SECONDS = 0.03  # reaped children are known in ticks of 10 ms, and the child goes on a little after printing

SPIN = f"""
import time
while time.process_time() < {BUSY_SECONDS}: pass
"""
BUSY = f"{SPIN}\nprint(time.process_time(), flush=True)\ninput()"
PARENT_OF_BUSY = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {BUSY!r}])
child.wait()
"""
PARENT_THAT_REAPED = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", {SPIN!r}])
print("reaped", flush=True)
input()
"""


@pytest.fixture
def child(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", request.param], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield process
    process.communicate("\n")


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


@pytest.mark.parametrize("child", [BUSY], indirect=True)
def test_a_busy_child_is_charged_what_it_used(child: subprocess.Popen[str]) -> None:
    own_account = float(first_line(child))

    assert tree_cpu_seconds(child.pid) == pytest.approx(own_account, abs=TOLERANCE_SECONDS)


@pytest.mark.parametrize("child", [PARENT_OF_BUSY], indirect=True)
def test_a_living_grandchild_is_counted(child: subprocess.Popen[str]) -> None:
    own_account = float(first_line(child))

    assert len(process_tree(child.pid)) == 2
    assert tree_cpu_seconds(child.pid) >= own_account


@pytest.mark.parametrize("child", [PARENT_THAT_REAPED], indirect=True)
def test_a_grandchild_that_has_ended_is_not_forgotten(child: subprocess.Popen[str]) -> None:
    assert first_line(child) == "reaped\n"

    assert process_tree(child.pid) == [child.pid]
    assert tree_cpu_seconds(child.pid) >= BUSY_SECONDS - TOLERANCE_SECONDS


@pytest.mark.parametrize(
    "child", ["held = bytes(range(256)) * (64 * 4096)\nprint(len(held), flush=True)\ninput()"], indirect=True
)
def test_resident_memory_is_what_the_child_holds(child: subprocess.Popen[str]) -> None:
    held_bytes = int(first_line(child))

    assert held_bytes < tree_resident_bytes(child.pid) < held_bytes + 64 * 2**20


def test_the_stolen_share_is_of_the_time_between_two_readings() -> None:
    earlier = MachineTime(total_ticks=1000, stolen_ticks=100)

    assert MachineTime(total_ticks=1200, stolen_ticks=110).stolen_share_since(earlier) == 0.05
    assert earlier.stolen_share_since(earlier) == 0.0
