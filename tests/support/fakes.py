"""A network in memory, for transcripts of the data path: no socket is opened, and time passes only when told to.

A `World` holds a forwarder, clients and upstream connections. Each thing done (`sends`, `ends`, `passes`) returns when
everything that follows from it at once has happened; what was received is looked at afterwards. An exception that
leaves a protocol fails the test.
"""

import asyncio
import io
import json
import socket
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any, Self

from proxy import clock
from proxy.config.model import Snapshot
from proxy.forwarding.forwarder import Compose, Forwarder
from proxy.forwarding.protocol import ClientConnection
from proxy.observability.access_log import AccessLog

SETTLE_TURNS = 12
"""Turns of the event loop after which nothing is left to do: a new connection takes four."""


class FakeSocket:
    """Takes options; knows the one that makes a close a reset, and tells the state of the connection."""

    family = socket.AF_INET

    def __init__(self) -> None:
        self.options: dict[int, object] = {}
        self.tcp_state = 1  # established

    def getsockopt(self, _level: int, option: int, _size: int) -> bytes:
        assert option == socket.TCP_INFO
        return bytes([self.tcp_state])

    def fileno(self) -> int:
        return -1

    def setsockopt(self, _level: int, option: int, value: object) -> None:
        self.options[option] = value


class MemoryTransport(asyncio.Transport):
    """One end of a connection whose other end is the test.

    What the test sends while reading is paused waits; what is written while the peer does not read (`clog`) is
    buffered, and the protocol told so, as asyncio's own transports do it.
    """

    def __init__(self, world: "World", peer: str = "127.0.0.1") -> None:
        self.socket = FakeSocket()
        super().__init__({"peername": (peer, 4711), "socket": self.socket})
        self._world = world
        self._protocol: asyncio.Protocol | asyncio.BufferedProtocol
        self._written = bytearray()
        self._waiting: list[bytes] = []  # sent by the test, not read yet
        self._buffer = bytearray()  # written by the protocol, not taken by the test yet
        self._high = 64 * 1024
        self._clogged = self._told_full = self._gone = False
        self.reading_paused = False
        self.eof_written = self.closed = self.aborted = False

    # the protocol's side

    def attach(self, protocol: asyncio.Protocol) -> None:
        self._protocol = protocol
        protocol.connection_made(self)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        assert isinstance(protocol, asyncio.Protocol | asyncio.BufferedProtocol)
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high = 64 * 1024 if high is None else high

    def get_write_buffer_size(self) -> int:
        return len(self._buffer)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert data, "an empty write is a wasted one"
        assert not self.eof_written, "a write behind the end"
        if self.closed:
            return
        if not self._clogged:
            self._written += data
            return
        self._buffer += data
        if len(self._buffer) > self._high and not self._told_full:
            self._told_full = True
            self._protocol.pause_writing()

    def write_eof(self) -> None:
        self.eof_written = True

    def can_write_eof(self) -> bool:
        return True

    def is_closing(self) -> bool:
        return self.closed

    def is_reading(self) -> bool:
        return not self.reading_paused

    def pause_reading(self) -> None:
        self.reading_paused = True

    def resume_reading(self) -> None:
        self.reading_paused = False
        asyncio.get_running_loop().call_soon(self._deliver)

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            if not self._buffer:
                asyncio.get_running_loop().call_soon(self._lose, None)

    def abort(self) -> None:
        self.closed = self.aborted = True
        self._buffer.clear()
        asyncio.get_running_loop().call_soon(self._lose, None)

    def _deliver(self) -> None:
        while self._waiting and not self.reading_paused and not self.closed:
            data, protocol = self._waiting.pop(0), self._protocol
            if isinstance(protocol, asyncio.Protocol):
                protocol.data_received(data)
                continue
            buffer = memoryview(protocol.get_buffer(len(data)))
            size = min(len(buffer), len(data))
            buffer[:size] = data[:size]
            if size < len(data):
                self._waiting.insert(0, data[size:])
            protocol.buffer_updated(size)

    def _lose(self, error: Exception | None) -> None:
        if not self._gone:
            self._gone = self.closed = True
            self._protocol.connection_lost(error)

    def _take_buffer(self) -> None:
        self._clogged = False
        self._written += self._buffer
        self._buffer.clear()
        if self._told_full:
            self._told_full = False
            self._protocol.resume_writing()
        if self.closed:
            self._lose(None)

    def _end(self) -> None:
        if not self.closed and not self._protocol.eof_received():
            self.close()

    # the test's side

    def sends(self, *pieces: bytes) -> None:
        """Each piece is one segment that arrives."""
        for piece in pieces:
            self._waiting.append(piece)
            self._world.act(self._deliver)

    def ends(self) -> None:
        """The peer closes its sending side."""
        self._world.act(self._end)

    def vanishes(self, error: Exception | None = None) -> None:
        """The connection is gone, all of it."""
        self._world.act(lambda: self._lose(error))

    def leaves(self) -> None:
        """The peer closes its sending side, and the system knows, while nobody reads."""
        self.socket.tcp_state = 8  # CLOSE_WAIT

    def clogs(self) -> None:
        """The peer reads no more."""
        self._clogged = True

    def drains(self) -> None:
        """The peer reads everything there is, and goes on reading."""
        self._world.act(self._take_buffer)

    @property
    def received(self) -> bytes:
        """All that has reached the test since the connection was made."""
        return bytes(self._written)

    def take(self) -> bytes:
        """What has reached the test since the last `take`."""
        taken = bytes(self._written)
        self._written.clear()
        return taken

    @property
    def unsent(self) -> int:
        """Bytes that the protocol wrote and nobody has taken."""
        return len(self._buffer)

    @property
    def was_reset(self) -> bool:
        """Whether a real client would have seen a TCP reset."""
        return self.aborted and socket.SO_LINGER in self.socket.options


class Network:
    """What happens when a connection is asked for."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.refusal: Exception | None = None
        self.closed_ports: set[int] = set()  # nobody listens there
        self.silent = False  # SYNs are lost
        self.made: list[MemoryTransport] = []
        self.asked: list[tuple[str, int]] = []
        self._waiting: list[asyncio.Event] = []

    async def connect(self, factory: Callable[[], asyncio.Protocol], host: str, port: int) -> Any:
        self.asked.append((host, port))
        if self.silent:
            admitted = asyncio.Event()
            self._waiting.append(admitted)
            await admitted.wait()
        if port in self.closed_ports:
            raise ConnectionRefusedError(f"port {port}")
        if self.refusal is not None:
            raise self.refusal
        transport, protocol = MemoryTransport(self._world), factory()
        transport.attach(protocol)
        self.made.append(transport)
        return transport, protocol

    def admits(self) -> None:
        """Answer the connections that wait."""
        self.silent = False
        self._world.act(self._admit)

    def _admit(self) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.set()


class _Loop(asyncio.SelectorEventLoop):
    network: Network

    async def create_connection(self, protocol_factory: Any, host: Any = None, port: Any = None, **_: Any) -> Any:
        return await self.network.connect(protocol_factory, host, port)

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:
        if not isinstance(func, partial) or func.func is not socket.getaddrinfo:
            return super().run_in_executor(executor, func, *args)
        found = self.create_future()
        found.set_result([(socket.AF_INET, socket.SOCK_STREAM, 0, "", func.args)])  # every name is its own address
        return found


class World:
    """A forwarder, its clients, its upstreams and its time. Use it as a context manager."""

    def __init__(self, snapshot: Snapshot, *, workers: int = 1, compose: Compose | None = None) -> None:
        self._loop = _Loop()
        self._loop.set_exception_handler(self._note_error)
        self.network = self._loop.network = Network(self)
        self._errors: list[dict[str, Any]] = []
        self._lines = io.StringIO()
        self._log = AccessLog(self._lines)
        self.forwarder = Forwarder(snapshot, workers=workers, access_log=self._log, compose=compose)
        self.time = clock.monotonic()
        self.forwarder.monotonic = lambda: self.time
        self.passes(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.act(self._cancel_tasks)
        self._loop.close()
        self._log.close()
        assert kind is not None or not self._errors, self._errors

    def _cancel_tasks(self) -> None:
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    def _note_error(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self._errors.append(context)

    def act(self, action: Callable[[], object]) -> None:
        """Do something inside the event loop, and let everything that follows from it happen."""

        async def scene() -> None:
            action()
            for _ in range(SETTLE_TURNS):
                await asyncio.sleep(0)

        self._loop.run_until_complete(scene())

    def passes(self, seconds: float) -> None:
        """Let time pass, and the forwarder notice."""
        self.time += seconds
        self.act(lambda: self.forwarder.tick(second=True))

    def client(self, peer: str = "192.0.2.7") -> MemoryTransport:
        """A new client connection."""
        transport = MemoryTransport(self, peer)
        self.act(lambda: transport.attach(ClientConnection(self.forwarder)))
        return transport

    def connection(self, client: MemoryTransport) -> ClientConnection:
        """The server's end of a client connection that is no tunnel."""
        protocol = client.get_protocol()
        assert isinstance(protocol, ClientConnection)
        return protocol

    @property
    def upstreams(self) -> list[MemoryTransport]:
        """Every upstream connection that was made, in order."""
        return self.network.made

    @property
    def upstream(self) -> MemoryTransport:
        """The one upstream connection that was made."""
        (made,) = self.network.made
        return made

    def drains(self) -> None:
        """The engine begins to drain."""
        self.act(self._shut_down)

    def _shut_down(self) -> None:
        for client in list(self.forwarder.clients):
            assert isinstance(client, ClientConnection)
            client.shutdown()

    def swaps(self, snapshot: Snapshot) -> None:
        """The configuration is reloaded."""
        self.act(lambda: self.forwarder.swap(snapshot))

    def counted(self, name: str) -> float:
        """A counter or a gauge by its name, summed over its labels."""
        exported: Any = self.forwarder.export()
        return float(sum(count for key, _, count in exported["counters"] + exported["gauges"] if key == name))

    def requests(self) -> list[list[Any]]:
        """The request counts: `[route, side, reason, code class, count]`."""
        exported: Any = self.forwarder.export()
        found: list[list[Any]] = exported["requests"]
        return found

    def logged(self) -> list[dict[str, Any]]:
        """Every access-log record, once the log is closed."""
        self._log.close()
        return [json.loads(line) for line in self._lines.getvalue().splitlines()]

    @property
    def log_text(self) -> str:
        self._log.close()
        return self._lines.getvalue()
