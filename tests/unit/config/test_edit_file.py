"""Replacing a file: whole or not at all, with its mode, owner and links."""

import os
import stat
from pathlib import Path

import pytest

from proxy.config.edit import EditRefused
from proxy.config.edit_file import Unwritable, open_for_edit, write_edited
from tests.unit.comparison.test_capture_file import files_of_at_most


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "routes.yaml"
    path.write_bytes(b"\xef\xbb\xbfversion: 1\r\n")
    path.chmod(0o640)
    return path


def test_every_byte_that_was_read_can_be_written_again(file: Path) -> None:
    before = file.read_bytes()
    write_edited(open_for_edit(file), open_for_edit(file).text)
    assert file.read_bytes() == before


def test_mode_and_owner_stay_and_no_draft_is_left(file: Path, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(file, 65534, 65534)
    before = file.stat()
    write_edited(open_for_edit(file), "version: 2\n")
    after = file.stat()
    assert file.read_text() == "version: 2\n"
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert stat.S_IMODE(after.st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [file]
    assert after.st_ino != before.st_ino, "replaced, not written over"


def test_a_link_stays_a_link(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "elsewhere" / "link.yaml"
    link.parent.mkdir()
    link.symlink_to("../routes.yaml")
    write_edited(open_for_edit(link), "version: 2\n")
    assert link.is_symlink()
    assert file.read_text() == "version: 2\n"
    assert list(link.parent.iterdir()) == [link]


def test_a_file_that_somebody_else_changed_is_not_written_over(file: Path, tmp_path: Path) -> None:
    opened = open_for_edit(file)
    file.write_text("mine\n")
    with pytest.raises(EditRefused, match="changed by somebody else"):
        write_edited(opened, "version: 2\n")
    assert file.read_text() == "mine\n"
    assert list(tmp_path.iterdir()) == [file]


def test_a_full_disk_leaves_the_old_file(file: Path, tmp_path: Path) -> None:
    before = file.read_bytes()
    opened = open_for_edit(file)
    with files_of_at_most(4), pytest.raises(Unwritable, match="cannot be replaced: file too large"):
        write_edited(opened, "version: 2 # and more\n")
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_that_is_gone_or_may_not_be_written_is_told(file: Path, tmp_path: Path) -> None:
    opened = open_for_edit(file)
    (tmp_path / "routes.yaml").unlink()
    with pytest.raises(EditRefused, match=r"cannot be replaced: no such file.*the file is as it was"):
        write_edited(opened, "version: 2\n")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_not_there_is_the_systems_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_for_edit(tmp_path / "none.yaml")
