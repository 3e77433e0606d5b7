"""Brings a server up: everything that can be wrong is found before the first process is started.

Order matters: the configuration, then the console's token, then the ports, then the private folder, then children.
"""

import socket
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from proxy import clock
from proxy.config.codec import dump_snapshot, load_snapshot
from proxy.config.errors import ConfigError, Problem
from proxy.config.model import Address, Listen, Snapshot
from proxy.control.announcement import announce, console_address_kept
from proxy.control.folder import private_folder, write_atomically
from proxy.control.launch import Launch, override_addresses, write_launch
from proxy.control.listeners import BACKLOG, bound_address, is_loopback
from proxy.control.listeners import listen as bind
from proxy.control.overridden_file import OverriddenFile
from proxy.control.pin_key import prepare_pin_key
from proxy.control.spawner import Commands, Sockets, Spawner
from proxy.control.supervisor import Supervisor
from proxy.control.token import VARIABLE, Token, ensure_token, find_token
from proxy.observability.log import Log


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line says; addresses replace those of the file."""

    config: str
    workers: int = 1
    public: Address | None = None
    console: Address | None = None


def serve(wanted: Wanted, commands: Commands, *, environ: Mapping[str, str], log: Log) -> int:
    """Serve until ended; the exit code. Raises `ConfigError` before anything was started."""
    snapshot = override_addresses(_read_file(wanted.config, environ, log), wanted.public, wanted.console)
    token = console_token(snapshot, environ)
    with ExitStack() as stack:
        public, console = _bind(snapshot.listen, stack)
        launch = Launch(
            config=wanted.config,
            workers=wanted.workers,
            folder=str(stack.enter_context(private_folder(environ))),
            started_at=clock.now().timestamp(),
            public_bound=tuple(map(bound_address, public)),
            console_bound=tuple(map(bound_address, console)),
            public_override=wanted.public,
            console_override=wanted.console,
        )
        stack.enter_context(console_address_kept(snapshot.state_dir, launch.console_bound[0]))
        write_launch(launch)
        prepare_pin_key(snapshot.state_dir, launch.folder, log)
        write_atomically(launch.snapshot_file, dump_snapshot(snapshot))
        sockets = Sockets(public, console, stack.enter_context(_listen_for_links(launch)))
        return Supervisor(
            wanted.workers,
            Spawner(commands, sockets, launch.folder, environ),
            log=log,
            read_listen=lambda: _read_listen(launch, snapshot.listen),
            announce=lambda: announce(log, launch, snapshot, token, environ),
        ).run()


def _read_file(config: str, environ: Mapping[str, str], log: Log) -> Snapshot:
    """With the overrides of the server before this one, so that the first request is answered by them."""
    return OverriddenFile(config, environ, private=None, log=log).load()


def console_token(snapshot: Snapshot, environ: Mapping[str, str]) -> Token:
    """The console's token. Raises `ConfigError` for a console that others can reach and nobody has given one."""
    console = snapshot.listen.console
    if is_loopback(console.host):
        return ensure_token(snapshot.state_dir, environ)
    token = find_token(snapshot.state_dir, environ)
    if token.value is None or token.made_here:
        message = f"listen.console: {console} is not on loopback, and no token is configured"
        raise ConfigError([Problem(None, message, f"set {VARIABLE}, write {token.where}, or listen on 127.0.0.1")])
    return token


def _bind(listen: Listen, stack: ExitStack) -> tuple[list[socket.socket], list[socket.socket]]:
    public = bind(listen.public, key="listen.public")
    stack.callback(_close, public)
    console = bind(listen.console, key="listen.console")
    stack.callback(_close, console)
    return public, console


def _close(sockets: list[socket.socket]) -> None:
    for each in sockets:
        each.close()


def _listen_for_links(launch: Launch) -> socket.socket:
    """Bound here, so that a worker's connection waits for a control process that is being started again."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(launch.link_socket)
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener


def _read_listen(launch: Launch, first: Listen) -> Listen:
    """As the snapshot that serves has it; as at the start, should that not be readable."""
    try:
        return load_snapshot(launch.snapshot_file.read_bytes()).listen
    except (OSError, ValueError):
        return first
