"""The control process: `python -m proxy.admin.process`, started by the supervisor.

It wires the control plane to its sockets: the console, the workers' links, the supervisor. It must be able to end at
any moment: what it needs to go on from lies in the private folder and with the workers.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import uvicorn
from starlette.applications import Starlette

from proxy.admin.app import create_console
from proxy.admin.guard import HOSTS_VARIABLE
from proxy.config.codec import load_snapshot
from proxy.config.model import Snapshot
from proxy.control.child import adopt_sockets, end_with_parent
from proxy.control.handovers_of import make_handovers
from proxy.control.hub import Hub
from proxy.control.launch import Launch, override_addresses, read_launch
from proxy.control.link import Link
from proxy.control.mover import FileMover
from proxy.control.overridden_file import OverriddenFile
from proxy.control.plane import ControlPlane, Family, read_active
from proxy.control.token import find_token
from proxy.control.watcher import Watcher
from proxy.observability.log import Log, adopt_library_logs

ALL_WORKERS_SECONDS = 5.0
GRACE_SECONDS = 3
MAX_HEAD_BYTES = 64 * 1024
MAX_CONNECTIONS = 256  # of operators and scrapers
SWITCH_SECONDS = 0.0005  # how long the thread that compares may keep the event loop waiting, each time; else 5 ms


@dataclass(frozen=True, slots=True)
class Options:
    """What the supervisor said on the command line."""

    runtime: str
    generation: int
    parent: int
    report_fd: int
    console_fd: str
    link_fd: str


def parse_options(arguments: Sequence[str]) -> Options:
    parser = argparse.ArgumentParser(prog="proxy.admin.process", description="Started by strangler serve.")
    for name in ("generation", "parent", "report-fd"):
        parser.add_argument(f"--{name}", type=int, required=True)
    for name in ("runtime", "console-fd", "link-fd"):
        parser.add_argument(f"--{name}", required=True)
    return Options(**vars(parser.parse_args(arguments)))


def run(arguments: Sequence[str]) -> int:
    """Be the control process until told to end."""
    options = parse_options(arguments)
    end_with_parent(options.parent)
    log = Log("control")
    adopt_library_logs(log)
    sys.setswitchinterval(SWITCH_SECONDS)
    asyncio.run(_serve(options, read_launch(options.runtime), log))
    return 0


async def _serve(options: Options, launch: Launch, log: Log) -> None:
    supervisor = Link(*await asyncio.open_unix_connection(sock=socket.socket(fileno=options.report_fd)))
    hub = Hub(log)

    file = OverriddenFile(
        launch.config,
        os.environ,
        private=launch.folder,
        log=log,
        adapt=lambda said: override_addresses(said, launch.public_override, launch.console_override),
    )

    async def load() -> Snapshot:
        await watcher.remember()  # before reading, so that what is written meanwhile is seen as a change
        return await asyncio.to_thread(file.load)

    plane = ControlPlane(
        launch,
        read_active(launch, load_snapshot),
        hub,
        load,
        ask_supervisor=lambda wish, **about: supervisor.send({"type": wish, **about}),
        log=log,
    )
    file.find_overrides(plane.active.snapshot.state_dir)  # now: the file may be one that cannot be loaded
    plane.file, plane.mover = file, FileMover(plane, file, log)
    plane.handovers = make_handovers(plane, log)
    watcher = Watcher(launch.config, plane.certificate_files)
    server = ConsoleServer(_application(plane))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.end)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(hub.accept(adopt_sockets(options.link_fd)[0])),
            group.create_task(_keep_current(plane, watcher)),
            group.create_task(plane.watch_endpoints()),
            group.create_task(plane.comparing.run()),
            group.create_task(plane.rolling.run()),
            group.create_task(plane.traffic.run()),
            group.create_task(plane.handovers.run()),
            group.create_task(_obey(plane, supervisor, group, server)),
            group.create_task(_report_serving(hub, launch, supervisor)),
        ]
        await server.serve(adopt_sockets(options.console_fd))
        for task in tasks:
            task.cancel()


def _application(plane: ControlPlane) -> Starlette:
    token = find_token(plane.active.snapshot.state_dir, os.environ).value
    return create_console(plane, token=token, hosts=os.environ.get(HOSTS_VARIABLE, "").split(","))


async def _keep_current(plane: ControlPlane, watcher: Watcher) -> None:
    """Take what changed while no control process was there, then every change."""
    await plane.reload("start")
    await watcher.watch(lambda: plane.reload("watch"))


async def _obey(plane: ControlPlane, supervisor: Link, group: asyncio.TaskGroup, server: "ConsoleServer") -> None:
    """Do what the supervisor says, until it ends."""
    async for message in supervisor.messages():
        match message["type"]:
            case "children":
                plane.family = Family(message["draining"], message["control_restarts"], tuple(message["restarts"]))
                plane.hub.keep_only(message["generations"])
            case "reload":
                group.create_task(plane.reload("signal"))  # the next message may say that the server drains
    server.end()


async def _report_serving(hub: Hub, launch: Launch, supervisor: Link) -> None:
    """Say that the console answers, and knows the workers, so that /readyz is true from the first moment on."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(ALL_WORKERS_SECONDS):
            await hub.wait_for(launch.workers)
    supervisor.send({"type": "serving"})


class ConsoleServer(uvicorn.Server):
    """uvicorn on the inherited socket; the signals are ours."""

    def __init__(self, application: Starlette) -> None:
        super().__init__(
            uvicorn.Config(
                application,
                http="h11",  # it bounds heads, which httptools does not; speed is no matter here
                h11_max_incomplete_event_size=MAX_HEAD_BYTES,
                limit_concurrency=MAX_CONNECTIONS,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                ws="none",
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def end(self) -> None:
        self.should_exit = True


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
