"""Processes of a demo: what stands upon others ends before them, and what fails is told with its last words."""

import sys
from pathlib import Path

import pytest

from proxy.demo.errors import PartFailed
from proxy.demo.parts import Job, Layer, Parts

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


def test_commands_run_side_by_side_and_one_that_fails_is_named_with_its_last_lines(tmp_path: Path) -> None:
    good, bad = job("good", "print('fine')", tmp_path), job("bad", "raise SystemExit('no ink')", tmp_path)
    Parts().run(good, within=30)
    assert good.log.read_text() == "fine\n"
    with pytest.raises(PartFailed, match=r"bad failed \(exit code 1\)") as failed:
        Parts().run(good, bad, within=30)
    assert failed.value.log == "no ink"
