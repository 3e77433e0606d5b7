"""A control plane with scripted workers on a real socket, and no process."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

from proxy.config.codec import dump_snapshot, load_snapshot
from proxy.config.errors import ConfigError, Problem
from proxy.config.model import Address, Endpoint, Listen, Snapshot, Upstream
from proxy.control.hub import Hub
from proxy.control.launch import Launch
from proxy.control.link import PROTOCOL_VERSION, Link, Message, connect
from proxy.control.plane import ControlPlane, read_active
from proxy.observability.log import Log
from tests.support.processes import PATIENCE_S


def snapshot(revision: str, **more: Any) -> Snapshot:
    """The smallest one."""
    monolith = Upstream("monolith", (Endpoint("http", "127.0.0.1", 8000),))
    return Snapshot(
        **({"revision": revision, "listen": Listen(), "upstreams": {"monolith": monolith}, "legacy": "monolith"} | more)
    )


@dataclass
class Worker:
    """A connected worker: takes every snapshot but those it `refuses`; `mute`, it answers nothing."""

    link: Link
    number: int
    revision: str
    refuses: frozenset[str] = frozenset()
    mute: bool = False
    certificate_problem: str | None = None
    seen: list[str] = field(default_factory=list)
    endpoints: list[dict[str, Any]] = field(default_factory=list)  # as they were told, oldest first
    closed_left: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    tells: dict[str, float] = field(default_factory=dict)  # of every hold

    async def obey(self) -> None:
        async for message in self.link.messages():
            if (answer := self._answer(message)) is not None:
                self.link.send(answer)

    def _answer(self, message: Message) -> Message | None:
        problems: list[str] = []
        if message["type"] == "endpoints":
            self.endpoints.append(message["upstreams"])
            return None
        if message["type"] == "close_left":
            self.closed_left += message["routes"]
            return None
        if message["type"] == "holds":
            return self._hold(message)
        if message["type"] == "snapshot":
            sent = load_snapshot(message["text"].encode()).revision
            self.seen.append(sent)
            if sent in self.refuses:
                problems = [f"worker {self.number} refuses {sent}"]
            elif not self.mute:
                self.revision = sent
        else:
            self.seen.append("certificates")
            problems = [self.certificate_problem] if self.certificate_problem else []
        return (
            None if self.mute else {"type": "ack", "id": message["id"], "revision": self.revision, "problems": problems}
        )

    def _hold(self, message: Message) -> Message | None:
        names = [hold["id"] for hold in message["holds"]]
        told = dict.fromkeys({*names, *self.held}, self.tells)
        self.held = names
        if self.mute or "id" not in message:
            return None
        return {"type": "ack", "id": message["id"], "revision": self.revision, "problems": [], "holds": told}

    def count(self, requests: int, *, connections: int = 0) -> None:
        self.link.send(
            {
                "type": "counters",
                "batch": {
                    "requests": [["cart", "legacy", "stage", "2xx", requests]],
                    "gauges": [["strangler_connections", {}, connections]],
                },
            }
        )


@dataclass
class Stage:
    """What a story acts on. `file` is what the next load gives, or its problems."""

    plane: ControlPlane
    hub: Hub
    path: str
    output: StringIO
    file: Snapshot | list[Problem]
    wishes: list[str] = field(default_factory=list)
    mistake: Exception | None = None
    _workers: list[Worker] = field(default_factory=list)
    _tasks: list["asyncio.Task[None]"] = field(default_factory=list)

    async def worker(self, number: int = 0, *, generation: int = 1, revision: str = "r1", **more: Any) -> Worker:
        """Connect one, and wait until the hub knows it."""
        before = len(self.hub.peers())
        link = await connect(self.path)
        worker = Worker(link, number, revision, **more)
        link.send(
            {
                "type": "hello",
                "version": PROTOCOL_VERSION,
                "worker": number,
                "pid": 1000 + generation,
                "generation": generation,
                "revision": revision,
            }
        )
        self._workers.append(worker)
        self._tasks.append(asyncio.create_task(worker.obey()))
        await until(lambda: len(self.hub.peers()) > before)
        return worker

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for worker in self._workers:
            await worker.link.close()
        await until(lambda: not self.hub.peers())

    async def load(self) -> Snapshot:
        if self.mistake is not None:
            raise self.mistake
        if isinstance(self.file, Snapshot):
            return self.file
        raise ConfigError(self.file)


@asynccontextmanager
async def stage(tmp_path: Path, *, workers: int = 2) -> AsyncIterator[Stage]:
    """A control plane that serves revision r1 and nobody is connected to."""
    path = str(tmp_path / "link.sock")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    address = (Address("127.0.0.1", 8081),)
    launch = Launch("routes.yaml", workers, str(tmp_path), 0.0, (Address("127.0.0.1", 8080),), address)
    launch.snapshot_file.write_bytes(dump_snapshot(snapshot("r1")))
    output = StringIO()
    log = Log("control", output)
    hub = Hub(log)
    wishes: list[str] = []
    plane = ControlPlane(
        launch,
        read_active(launch, load_snapshot),
        hub,
        lambda: found.load(),
        ask_supervisor=lambda wish, **_about: wishes.append(wish),
        log=log,
    )
    found = Stage(plane, hub, path, output, snapshot("r1"), wishes)
    accepting = asyncio.create_task(hub.accept(listener))
    try:
        yield found
    finally:
        await found.end()
        accepting.cancel()
        await asyncio.gather(accepting, return_exceptions=True)
        listener.close()


async def until(condition: Callable[[], bool]) -> None:
    """Let other tasks run until it holds; the socket is local, so this takes no noticeable time."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - conditions span several objects; there is no one event to wait for
            await asyncio.sleep(0.001)
