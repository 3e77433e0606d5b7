"""What `strangler serve` says when it cannot begin: one clear message, exit 2, nothing left behind."""

import os
import socket
import subprocess
from pathlib import Path

import pytest

from tests.support.processes import PATIENCE_S, strangler
from tests.support.server import routes_yaml

GOOD = routes_yaml("http://127.0.0.1:9", "http://127.0.0.1:9")


def serve(folder: Path, *options: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [*strangler(), "serve", *options]
    environment = {**os.environ, **environ}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


def test_every_problem_of_a_broken_file_is_listed(tmp_path: Path) -> None:
    (tmp_path / "routes.yaml").write_text(
        GOOD.replace("to: service", "to: servise").replace("legacy: mono", "legacy: nono")
    )
    result = serve(tmp_path)
    assert result.returncode == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 2
    assert 'did you mean "service"?' in result.stderr
    assert "Traceback" not in result.stderr


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    result = serve(tmp_path, "--config", "elsewhere.yaml")
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert result.stderr.startswith("elsewhere.yaml: ")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "routes.yaml").write_text(GOOD)
    (tmp_path / "routes.yaml").chmod(0)
    result = serve(tmp_path)
    assert result.returncode == 2
    assert "routes.yaml: permission denied" in result.stderr


def test_a_folder_in_place_of_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "routes.yaml").mkdir()
    result = serve(tmp_path)
    assert (result.returncode, "is a directory" in result.stderr) == (2, True)


def test_a_file_of_ten_megabytes_is_refused_by_its_size(tmp_path: Path) -> None:
    (tmp_path / "routes.yaml").write_text(GOOD + "# padding\n" * 1_000_000)
    result = serve(tmp_path)
    assert result.returncode == 2
    assert "1 MiB" in result.stderr


@pytest.mark.parametrize("option", ["--public", "--console"])
def test_a_port_in_use_is_one_line_with_what_to_do(tmp_path: Path, option: str) -> None:
    (tmp_path / "routes.yaml").write_text(GOOD)
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        result = serve(tmp_path, option, f"127.0.0.1:{port}")
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert f"listen.{option[2:]}: cannot listen on 127.0.0.1:{port}: the port is in use (hint: " in result.stderr


def test_a_console_others_can_reach_needs_a_token_first(tmp_path: Path) -> None:
    (tmp_path / "routes.yaml").write_text(GOOD)
    result = serve(tmp_path, "--console", "0.0.0.0:0", STRANGLER_TOKEN="")
    assert result.returncode == 2
    assert "STRANGLER_TOKEN" in result.stderr
    assert not (tmp_path / ".strangler").exists()


@pytest.mark.parametrize(
    "options",
    [("--workers", "0"), ("--workers", "many"), ("--workers", "100000"), ("--public", "8080"), ("--public", "::1:80")],
    ids=" ".join,
)
def test_an_option_that_makes_no_sense_is_refused(tmp_path: Path, options: tuple[str, str]) -> None:
    (tmp_path / "routes.yaml").write_text(GOOD)
    result = serve(tmp_path, *options)
    assert result.returncode == 2
    assert options[0] in result.stderr


def test_a_file_that_fails_to_be_read_is_named_with_the_reason(tmp_path: Path) -> None:
    result = serve(tmp_path, "--config", "/proc/self/mem")  # opens, and cannot be read, not even by root
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert result.stderr.startswith("/proc/self/mem: input/output error")
