"""What rollouts have come to outlives the process, and a file that cannot be used stops nothing."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from proxy.control.rollouts_file import FILE, RolloutsFile
from proxy.observability.log import Log
from proxy.rollout.progress import Progress

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
KEPT = {"r": Progress(0.05, "2026-11-22T12:00:00+00:00", 12.5, "hold", "why")}


class Scene:
    def __init__(self, folder: Path) -> None:
        self.folder, self.output = folder, io.StringIO()
        self.file = RolloutsFile(str(folder), Log("t", self.output), lambda: AT)

    @property
    def events(self) -> list[str]:
        return [json.loads(line)["event"] for line in self.output.getvalue().splitlines()]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "state")


def test_nothing_is_kept_at_first(scene: Scene) -> None:
    assert scene.file.load() == {}
    assert not scene.folder.exists()


def test_what_was_saved_is_loaded(scene: Scene) -> None:
    scene.file.save(KEPT)
    assert scene.file.load() == KEPT
    assert (scene.folder / FILE).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in scene.folder.iterdir()] == [FILE]
    assert scene.events == []


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\x00", b"[]", b'{"version": 9}', b"[" * 100_000])
def test_a_damaged_file_is_set_aside_and_begun_anew(scene: Scene, text: bytes) -> None:
    scene.folder.mkdir()
    (scene.folder / FILE).write_bytes(text)
    assert scene.file.load() == {}
    assert scene.events == ["rollouts_set_aside"]
    assert (scene.folder / f"{FILE}.broken-20261122T120000000000Z").read_bytes() == text
    scene.file.save(KEPT)
    assert scene.file.load() == KEPT


def test_a_file_that_cannot_be_written_is_told_once_and_when_it_can_again(scene: Scene) -> None:
    scene.folder.write_text("in the way")
    scene.file.save(KEPT)
    scene.file.save(KEPT)
    assert scene.file.failing is not None
    assert scene.events == ["rollouts_not_written"]
    scene.folder.unlink()
    scene.file.save(KEPT)
    assert scene.file.failing is None
    assert scene.events == ["rollouts_not_written", "rollouts_written_again"]


def test_a_file_that_cannot_be_read_is_told(scene: Scene) -> None:
    (scene.folder / FILE).mkdir(parents=True)
    assert scene.file.load() == {}
    assert scene.events == ["rollouts_unreadable"]
