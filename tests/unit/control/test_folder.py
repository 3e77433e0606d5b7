"""The private folder of a running server."""

import os
import stat
import time
from pathlib import Path

import pytest

from proxy.control.folder import (
    MAX_SOCKET_PATH_BYTES,
    private_folder,
    remove_abandoned,
    write_atomically,
    write_durably,
)
from tests.unit.comparison.test_capture_file import files_of_at_most


def test_the_folder_is_private_and_gone_afterwards(tmp_path: Path) -> None:
    with private_folder({"RUNTIME_DIRECTORY": str(tmp_path)}) as folder:
        assert folder.parent == tmp_path
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not folder.exists()


def test_a_folder_too_deep_for_a_socket_is_passed_over(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 60) / ("y" * 60)
    deep.mkdir(parents=True)
    with private_folder({"RUNTIME_DIRECTORY": str(deep)}) as folder:
        assert folder.parent != deep
        assert len(str(folder / "link.sock")) <= MAX_SOCKET_PATH_BYTES


def test_a_reader_sees_the_old_content_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "snapshot.json"
    path.write_bytes(b"old")
    with path.open("rb") as reading:
        write_atomically(path, b"new")
        assert reading.read() == b"old"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_content(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        write_atomically(tmp_path / "missing" / "snapshot.json", b"new")


def test_what_is_to_last_is_written_whole_and_for_the_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "overrides.json"
    write_durably(path, b"old")
    write_durably(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]
    with files_of_at_most(2), pytest.raises(OSError, match="File too large"):
        write_durably(path, b"newer")
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path], "no half of a file is left"


def abandon(folder: Path, *, seconds_ago: float = 3600, launched: bool = True) -> Path:
    """What a killed server leaves."""
    folder.mkdir()
    if launched:
        (folder / "launch.json").touch()
    then = time.time() - seconds_ago
    os.utime(folder, (then, then))
    return folder


def test_what_killed_servers_left_is_removed_at_the_next_start(tmp_path: Path) -> None:
    gone = abandon(tmp_path / "strangler-aaaaaaaa")
    recent = abandon(tmp_path / "strangler-bbbbbbbb", seconds_ago=1)
    foreign = abandon(tmp_path / "strangler-cccccccc", launched=False)
    other = abandon(tmp_path / "other-aaaaaaaa")
    with private_folder({"RUNTIME_DIRECTORY": str(tmp_path)}) as own:
        assert set(tmp_path.iterdir()) == {own, recent, foreign, other}
        assert not gone.exists()


def test_the_folder_of_a_server_that_lives_stays_however_old(tmp_path: Path) -> None:
    with private_folder({"RUNTIME_DIRECTORY": str(tmp_path)}) as living:
        (living / "launch.json").touch()
        os.utime(living, (0, 0))
        remove_abandoned(tmp_path)
        assert living.exists()
