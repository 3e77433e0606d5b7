"""A service as a person or a script meets it: real processes, exit codes, one line for what can be expected."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from extracted_services.chassis.tests.notes import MIGRATION

COMMAND = [sys.executable, "-W", "error", "-m", "extracted_services.chassis.tests.notes"]
ROOT = Path(__file__).parents[3]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "v0001_notes.py").write_text(MIGRATION)
    return {
        "PYTHONPATH": str(ROOT),
        "PORT": "0",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'notes.db'}",
        "NOTES_VERSIONS": str(tmp_path),
    }


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def change(environment: dict[str, str], statement: str) -> None:
    with closing(sqlite3.connect(environment["DATABASE_URL"].removeprefix("sqlite:///"))) as connection:
        connection.execute(statement)
        connection.commit()


@contextmanager
def ending(process: subprocess.Popen[str]) -> Iterator[None]:
    try:
        yield
    finally:
        process.terminate()


def test_it_migrates_serves_and_stops_when_told(environment: dict[str, str]) -> None:
    with subprocess.Popen(COMMAND, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = json.loads(process.stderr.readline())
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0

    assert line["message"].startswith("serving on http://127.0.0.1:")
    assert (line["service"], line["revision"], line["level"]) == ("notes", "0001", "INFO")


def test_a_connection_stays_open_for_longer_than_clients_keep_it_idle(environment: dict[str, str]) -> None:
    """Of httpx and Node 5 s: whoever closes it first must be the client, which knows whether it is about to ask."""
    with subprocess.Popen(COMMAND, env=environment, stderr=subprocess.PIPE, text=True) as process, ending(process):
        assert process.stderr is not None
        address = json.loads(process.stderr.readline())["url"].removeprefix("http://")
        with closing(HTTPConnection(address, timeout=60)) as connection:
            for pause in (5.5, 0.0):
                connection.request("GET", "/healthz")
                answer = connection.getresponse()
                assert (answer.status, answer.read() != b"") == (200, True)
                time.sleep(pause)


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_a_database_that_has_drifted_is_told_at_start(environment: dict[str, str], command: str) -> None:
    run(environment, "migrate")
    change(environment, "DROP TABLE notes")

    done = run(environment, command)

    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == ("DATABASE_URL: the database has drifted from its migrations: the table notes is missing\n")


def test_a_database_of_a_newer_version_is_told_at_start(environment: dict[str, str]) -> None:
    run(environment, "migrate")
    change(environment, "UPDATE alembic_version SET version_num = '0007'")

    done = run(environment, "serve")

    assert done.returncode == 3
    assert done.stderr.startswith("DATABASE_URL: the database is at revision 0007, which this version does not know")
    assert len(done.stderr.splitlines()) == 1


def test_a_start_that_fails_ends_with_3_and_its_cause_in_the_log(environment: dict[str, str]) -> None:
    done = run(environment | {"NOTES_FAIL": "yes"}, "serve")

    assert done.returncode == 3
    assert "something the service needs is broken" in done.stderr
    assert "serving on" not in done.stderr


def test_help_tells_of_every_variable_and_needs_none(environment: dict[str, str]) -> None:
    done = run(environment | {"PORT": "x"}, "--help")

    assert done.returncode == 0
    assert "BROKER_URL" in done.stdout
    assert "default: sqlite:///var/notes.db" in done.stdout
