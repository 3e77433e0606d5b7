"""Where a demo lives: its ports, its folder, its routes.yaml.

The documented ports are taken when they are free, else any; nothing outside the folder is written.
"""

import contextlib
import fcntl
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from importlib.resources import files
from pathlib import Path

from proxy.demo.errors import CannotStart

HOST = "127.0.0.1"
FOLDER = Path("var", "demo")
_MARK = ".strangler-demo"


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of a demo, all on loopback. These defaults are those of the documentation.

    The last two are used when broker and databases are servers.
    """

    public: int = 8080
    console: int = 8081
    monolith: int = 8000
    orders: int = 8101
    payments: int = 8102
    inventory: int = 8103
    broker: int = 9092
    database: int = 5432


@dataclass(frozen=True, slots=True)
class Place:
    """A folder of the demo's own, absolute, and its ports."""

    folder: Path
    ports: Ports

    @property
    def routes_file(self) -> Path:
        return self.folder / "routes.yaml"

    @property
    def environment_file(self) -> Path:
        return self.folder / "shop.env"

    @property
    def token_file(self) -> Path:
        """What the shop's members show each other, for routes.yaml."""
        return self.folder / "internal-token"

    @property
    def state_folder(self) -> Path:
        return self.folder / ".strangler"

    def url(self, part: str) -> str:
        return f"http://{HOST}:{getattr(self.ports, part)}"


def choose_ports(public: int | None = None, *, documented: bool = True) -> Ports:
    """Free ports: the documented ones where they are free, if they are wanted. Raises `CannotStart`."""
    wanted = astuple(Ports()) if documented else (0,) * len(fields(Ports))
    with contextlib.ExitStack() as held:  # all are held until all are chosen, so that no two are the same
        if public is None:
            first = _hold(wanted[0], held) or _hold(0, held)
        else:
            first = _hold(public, held)
            if not first:
                raise CannotStart(f"port {public} cannot be used: something listens there already, or it is reserved")
        return Ports(first, *[_hold(port, held) or _hold(0, held) for port in wanted[1:]])


def _hold(port: int, held: contextlib.ExitStack) -> int:
    """Bind a port of loopback; which one it is, or 0 when it cannot be had."""
    sock = held.enter_context(socket.socket())
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    with contextlib.suppress(OSError):
        sock.bind((HOST, port))
        return int(sock.getsockname()[1])
    return 0


@contextlib.contextmanager
def kept_folder() -> Iterator[Path]:
    """`var/demo`, emptied, and left behind at the end: its logs and its routes.yaml can be read afterwards.

    Raises `CannotStart` when it is in use, or holds what no demo put there.
    """
    folder = FOLDER.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()) and not (folder / _MARK).exists():
            raise CannotStart(f"{FOLDER} holds files that are not the demo's: move them, or start from another folder")
        with (folder / _MARK).open("w") as mark:
            _lock(mark.fileno())
            _empty(folder)
            yield folder
    except OSError as error:
        raise CannotStart(f"{FOLDER} cannot be used: {(error.strerror or str(error)).lower()}") from error


def _lock(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise CannotStart(f"another demo runs in {FOLDER}: end it first, or start from another folder") from None


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name != _MARK:
            entry.unlink()


@contextlib.contextmanager
def passing_folder() -> Iterator[Path]:
    """A temporary folder, gone at the end."""
    with tempfile.TemporaryDirectory(prefix="strangler-demo-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def write_routes(place: Place) -> None:
    """The demo's routes.yaml, with the ports of this run in it, so that every command works on it as it stands."""
    text = files("proxy.demo").joinpath("routes.yaml").read_text(encoding="utf-8")
    ports = dict(zip(map(str, astuple(Ports())), map(str, astuple(place.ports)), strict=True))
    place.routes_file.write_text(re.sub(rf"(?<={HOST}:)\d+", lambda port: ports[port[0]], text), encoding="utf-8")


def shown(path: Path) -> str:
    """A path as one would type it here."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
