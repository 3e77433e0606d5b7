"""How the state store's file is made, brought up to date and set aside."""

import sqlite3
import stat
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from proxy.comparison.state_file import (
    MAX_SET_ASIDE,
    MIGRATIONS,
    Damaged,
    LaterVersion,
    is_damage,
    open_for_reading,
    open_state,
    set_state_aside,
    state_path,
)
from tests.support.judged import AT


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return state_path(str(tmp_path / ".strangler"))


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        found: int = connection.execute("PRAGMA user_version").fetchone()[0]
        return found


def test_nobody_but_its_owner_may_read_it_nor_what_sqlite_puts_beside_it(path: Path) -> None:
    with closing(open_state(path)) as connection:
        connection.execute("INSERT INTO pairs VALUES ('r', 'v', 1, 'compared', 1)")
        files = sorted(path.parent.iterdir())
        assert [file.name for file in files] == ["state.db", "state.db-shm", "state.db-wal"]
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_it_is_brought_to_the_present_version_and_opened_again_as_it_was(path: Path) -> None:
    with closing(open_state(path)) as connection:
        connection.execute("INSERT INTO pairs VALUES ('r', 'v', 1, 'compared', 7)")
    with closing(open_state(path)) as connection:
        assert connection.execute("SELECT count FROM pairs").fetchall() == [(7,)]
    assert version(path) == len(MIGRATIONS)


def test_a_file_of_a_later_release_is_left_alone(path: Path) -> None:
    open_state(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    before = path.read_bytes()
    for opened in (open_state, open_for_reading):
        with pytest.raises(LaterVersion):
            opened(path)
    assert path.read_bytes() == before


def test_what_is_no_database_is_damaged(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"hello" * 1000)
    for opened in (open_state, open_for_reading):
        with pytest.raises(Damaged):
            opened(path)


def test_the_database_of_another_program_is_damaged(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA application_id = 77")
    with pytest.raises(Damaged, match="another program"):
        open_state(path)


def test_damage_within_is_found_before_it_is_built_upon(path: Path) -> None:
    with closing(open_state(path)) as connection:
        connection.executemany(
            "INSERT INTO fields VALUES ('r', 'v', ?, '$.a', 'value', 1, 1)", [(n,) for n in range(5000)]
        )
    data = bytearray(path.read_bytes())
    data[8192 : len(data) - 4096] = bytes(len(data) - 12288)
    path.write_bytes(data)
    with pytest.raises(Damaged):
        open_state(path)


def test_it_never_outgrows_its_bound(path: Path) -> None:
    with closing(open_state(path, max_bytes=256 * 1024)) as connection:
        with pytest.raises(sqlite3.OperationalError, match="full") as caught:
            connection.execute("INSERT INTO exchanges VALUES (1, 0, ?, 0)", ("x" * 1024 * 1024,))
        assert not is_damage(caught.value)


def test_the_last_damaged_files_are_kept_and_older_ones_go(path: Path) -> None:
    path.parent.mkdir()
    for minute in range(MAX_SET_ASIDE + 2):
        for suffix in ("", "-wal"):
            path.with_name(path.name + suffix).write_text(str(minute))
        kept = set_state_aside(path, AT + timedelta(minutes=minute))
        assert kept.read_text() == str(minute)
        assert not path.exists()
    texts = sorted(file.read_text() for file in path.parent.iterdir())
    assert texts == sorted(2 * [str(minute + 2) for minute in range(MAX_SET_ASIDE)])


def test_a_file_that_is_not_there_cannot_be_read(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_for_reading(path)
    path.parent.mkdir()
    path.touch()
    with pytest.raises(FileNotFoundError):
        open_for_reading(path)
