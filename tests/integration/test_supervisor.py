"""The supervisor over real, simple processes: who is started, who is told what, in which order all end."""

import contextlib
import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import PATIENCE_S, Process, is_listening

Entry = dict[str, Any]


class Family:
    """A running supervisor and the diary of its children."""

    def __init__(self, process: Process, diary: Path) -> None:
        self.process = process
        self._diary = diary

    def entries(self, event: str, name: str = "") -> list[Entry]:
        lines = self._diary.read_text().splitlines() if self._diary.exists() else []
        found = [json.loads(line) for line in lines if line.endswith("}")]
        return [entry for entry in found if entry["event"] == event and entry["name"].startswith(name)]

    def wait_for(self, condition: Callable[[], bool]) -> None:
        self.process.wait_until(condition)

    def log(self, event: str) -> list[Entry]:
        lines = [json.loads(line) for line in self.process.output.splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == event]

    def told(self) -> Entry:
        """What the control process was last told of the others."""
        self.wait_for(lambda: bool(self._all_told()))
        return self._all_told()[-1]

    def _all_told(self) -> list[Entry]:
        messages = [entry["message"] for entry in self.entries("told", "control")]
        return [message for message in messages if message["type"] == "children"]


Start = Callable[..., Family]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Family] = []

    def begin(workers: int = 2, *, delay: float = 0, timeout: float = 60, ready: bool = True, **environ: str) -> Family:
        diary = tmp_path / "diary"
        command = [sys.executable, "-m", "tests.support.supervised", tmp_path, workers, delay, timeout]
        process = Process.start(
            [str(part) for part in command], log=tmp_path / "log", env={"FAKE_DIARY": str(diary), **environ}
        )
        started.append(Family(process, diary))
        if ready:
            process.wait_for_output('"ready"')
        return started[-1]

    yield begin
    for family in started:
        with contextlib.suppress(ProcessLookupError):
            family.process.send_signal(signal.SIGKILL)
        family.process.wait()


def test_ready_is_said_once_when_all_serve_and_the_drain_ends_with_zero(start: Start) -> None:
    family = start(workers=3)
    assert len(family.log("ready")) == 1
    family.process.send_signal(signal.SIGTERM)
    assert family.process.wait() == 0
    assert [entry["name"] for entry in family.entries("end")][-1] == "control"  # it goes last
    assert len(family.entries("end", "worker")) == 3


def test_workers_do_not_get_the_token_and_are_told_to_keep_memory(start: Start) -> None:
    family = start(workers=1, STRANGLER_TOKEN="s3cret")
    (worker,) = family.entries("start", "worker")
    (control,) = family.entries("start", "control")
    assert (worker["token"], control["token"]) == (False, True)
    assert worker["malloc"] == "268435456"


def test_a_setting_of_the_operator_for_memory_is_kept(start: Start) -> None:
    family = start(workers=1, MALLOC_TRIM_THRESHOLD_="1000")
    assert family.entries("start", "worker")[0]["malloc"] == "1000"


@pytest.mark.parametrize("name", ["worker-1", "control"])
def test_a_killed_child_is_started_again_and_the_others_are_left_alone(start: Start, name: str) -> None:
    family = start()
    (victim,) = family.entries("start", name)
    os.kill(victim["pid"], signal.SIGKILL)
    family.wait_for(lambda: len(family.entries("start", name)) == 2)
    assert len(family.entries("start")) == 4
    family.wait_for(lambda: family.told()["control_restarts"] + sum(family.told()["restarts"]) == 1)
    assert victim["generation"] not in family.told()["generations"]
    assert family.log("child_ended")[0]["exit_code"] == -9


@pytest.mark.parametrize(("code", "expected"), [(2, 2), (1, 1), (0, 1)])
def test_a_child_that_cannot_start_ends_the_server(start: Start, code: int, expected: int) -> None:
    family = start(ready=False, FAKE_WORKER=f"exit={code}")
    assert family.process.wait() == expected
    assert not family.log("ready")


def test_hangup_tells_the_control_process_to_reload(start: Start) -> None:
    family = start()
    family.process.send_signal(signal.SIGHUP)
    family.wait_for(lambda: any(each["message"]["type"] == "reload" for each in family.entries("told", "control")))
    assert not family.entries("term")


def test_a_drain_is_announced_before_the_delay_and_the_port_is_open_during_it(start: Start) -> None:
    family = start(delay=600)
    port = family.log("ready")[0]["port"]
    family.process.send_signal(signal.SIGINT)
    family.wait_for(lambda: family.told()["draining"])
    assert is_listening(port)
    assert not family.entries("term")


def test_the_port_closes_after_the_delay(start: Start) -> None:
    family = start(delay=1)
    port = family.log("ready")[0]["port"]
    begun = time.monotonic()
    family.process.send_signal(signal.SIGINT)
    assert family.process.wait() == 0
    assert time.monotonic() - begun >= 1
    assert not is_listening(port)


def test_a_second_signal_ends_at_once(start: Start) -> None:
    family = start(delay=60)
    family.process.send_signal(signal.SIGTERM)
    family.process.wait_for_output('"drain"')
    family.process.send_signal(signal.SIGINT)
    assert family.process.wait() == 128 + signal.SIGINT
    assert not [entry for entry in family.entries("start") if is_alive(entry["pid"])]


def test_a_rolling_restart_ends_each_worker_only_when_its_successor_serves(start: Start) -> None:
    family = start(workers=2)
    family.process.send_signal(signal.SIGUSR2)
    family.process.wait_for_output("rolling_restart_done")
    family.wait_for(lambda: len(family.entries("end", "worker")) == 2)
    assert len(family.entries("start", "worker")) == 4
    assert len(family.entries("start", "control")) == 1
    for old, new in ((1, 0), (2, 1)):
        # the successors were started one after the other, each before its predecessor was asked to end
        name = f"worker-{new}"
        started = [entry["generation"] for entry in family.entries("start", name)]
        assert [entry["generation"] for entry in family.entries("term", name)] == [started[0]], old
    assert not family.log("child_ended")


def test_a_worker_that_control_hears_nothing_of_is_replaced_and_the_others_stay(start: Start) -> None:
    family = start(workers=2, FAKE_CONTROL="replace=2")  # control is the first one
    family.process.wait_for_output("rolling_restart_done")
    family.wait_for(lambda: bool(family.entries("end", "worker-0")))
    assert [entry["generation"] for entry in family.entries("start", "worker-0")] == [2, 4]
    assert [entry["generation"] for entry in family.entries("start", "worker-1")] == [3]


def test_a_rolling_restart_stops_at_a_worker_that_cannot_start(start: Start, tmp_path: Path) -> None:
    behaviour = tmp_path / "behaviour"
    behaviour.touch()
    family = start(workers=2, FAKE_BEHAVIOUR_FILE=str(behaviour))
    behaviour.write_text("exit=2")
    family.process.send_signal(signal.SIGUSR2)
    family.process.wait_for_output("rolling_restart_stopped")
    assert not family.entries("term")
    assert family.process.returncode is None
    behaviour.write_text("")
    family.process.send_signal(signal.SIGUSR2)
    family.process.wait_for_output("rolling_restart_done")


@pytest.mark.slow
def test_a_worker_that_does_not_end_is_killed_after_the_timeout_and_its_grace(start: Start) -> None:
    family = start(workers=1, timeout=0, FAKE_WORKER="deaf")
    family.process.send_signal(signal.SIGTERM)
    assert family.process.wait() == 0
    assert family.entries("term", "worker")
    assert family.log("killed")[0]["child"] == "worker-0"


def test_children_do_not_outlive_a_killed_supervisor(start: Start) -> None:
    family = start()
    endings = [os.pidfd_open(entry["pid"]) for entry in family.entries("start")]
    family.process.send_signal(signal.SIGKILL)
    assert len(endings) == 3
    for ending in endings:
        assert select.select([ending], [], [], PATIENCE_S)[0]  # a pidfd is readable once its process has ended
        os.close(ending)


def is_alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
