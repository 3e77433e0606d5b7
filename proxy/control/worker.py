"""A worker process: one engine on the inherited sockets, and a link to the control process.

It decides nothing about configuration; it takes what the control process sends, and says whether it could. Losing the
control process must never stop or delay a request.
"""

import argparse
import asyncio
import contextlib
import gc
import itertools
import os
import resource
import signal
import socket
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import uvloop

from proxy.config.codec import load_snapshot
from proxy.config.errors import ConfigError
from proxy.config.model import Snapshot
from proxy.control.backoff import Backoff
from proxy.control.child import adopt_sockets, end_with_parent
from proxy.control.data_plane import DataPlane
from proxy.control.endpoints_file import read_known
from proxy.control.holds_file import holds_in, read_holds
from proxy.control.launch import read_launch
from proxy.control.link import PROTOCOL_VERSION, THREAD_BYTES, Link, LinkError, Message, connect, encode
from proxy.control.pairs import MAX_UNSENT_PAIR_BYTES, Pair, to_message, wanted_from
from proxy.control.pin_key import read_pin_key
from proxy.forwarding.files import SPARE_FILES, most_clients
from proxy.forwarding.known_endpoints import from_json
from proxy.observability.log import Log, adopt_library_logs
from proxy.wire.exchange import Exchange

COUNTERS_EVERY_SECONDS = 1.0
TRAFFIC_EVERY = 5  # batches of counters; it may take a hundred times as many bytes
MAX_UNSENT_COUNTERS_BYTES = 1024 * 1024  # above it a batch is left out: the next one says all of it again

BuildEngine = Callable[[Snapshot, int], DataPlane]
"""From the snapshot and the number of workers. Raises `ConfigError`."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the supervisor said on the command line."""

    runtime: str
    worker: int
    generation: int
    parent: int
    report_fd: int
    public_fd: str


def parse_options(arguments: Sequence[str]) -> Options:
    parser = argparse.ArgumentParser(prog="proxy.control.worker", description="Started by strangler serve.")
    for name in ("worker", "generation", "parent", "report-fd"):
        parser.add_argument(f"--{name}", type=int, required=True)
    for name in ("runtime", "public-fd"):
        parser.add_argument(f"--{name}", required=True)
    return Options(**vars(parser.parse_args(arguments)))


def run(build: BuildEngine, arguments: Sequence[str]) -> int:
    """Be a worker until told to drain. Exit code 2 when the snapshot cannot be served, else 0."""
    options = parse_options(arguments)
    end_with_parent(options.parent)
    log = Log(f"worker-{options.worker}")
    adopt_library_logs(log)
    launch = read_launch(options.runtime)
    try:
        snapshot = load_snapshot(launch.snapshot_file.read_bytes())
        raise_file_limit(snapshot.listen.limits.connections // launch.workers * 2 + SPARE_FILES, log)
        engine = build(snapshot, launch.workers)
        engine.sign_pins_with(read_pin_key(launch.folder))
        engine.apply_endpoints(read_known(launch.folder, snapshot.state_dir))
        engine.hold(read_holds(launch.folder))
    except (ConfigError, OSError) as error:
        log.failure("start_refused", problems=str(error).splitlines())
        return 2
    worker = Worker(engine, options, launch.link_socket, log)
    gc.freeze()  # what is there by now stays: a full collection need not look at it, and stalls nobody
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(worker.serve(adopt_sockets(options.public_fd)))
    return 0


def raise_file_limit(wanted: int, log: Log) -> None:
    """Allow the process as many open files as it may have; say so where that is less than its connections need.

    A client's connection and its upstream's are two files. With fewer, that many clients are served at one time.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and hard < wanted:
        hint = "raise it (ulimit -Hn, LimitNOFILE=), or lower listen.limits.connections"
        log.warning("file_limit_low", limit=hard, wanted=wanted, connections=most_clients(), hint=hint)


class Worker:
    """The engine and its link, for the life of the process."""

    def __init__(self, engine: DataPlane, options: Options, link_socket: str, log: Log) -> None:
        self._engine = engine
        self._options = options
        self._link_socket = link_socket
        self._log = log
        self._link: Link | None = None
        engine.hand_pairs_to(self._send_pair)

    async def serve(self, sockets: list[socket.socket]) -> None:
        serving = asyncio.create_task(self._engine.serve(sockets))
        await asyncio.sleep(0)  # lets the engine begin, and put its own signal handlers in place, before ours
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._engine.drain)
        report_serving(self._options.report_fd)
        linked = asyncio.create_task(self._stay_linked())
        try:
            await serving
        finally:
            self._send_counters()
            self._send_traffic()
            linked.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await linked

    async def _stay_linked(self) -> None:
        """Connect, connect again, for ever."""
        backoff = Backoff()
        lost = False
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await self._stay_connected()
                detail = "closed"
            except Exception as error:  # whatever it is: a worker without its link could never be told anything again
                detail = repr(error)
            if not lost:  # said once, not at every try
                self._log.warning("control_lost", detail=detail, effect="serving goes on")
            lost = asyncio.get_running_loop().time() - began < 1
            delay, backoff = backoff.after(asyncio.get_running_loop().time() - began)
            await asyncio.sleep(delay)

    async def _stay_connected(self) -> None:
        link = await connect(self._link_socket)
        self._link = link
        counting = asyncio.create_task(self._count())
        try:
            link.send(self._hello())
            async for message in link.messages():
                await self._obey(link, message)
        finally:
            self._link = None
            self._engine.record(None, self._send_recorded)  # nobody is there to read it
            counting.cancel()
            await link.close()

    def _hello(self) -> Message:
        return {
            "type": "hello",
            "version": PROTOCOL_VERSION,
            "worker": self._options.worker,
            "pid": os.getpid(),
            "generation": self._options.generation,
            "revision": self._engine.revision,
        }

    async def _count(self) -> None:
        for batch in itertools.count():
            self._send_counters()
            if batch % TRAFFIC_EVERY == 0:
                self._send_traffic()
            await asyncio.sleep(COUNTERS_EVERY_SECONDS)

    def _send_counters(self) -> None:
        link = self._link
        if link is not None and link.unsent_bytes <= MAX_UNSENT_COUNTERS_BYTES:
            with contextlib.suppress(LinkError):
                link.send({"type": "counters", "batch": self._engine.counters()})

    def _send_traffic(self) -> None:
        link = self._link
        if link is not None and link.unsent_bytes <= MAX_UNSENT_COUNTERS_BYTES:
            with contextlib.suppress(LinkError):
                link.send({"type": "traffic", "rows": self._engine.traffic()})

    def _send_pair(self, exchange: Exchange, failure: str | None) -> bool:
        link = self._link
        if link is None or link.unsent_bytes > MAX_UNSENT_PAIR_BYTES:
            return False
        try:
            link.send(*to_message(Pair(exchange, failure)))
        except LinkError:
            return False
        return True

    def _send_recorded(self, exchange: Exchange, lost: Mapping[str, int]) -> bool:
        link = self._link
        if link is None or link.unsent_bytes > MAX_UNSENT_PAIR_BYTES:
            return False
        message, bodies = to_message(Pair(exchange))
        try:
            link.send({**message, "type": "recorded", "lost": dict(lost)}, bodies)
        except LinkError:
            return False
        return True

    async def _obey(self, link: Link, message: Message) -> None:
        match message["type"]:
            case "snapshot":
                problems = await self._take(message["text"])
            case "certificates":
                problems = self._reload_certificates()
            case "endpoints":
                self._apply_endpoints(message)
                return
            case "ask_again":
                self._engine.ask_again(message["shares"])
                return
            case "holds":
                self._hold(link, message)
                return
            case "close_left":
                self._engine.close_left(message["routes"])
                return
            case "record":
                self._engine.record(wanted_from(message), self._send_recorded)
                return
            case _:
                return
        link.send({"type": "ack", "id": message["id"], "revision": self._engine.revision, "problems": problems})

    async def _take(self, text: str) -> list[str]:
        """Swap to a snapshot. What was wrong with it, if it was refused."""
        try:
            large = len(text) >= THREAD_BYTES
            swap = await asyncio.to_thread(self._prepare, text) if large else self._prepare(text)
            swap()
        except ConfigError as error:
            return [str(problem) for problem in error.problems]
        except OSError as error:  # a certificate, mostly
            return [str(error)]
        except Exception as error:  # our own mistake: the snapshot before must go on, and somebody must hear of it
            self._log.failure("swap_failed", exception=traceback.format_exc())
            return [f"the snapshot could not be used: {error!r}"]
        return []

    def _prepare(self, text: str) -> Callable[[], None]:
        return self._engine.prepare(load_snapshot(text.encode()))

    def _apply_endpoints(self, message: Message) -> None:
        try:
            self._engine.apply_endpoints(from_json(message["upstreams"]))
        except Exception:  # our own mistake: the endpoints before must go on, and somebody must hear of it
            self._log.failure("endpoints_refused", exception=traceback.format_exc())

    def _hold(self, link: Link, message: Message) -> None:
        told = self._engine.hold(holds_in(message))
        if "id" in message:
            ack = {"type": "ack", "id": message["id"], "revision": self._engine.revision, "problems": []}
            link.send({**ack, "holds": told})

    def _reload_certificates(self) -> list[str]:
        try:
            self._engine.reload_certificates()
        except OSError as error:  # ssl.SSLError is one
            return [str(error)]
        return []


def report_serving(descriptor: int) -> None:
    """Tell the supervisor that requests are answered from now on."""
    os.write(descriptor, encode({"type": "serving"}))
