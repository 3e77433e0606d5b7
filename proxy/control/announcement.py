"""What a server tells the world once it serves, and takes back when it ends.

One line in the log; the console's address in the state folder, where `strangler status` finds it even when the file is
broken or the address came from the command line; and a word to systemd, if it asked for one.
"""

import contextlib
import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

from proxy.config.model import Address, Snapshot
from proxy.control.launch import Launch
from proxy.control.token import VARIABLE, Token
from proxy.observability.log import Log

_FILE = "console"


def announce(log: Log, launch: Launch, snapshot: Snapshot, token: Token, environ: Mapping[str, str]) -> None:
    """Say where the server is, which revision serves, and where the console's token lies."""
    if token.problem is not None:
        hint = f"set {VARIABLE}, or make the state folder writable; until then the admin API lets nobody in"
        log.warning("no_console_token", file=token.where, problem=token.problem, hint=hint)
    scheme = "http" if snapshot.listen.tls is None else "https"
    log.info(
        "ready",
        public=[f"{scheme}://{address}" for address in launch.public_bound],
        console=[f"http://{address}" for address in launch.console_bound],
        workers=launch.workers,
        revision=snapshot.revision,
        config=launch.config,
        token=token.where,
    )
    notify_systemd("READY=1", environ)


@contextlib.contextmanager
def console_address_kept(state_dir: str, console: Address) -> Iterator[None]:
    """Keep the console's address in the state folder while the server lives; do without, where it is read-only."""
    path = Path(state_dir, _FILE)
    with contextlib.suppress(OSError):
        path.write_text(f"{console}\n", encoding="ascii")
    try:
        yield
    finally:
        if read_console_address(state_dir) == console:  # else it is another server's
            with contextlib.suppress(OSError):
                path.unlink()


def read_console_address(state_dir: str) -> Address | None:
    """Where the server that uses this state folder said its console is."""
    try:
        host, _, port = Path(state_dir, _FILE).read_text(encoding="ascii").strip().rpartition(":")
        return Address(host.removeprefix("[").removesuffix("]"), int(port))
    except (OSError, ValueError):
        return None


def notify_systemd(state: str, environ: Mapping[str, str]) -> None:
    """sd_notify(3): one datagram to the socket systemd named, if it named one."""
    path = environ.get("NOTIFY_SOCKET", "")
    if not path.startswith(("/", "@")):
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(state.encode(), "\0" + path[1:] if path[0] == "@" else os.fsencode(path))
