"""What is kept of handovers."""

import io
import os
from dataclasses import replace
from pathlib import Path

import pytest

from proxy.config.model import Stage
from proxy.control.handover_file import FILE, HandoverFile, KeptHandovers, LastMove
from proxy.observability.log import Log
from proxy.rollout.handover import Record, State
from proxy.rollout.ownership import Owner

OWNERS = {"order": Owner.LEGACY}
RECORD = Record(
    Stage.CUTOVER, 4, ("orders",), {"order": "orders"}, OWNERS, "alice", "", 1.5, State.DRAINED, {"order": 7}
)
KEPT = KeptHandovers({RECORD.id: RECORD}, {"stock": LastMove("cutover", 3, 12, 99.5)})


def open_file(folder: Path) -> tuple[HandoverFile, io.StringIO]:
    output = io.StringIO()
    return HandoverFile(str(folder), Log("control", output)), output


def test_what_was_written_is_read(tmp_path: Path) -> None:
    file, _ = open_file(tmp_path / "state")
    assert file.read() == KeptHandovers()
    file.write(KEPT)
    assert file.read() == KEPT
    file.write(KeptHandovers())
    assert file.read() == KeptHandovers()


def test_every_epoch_that_may_have_been_used_is_known() -> None:
    assert sorted(KEPT.epochs) == [3, 5]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"version": 2, "running": [], "moved": {}}', "null"])
def test_a_damaged_file_is_set_aside_and_told(tmp_path: Path, text: str) -> None:
    file, output = open_file(tmp_path)
    (tmp_path / FILE).write_text(text)
    assert file.read() == KeptHandovers()
    (aside,) = tmp_path.iterdir()
    assert aside.name.startswith(f"{FILE}.broken-")
    assert aside.read_text() == text
    assert "handovers_unreadable" in output.getvalue()
    file.write(KEPT)
    assert file.read() == KEPT


def test_a_file_that_cannot_be_written_is_told_and_the_one_before_stays(tmp_path: Path) -> None:
    file, _ = open_file(tmp_path / "state")
    file.write(KEPT)
    (tmp_path / "state" / f".{FILE}.{os.getpid()}").mkdir()
    with pytest.raises(OSError, match="directory"):
        file.write(replace(KEPT, moved={}))
    assert file.read() == KEPT
