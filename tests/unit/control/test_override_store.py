"""Where overrides are kept, and what they outlive."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from proxy.config.model import Stage
from proxy.control.override_store import FILE, OverrideStore, Survives
from proxy.rollout.overrides import Override
from proxy.rollout.ports import Position

NOW = datetime(2026, 11, 30, tzinfo=UTC)
ONE = (Override("cart", Position(Stage.LEGACY), "ab", "2026-11-30T12:00:00Z", "ann", ""),)
TWO = (*ONE, Override("stock", Position(Stage.CANARY, 0.5), "", "2026-11-30T12:00:00Z", "ann", ""))


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    (tmp_path / "own").mkdir()
    return tmp_path / "state", tmp_path / "own"


def store(folders: tuple[Path, Path]) -> OverrideStore:
    return OverrideStore(str(folders[0]), str(folders[1]))


def test_they_lie_in_the_state_folder_for_the_owner_alone(folders: tuple[Path, Path]) -> None:
    assert store(folders).write(TWO) is Survives.STATE
    assert store(folders).read(NOW, pytest.fail) == TWO
    assert (folders[0] / FILE).stat().st_mode & 0o777 == 0o600
    assert not (folders[1] / FILE).exists()


def test_without_any_no_file_is_made(folders: tuple[Path, Path]) -> None:
    assert store(folders).write(()) is Survives.STATE
    assert not folders[0].exists()
    assert store(folders).read(NOW, pytest.fail) == ()


def test_the_servers_own_folder_stands_in_and_is_believed_while_it_is_newer(folders: tuple[Path, Path]) -> None:
    state, own = folders
    store(folders).write(ONE)
    state.rename(state.with_name("away"))
    state.write_text("no folder")
    assert store(folders).write(TWO) is Survives.PRIVATE
    state.unlink()
    state.with_name("away").rename(state)
    assert store(folders).read(NOW, pytest.fail) == TWO
    assert store(folders).write(()) is Survives.STATE
    assert not (own / FILE).exists()
    assert store(folders).read(NOW, pytest.fail) == ()


def test_where_nothing_can_be_written_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert OverrideStore(str(tmp_path / "file"), str(tmp_path / "file")).write(ONE) is Survives.MEMORY
    assert OverrideStore(str(tmp_path / "file"), None).write(ONE) is Survives.MEMORY


def test_a_damaged_file_is_set_aside_and_told_of_and_who_only_looks_leaves_it(folders: tuple[Path, Path]) -> None:
    store(folders).write(ONE)
    path = folders[0] / FILE
    path.write_text("[1]")
    told: list[str] = []
    assert store(folders).read(None, told.append) == ()
    assert path.exists()
    assert store(folders).read(NOW, told.append) == ()
    assert not path.exists()
    assert f"it is kept as {FILE}.broken-20261130" in told[1]
    path.mkdir()
    assert store(folders).read(NOW, told.append) == ()
    assert "cannot be read" in told[2]
