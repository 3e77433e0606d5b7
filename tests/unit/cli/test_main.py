"""The `strangler` group: help without imports, exit codes, suggestions."""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from proxy import __version__
from proxy.cli.main import COMMANDS, main
from proxy.config.schema import routes_schema


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_help_lists_every_command_and_the_exit_codes() -> None:
    for flag in ("-h", "--help"):
        output = run(flag).output
        assert all(f"\n  {name} " in output for name in COMMANDS)
        assert all(f"\n    {code}  " in output for code in range(5))


def test_help_imports_no_command_and_nothing_slow() -> None:
    script = (
        "import sys, proxy.cli.main as m\n"
        "try: m.main(['--help'])\n"
        "except SystemExit: pass\n"
        "print([n for n in sys.modules if n.split('.')[0] in ('pydantic', 'yaml', 'rich', 're2', 'httpx', 'uvicorn')"
        " or n.startswith(('proxy.config', 'proxy.routing', 'proxy.cli.')) and n != 'proxy.cli.main'], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_exists_and_its_line_in_the_help_is_its_own(name: str) -> None:
    module, line = COMMANDS[name]
    command = import_module(module).command
    assert isinstance(command, click.Command)
    assert command.name == name
    assert command.get_short_help_str(limit=200) == line


def test_the_version_is_the_packages() -> None:
    assert run("--version").output == f"strangler, version {__version__}\n"


def test_an_unknown_command_exits_2_with_the_nearest() -> None:
    result = run("chekc")
    assert result.exit_code == 2
    assert "Did you mean 'check'?" in result.output
    assert "See 'strangler --help'." in run("frobnicate").output


def test_schema_prints_the_schema() -> None:
    result = run("schema")
    assert result.exit_code == 0
    assert json.loads(result.output) == routes_schema()


def test_a_file_with_errors_is_told_line_by_line_whatever_the_command(tmp_path: Path) -> None:
    file = tmp_path / "routes.yaml"
    file.write_text("version: 2\n")
    result = run("routes", "--config", str(file))
    assert result.exit_code == 2
    assert result.stderr.splitlines()[0].startswith(f"{file}:1:1: ")
    assert len(result.stderr.splitlines()) == 3
    assert result.stdout == ""
