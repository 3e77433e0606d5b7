"""Where the console's token comes from, and that it is shown to nobody."""

import os
import stat
from pathlib import Path

import pytest

from proxy.config.errors import ConfigError
from proxy.config.model import Address, Listen, Snapshot
from proxy.control.startup import console_token
from proxy.control.token import ensure_token, find_token


def test_the_first_start_makes_a_token_only_its_owner_can_read(tmp_path: Path) -> None:
    state = tmp_path / "state"
    token = ensure_token(str(state), {})
    assert token.value is not None
    assert len(token.value) >= 32
    assert stat.S_IMODE((state / "token").stat().st_mode) == 0o600
    assert find_token(str(state), {}) == token


def test_a_later_start_keeps_the_token(tmp_path: Path) -> None:
    assert ensure_token(str(tmp_path), {}).value == ensure_token(str(tmp_path), {}).value


def test_the_environment_goes_before_the_file_and_writes_none(tmp_path: Path) -> None:
    token = ensure_token(str(tmp_path), {"STRANGLER_TOKEN": "from-outside"})
    assert (token.value, token.where) == ("from-outside", "STRANGLER_TOKEN")
    assert not (tmp_path / "token").exists()


def test_an_empty_variable_counts_as_none(tmp_path: Path) -> None:
    assert ensure_token(str(tmp_path), {"STRANGLER_TOKEN": ""}).where == str(tmp_path / "token")


def test_a_folder_that_cannot_be_made_leaves_no_token_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    token = ensure_token(str(tmp_path / "file" / "state"), {})
    assert token.value is None
    assert "not a directory" in (token.problem or "")


def test_an_empty_file_is_a_problem_not_an_empty_token(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("\n")
    token = ensure_token(str(tmp_path), {})
    assert (token.value, token.problem) == (None, "the file is empty")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_of_somebody_else_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret")
    (tmp_path / "token").chmod(0)
    assert "permission denied" in (ensure_token(str(tmp_path), {}).problem or "")


def test_a_token_does_not_show_its_value(tmp_path: Path) -> None:
    assert "hidden" not in repr(find_token(str(tmp_path), {"STRANGLER_TOKEN": "hidden"}))


def test_a_token_that_a_first_start_made_is_nobodys_decision_to_open_the_console(tmp_path: Path) -> None:
    assert ensure_token(str(tmp_path), {}).made_here
    assert find_token(str(tmp_path), {}).made_here
    assert not find_token(str(tmp_path), {"STRANGLER_TOKEN": "chosen"}).made_here
    (tmp_path / "token").write_text("written by somebody\n")
    assert not find_token(str(tmp_path), {}).made_here
    assert not find_token(str(tmp_path / "elsewhere"), {}).made_here


@pytest.mark.parametrize("made", [False, True])
def test_a_console_beyond_loopback_wants_a_token_that_was_configured(tmp_path: Path, made: bool) -> None:
    snapshot = Snapshot("r", Listen(console=Address("0.0.0.0", 0)), {}, "monolith", state_dir=str(tmp_path))
    if made:
        ensure_token(str(tmp_path), {})
    with pytest.raises(ConfigError, match="not on loopback"):
        console_token(snapshot, {})
    assert console_token(snapshot, {"STRANGLER_TOKEN": "chosen"}).value == "chosen"
