import subprocess
import sys
from pathlib import Path

import pytest

from extracted_services.chassis.internal_token import TokenUnusable, choose_internal_token


def test_a_configured_token_is_taken_and_no_file_made(tmp_path: Path) -> None:
    assert choose_internal_token("given", tmp_path / "var" / "token") == "given"
    assert list(tmp_path.iterdir()) == []


def test_without_one_a_token_is_made_that_only_its_owner_can_read(tmp_path: Path) -> None:
    file = tmp_path / "var" / "internal-token"

    token = choose_internal_token(None, file)

    assert len(token) >= 32
    assert choose_internal_token(None, file) == token == file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(file.parent.iterdir()) == [file]


def test_processes_that_start_together_have_one_token(tmp_path: Path) -> None:
    ask = "import sys; sys.stdin.read(1); from extracted_services.chassis.internal_token import *;"
    command = [sys.executable, "-c", f"{ask} print(choose_internal_token(None))"]
    root = str(Path(__file__).parents[3])
    started = [
        subprocess.Popen(command, cwd=tmp_path, env={"PYTHONPATH": root}, stdin=-1, stdout=-1, text=True)
        for _ in range(4)
    ]

    tokens = {process.communicate("x", timeout=60)[0] for process in started}

    assert len(tokens) == 1
    assert tokens.pop().strip()


@pytest.mark.parametrize("content", [b"", b" \n", "ü".encode()])
def test_a_file_without_a_token_is_not_used(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "internal-token"
    file.write_bytes(content)

    with pytest.raises(TokenUnusable, match="holds no token"):
        choose_internal_token(None, file)


def test_a_folder_that_cannot_be_made_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file in the folder's place")

    with pytest.raises(TokenUnusable, match="cannot read or make"):
        choose_internal_token(None, tmp_path / "var" / "internal-token")
