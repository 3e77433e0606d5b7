"""The key of pins: one for all workers and all starts, for its owner alone, and never a reason not to serve."""

import io
import os
import stat
from pathlib import Path

import pytest

from proxy.control.pin_key import prepare_pin_key, read_pin_key
from proxy.observability.log import Log
from proxy.routing.pin import KEY_BYTES


@pytest.fixture
def start(tmp_path: Path):
    """Starts a server, with a private folder each time: the key that its workers read, and what was logged."""
    starts = iter(range(100))

    def run(state: Path) -> tuple[bytes, str]:
        folder, told = tmp_path / f"run-{next(starts)}", io.StringIO()
        folder.mkdir()
        prepare_pin_key(str(state), str(folder), Log("serve", told))
        assert stat.S_IMODE((folder / "pin.key").stat().st_mode) == 0o600
        return read_pin_key(str(folder)), told.getvalue()

    return run


def test_every_start_has_the_same_key_and_only_its_owner_can_read_it(start, tmp_path):
    state = tmp_path / "state"
    first, told = start(state)
    assert len(first) == KEY_BYTES
    assert start(state)[0] == first
    assert stat.S_IMODE((state / "pin.key").stat().st_mode) == 0o600
    assert told == ""
    assert [path.name for path in state.iterdir()] == ["pin.key"]


def test_two_servers_have_two_keys(start, tmp_path):
    assert start(tmp_path / "one")[0] != start(tmp_path / "two")[0]


@pytest.mark.parametrize("damaged", [b"", b"short", b"x" * 100])
def test_a_file_that_is_no_key_is_replaced(start, tmp_path, damaged):
    (tmp_path / "pin.key").write_bytes(damaged)
    key, _ = start(tmp_path)
    assert (tmp_path / "pin.key").read_bytes() == key
    assert len(key) == KEY_BYTES


def test_without_a_place_to_keep_it_there_is_a_key_for_this_start_and_that_is_said(start, tmp_path):
    (tmp_path / "file").touch()
    key, told = start(tmp_path / "file" / "state")
    assert len(key) == KEY_BYTES
    assert '"event": "no_pin_key"' in told
    assert key.hex() not in told
    assert start(tmp_path / "file" / "state")[0] != key


def test_what_a_killed_start_left_is_in_nobody_s_way(start, tmp_path):
    (tmp_path / f".pin.key.{os.getpid()}").write_bytes(b"half")
    assert len(start(tmp_path)[0]) == KEY_BYTES
