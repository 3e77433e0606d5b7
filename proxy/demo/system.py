"""The reference system as processes: a seeded monolith, the services filled from it, the proxy before all of them.

Every member has a database of its own; they share a broker and an internal token, and nothing else.
"""

import contextlib
import http.client
import os
import secrets
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from proxy.demo.errors import CannotStart, StepFailed
from proxy.demo.foundation import MEMBERS, Choice, Foundation, data_folder, lay
from proxy.demo.parts import Job, Layer, Parts
from proxy.demo.place import HOST, Place, shown, write_routes
from proxy.demo.web import answers_well

START_SECONDS = 90.0  # seconds on an idle machine are a minute on one that builds something else
ORDER_WAIT_SECONDS = 10  # longer than usual: on a busy machine, too, an order's first answer is its last
SERVICES = ("orders", "payments", "inventory")
NEEDED = (
    "legacy_monolith", "extracted_services", "django", "sqlalchemy", "aiosqlite", "alembic", "dbos", "stamina", "PIL",
    "jwt",
)  # fmt: skip

# What these processes read, so that nothing of it leaks in from the shell the demo was started in.
_THEIRS = frozenset({
    "HOST", "PORT", "DATA_DIR", "DATABASE_URL", "BROKER_URL", "INTERNAL_TOKEN", "SHOP_JWKS_URL", "LEGACY_URL",
    "LEGACY_TIMEOUT", "ORDERS_URL", "PAYMENTS_URL", "INVENTORY_URL", "ORDER_WAIT", "RESERVATION_TTL", "SETTLE_AFTER",
    "PROCESSOR_LEDGER", "PROCESSOR_FAULTS", "SHUTDOWN_TIMEOUT", "SECRET_KEY", "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS",
    "TRUST_FORWARDED_PROTO", "SECURE_COOKIES", "DEBUG", "LOG_FORMAT", "LOG_LEVEL", "SEED", "DJANGO_SETTINGS_MODULE",
    "STRANGLER_CONFIG", "STRANGLER_CONSOLE", "NOTIFY_SOCKET", "PYTHONPATH", "DEMO_BROKER", "DEMO_DB",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Size:
    """How much sample data the shop is given."""

    products: int
    orders: int
    users: int


def check_installed(needed: Iterable[str] = NEEDED) -> None:
    """Raises `CannotStart` when what the demo runs is not there to be run."""
    missing = [name for name in needed if find_spec(name) is None]
    if missing:
        raise CannotStart(
            f"the demo runs a shop, and this is not installed: {', '.join(missing)}\n"
            "In a checkout, make demo installs it; or: pip install '.[shop]'"
        )


@dataclass(frozen=True, slots=True)
class System:
    """The whole shop, running. `environ` has what each member of it is told."""

    place: Place
    parts: Parts
    foundation: Foundation
    token: str
    environ: Mapping[str, Mapping[str, str]]

    def manage(self, *words: str) -> Job:
        """A command of the monolith's manage.py."""
        program = str(Path(_root("legacy_monolith"), "legacy_monolith", "manage.py"))
        name, log = " ".join(("manage.py", *words)), self.place.folder / f"{words[0]}-{words[1]}.log"
        return Job(name, [sys.executable, program, *words], self.environ["monolith"], log)


@contextlib.contextmanager
def running(place: Place, size: Size, choice: Choice) -> Iterator[System]:
    """The whole system, ready for requests. Raises `PartFailed` or `StepFailed`; ends all it started in every case."""
    ours, token = environment(os.environ), secrets.token_urlsafe(24)
    write_routes(place)
    with data_folder(choice) as data, Parts() as parts:
        foundation = lay(parts, place, choice, data, ours)
        told = {member: ours | _settings(place, foundation, token, member) for member in MEMBERS}
        system = System(place, parts, foundation, token, told)
        _write_token(system)
        _write_environment(system)
        _start(system, size, ours)
        with _explained(parts):
            yield system


@contextlib.contextmanager
def _explained(parts: Parts) -> Iterator[None]:
    """What went wrong, with what the parts wrote; a part that has ended is the better explanation of anything."""
    try:
        yield
    except (ConnectionError, TimeoutError, http.client.HTTPException) as error:
        parts.check()
        failure = StepFailed("every request is answered", "an answer", error)
        failure.add_note(parts.tails())
        raise failure from error
    except StepFailed as failure:
        parts.check()
        failure.add_note(parts.tails())
        raise


def _settings(place: Place, foundation: Foundation, token: str, member: str) -> dict[str, str]:
    return {
        "HOST": HOST,
        "PORT": str(getattr(place.ports, member)),
        "DATABASE_URL": foundation.databases[member],
        "BROKER_URL": foundation.broker,
        "INTERNAL_TOKEN": token,
        "LEGACY_URL": place.url("monolith"),
        **{f"{service.upper()}_URL": place.url(service) for service in SERVICES},
        "DATA_DIR": str(place.folder / "monolith"),
        "PROCESSOR_LEDGER": str(place.folder / "card-processor.db"),
        "ORDER_WAIT": str(ORDER_WAIT_SECONDS),
        "SHUTDOWN_TIMEOUT": "5",
    }


def _write_token(system: System) -> None:
    file = system.place.token_file
    file.touch(mode=0o600)
    file.write_text(system.token, encoding="utf-8")


def _write_environment(system: System) -> None:
    """For commands of one's own: what the monolith is told, as a shell reads it. It holds the token."""
    file = system.place.environment_file
    file.touch(mode=0o600)
    told = _settings(system.place, system.foundation, system.token, "monolith")
    file.write_text("".join(f"export {name}={shlex.quote(value)}\n" for name, value in told.items()), encoding="utf-8")


def _start(system: System, size: Size, environ: Mapping[str, str]) -> None:
    """All at once; the services are filled when they and the monolith answer."""
    parts, place, python = system.parts, system.place, sys.executable
    counts = [word for name in Size.__slots__ for word in (f"--{name}", str(getattr(size, name)))]
    commands = {"monolith": [python, "-m", "legacy_monolith", "--seed", *counts]}
    commands |= {service: [python, "-m", f"extracted_services.{service}"] for service in SERVICES}
    names = {"monolith": "the monolith"} | {service: f"the {service} service" for service in SERVICES}
    shop = {
        member: parts.start(Job(names[member], command, system.environ[member], place.folder / f"{member}.log"))
        for member, command in commands.items()
    }
    file, folder = Path(shown(place.routes_file)), None
    if file.is_absolute():  # a temporary folder, whose name tells nobody anything
        file, folder = Path(file.name), place.folder
    serve = Job(
        "the proxy", [python, "-m", "proxy", "serve", "--config", str(file)], environ, place.folder / "proxy.log"
    )
    proxy = parts.start(serve, Layer.FRONT, folder=folder)
    ports = place.ports
    parts.wait_until(lambda: answers_well(ports.monolith, "/readyz"), shop["monolith"], within=START_SECONDS)
    for service in SERVICES:
        parts.wait_until(
            partial(answers_well, getattr(ports, service), "/healthz"), shop[service], within=START_SECONDS
        )
    parts.run(*(system.manage("backfill", service) for service in SERVICES), within=START_SECONDS)
    for service in SERVICES:
        parts.wait_until(partial(answers_well, getattr(ports, service), "/readyz"), shop[service], within=START_SECONDS)
    parts.wait_until(lambda: answers_well(ports.console, "/readyz"), proxy, within=START_SECONDS)


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What every process of the demo is started with: it imports what we import, and is configured by us alone."""
    kept = {name: value for name, value in environ.items() if name not in _THEIRS}
    roots = dict.fromkeys(map(_root, ("proxy", "legacy_monolith", "extracted_services")))
    return kept | {"PYTHONPATH": os.pathsep.join(roots)}


def _root(package: str) -> str:
    """The folder a package is imported from."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations
    return str(Path(spec.submodule_search_locations[0]).parent)
