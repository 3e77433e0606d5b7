"""Processes of a demo: what stands upon others ends before them, and what fails is told with its last words.

A member that had lived is let go when it ends, to be started again; one that never did is a failure.
"""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from proxy.demo.errors import PartFailed
from proxy.demo.parts import Job, Layer, Part, Parts

NOTES_ITS_END = """
import pathlib, signal, sys, time
def end(*_):
    with open("ends", "a") as ends:
        ends.write(sys.argv[1] + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
pathlib.Path(sys.argv[1]).touch()
while True:
    time.sleep(1)
"""


def job(name: str, program: str, folder: Path, *words: str) -> Job:
    return Job(name, [sys.executable, "-c", program, *words], {}, folder / f"{name}.log")


def test_layers_end_from_the_top(tmp_path: Path) -> None:
    with Parts() as parts:
        for name, layer in (("shop", Layer.SHOP), ("front", Layer.FRONT), ("foundation", Layer.FOUNDATION)):
            part = parts.start(job(name, NOTES_ITS_END, tmp_path, name), layer, folder=tmp_path)
            parts.wait_until((tmp_path / name).exists, part, within=30)
    assert (tmp_path / "ends").read_text().split() == ["front", "shop", "foundation"]


class Interrupted(subprocess.Popen[bytes]):
    """A process in whose first moment somebody presses Ctrl-C."""

    started: "list[Interrupted]"

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.started.append(self)
        signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("way", ["start", "run"])
def test_a_process_that_is_just_started_when_all_is_to_end_is_ended_too(
    tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Interrupted, "started", [], raising=False)
    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    late = job("late", "import time; time.sleep(600)", tmp_path)
    with pytest.raises(KeyboardInterrupt), Parts() as parts:
        parts.run(late, within=30) if way == "run" else parts.start(late)
    (process,) = Interrupted.started
    assert process.returncode == -signal.SIGTERM


def test_commands_run_side_by_side_and_one_that_fails_is_named_with_its_last_lines(tmp_path: Path) -> None:
    good, bad = job("good", "print('fine')", tmp_path), job("bad", "raise SystemExit('no ink')", tmp_path)
    Parts().run(good, within=30)
    assert good.log.read_text() == "fine\n"
    with pytest.raises(PartFailed, match=r"bad failed \(exit code 1\)") as failed:
        Parts().run(good, bad, within=30)
    assert failed.value.log == "no ink"


def ended(parts: Parts, folder: Path, layer: Layer) -> Part:
    part = parts.start(job("brief", "print('fine')", folder), layer)
    part.stop()
    return part


def test_a_member_of_the_shop_that_had_lived_is_let_go(tmp_path: Path) -> None:
    parts = Parts(trusted_after_seconds=0)
    part = ended(parts, tmp_path, Layer.SHOP)
    assert parts.let_go() == [part]
    assert parts.let_go() == []


@pytest.mark.parametrize(
    ("layer", "trusted_after_seconds"),
    [(Layer.SHOP, 3600.0), (Layer.FRONT, 0.0), (Layer.FOUNDATION, 0.0)],
    ids=["a-member-that-never-lived", "the-proxy", "a-broker"],
)
def test_anything_else_that_ends_is_a_failure(tmp_path: Path, layer: Layer, trusted_after_seconds: float) -> None:
    parts = Parts(trusted_after_seconds=trusted_after_seconds)
    ended(parts, tmp_path, layer)
    with pytest.raises(PartFailed, match="brief ended by itself"):
        parts.let_go()
