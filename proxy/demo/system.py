"""The reference system as processes: a seeded monolith, an inventory service filled from it, the proxy before both."""

import contextlib
import http.client
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from proxy.demo.errors import CannotStart, StepFailed
from proxy.demo.parts import Parts
from proxy.demo.place import HOST, Place, shown, write_routes
from proxy.demo.web import answers_well

START_SECONDS = 90.0  # seconds on an idle machine are a minute on one that builds something else
NEEDED = ("legacy_monolith", "extracted_services", "django", "sqlalchemy", "aiosqlite", "alembic", "PIL", "jwt")

# What these processes read, so that nothing of it leaks in from the shell the demo was started in.
_THEIRS = frozenset({
    "HOST", "PORT", "DATA_DIR", "DATABASE_URL", "SECRET_KEY", "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS",
    "TRUST_FORWARDED_PROTO", "SECURE_COOKIES", "DEBUG", "LOG_FORMAT", "LOG_LEVEL", "SEED", "LEGACY_URL",
    "LEGACY_TIMEOUT", "INVENTORY_URL", "SHUTDOWN_TIMEOUT", "DJANGO_SETTINGS_MODULE", "STRANGLER_CONFIG",
    "STRANGLER_CONSOLE", "NOTIFY_SOCKET", "PYTHONPATH",
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


@contextlib.contextmanager
def running(place: Place, size: Size) -> Iterator[Parts]:
    """The whole system, ready for requests. Raises `PartFailed` or `StepFailed`; ends all it started in every case."""
    environ = environment(os.environ)
    write_routes(place)
    parts = Parts()
    try:
        _start(parts, place, size, environ)
        with _explained(parts):
            yield parts
    finally:
        parts.stop()


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


def _start(parts: Parts, place: Place, size: Size, environ: Mapping[str, str]) -> None:
    ports, python = place.ports, sys.executable
    counts = [word for name in Size.__slots__ for word in (f"--{name}", str(getattr(size, name)))]
    monolith = parts.start(
        "the monolith",
        [python, "-m", "legacy_monolith", "--seed", *counts],
        {**environ, "HOST": HOST, "PORT": str(ports.monolith), "DATA_DIR": str(place.folder / "monolith")},
        place.folder / "monolith.log",
    )
    of_inventory = {
        **environ,
        "HOST": HOST,
        "PORT": str(ports.inventory),
        "DATABASE_URL": f"sqlite:///{place.folder / 'inventory.db'}",
        "LEGACY_URL": place.url("monolith"),
        "SHUTDOWN_TIMEOUT": "5",
    }
    service = [python, "-m", "extracted_services.inventory"]
    inventory = parts.start("the inventory service", service, of_inventory, place.folder / "inventory.log")
    proxy = parts.start(
        "the proxy",
        [python, "-m", "proxy", "serve", "--config", shown(place.routes_file)],
        environ,
        place.folder / "proxy.log",
    )
    parts.wait_until(lambda: answers_well(ports.monolith, "/readyz"), monolith, within=START_SECONDS)
    log = place.folder / "backfill.log"
    parts.run("the backfill of inventory", [*service, "backfill"], of_inventory, log, within=START_SECONDS)
    parts.wait_until(lambda: answers_well(ports.inventory, "/readyz"), inventory, within=START_SECONDS)
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
