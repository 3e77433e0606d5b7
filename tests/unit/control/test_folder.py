"""The private folder of a running server."""

import stat
from pathlib import Path

import pytest

from proxy.control.folder import MAX_SOCKET_PATH_BYTES, private_folder, write_atomically


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
