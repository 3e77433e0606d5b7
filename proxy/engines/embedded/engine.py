"""The embedded engine: uvicorn serving the public sockets with our protocol class.

uvicorn keeps the event loop, the listening sockets, TLS and the shape of a graceful shutdown; every byte of HTTP is
read and written by `proxy.forwarding`. One engine runs in each worker process.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, TextIO

import uvicorn
from uvicorn.server import ServerState

from proxy.config.model import ListenTls, Snapshot
from proxy.forwarding.forwarder import Forwarder
from proxy.forwarding.holding import Hold
from proxy.forwarding.known_endpoints import Known
from proxy.forwarding.mirror import HandOver
from proxy.forwarding.protocol import ClientConnection
from proxy.forwarding.recording import Recorder, TakeRecorded, Wanted
from proxy.gateway import compose
from proxy.observability.access_log import AccessLog
from proxy.routing.table import compile_table


class PublicProtocol(ClientConnection):
    """A client connection as uvicorn makes it: it takes part in uvicorn's count of what a shutdown waits for."""

    def __init__(self, forwarder: Forwarder, server_state: ServerState) -> None:
        super().__init__(forwarder)
        self._uvicorn_connections: set[Any] = server_state.connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._uvicorn_connections.add(self)
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._uvicorn_connections.discard(self)
        super().connection_lost(exc)


class _Server(uvicorn.Server):
    """uvicorn's server without its signal handlers, which are the worker process's business.

    Before it closes a listening socket it takes over the connections that wait there: closing would reset them, and
    their clients may have sent whole requests already.
    """

    make_protocol: Callable[[], asyncio.Protocol]

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        loop = asyncio.get_running_loop()
        waiting = [connection for listener in sockets or [] for connection in _take_waiting(listener)]
        handed_over = [
            loop.create_task(loop.connect_accepted_socket(self.make_protocol, connection, ssl=self.config.ssl))
            for connection in waiting
        ]
        await super().shutdown(sockets)
        await asyncio.gather(*handed_over, return_exceptions=True)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class Engine:
    """Serves public sockets with the active snapshot. Raises OSError or ssl.SSLError for bad certificate files."""

    def __init__(self, snapshot: Snapshot, *, workers: int = 1, access_log: TextIO | None = None) -> None:
        self._log = AccessLog(access_log) if access_log is not None else None
        self._forwarder = Forwarder(snapshot, workers=workers, access_log=self._log, compose=compose)
        self._tls = snapshot.listen.tls
        self._context = _server_context(self._tls) if self._tls else None
        self._server = _Server(self._configure())
        self._server.make_protocol = lambda: self._make_protocol(server_state=self._server.server_state)
        self._draining = asyncio.Event()

    def _configure(self) -> uvicorn.Config:
        config = uvicorn.Config(
            app=_no_app,
            http=self._make_protocol,  # type: ignore[arg-type]  # any factory of protocols will do
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=None,  # `serve` keeps the drain's time itself
            server_header=False,
            date_header=False,
        )
        config.load()
        config.ssl = self._context
        return config

    def _make_protocol(self, *, server_state: ServerState, **_: Any) -> PublicProtocol:
        return PublicProtocol(self._forwarder, server_state)

    @property
    def revision(self) -> str:
        return self._forwarder.active.snapshot.revision

    def prepare(self, snapshot: Snapshot) -> Callable[[], None]:
        """Compile a snapshot; may run in a thread. Calling the result swaps it in for the requests that come then.

        What is under way keeps the snapshot it began with. The swap raises OSError when a CA bundle cannot be read.
        """
        table = compile_table(snapshot)
        return lambda: self._forwarder.swap(snapshot, table)

    def apply_endpoints(self, known: Mapping[str, Known]) -> None:
        """Use what is known of endpoints, from the next request on. OSError when a CA bundle cannot be read."""
        self._forwarder.apply_endpoints({name: (one.endpoints, one.unhealthy) for name, one in known.items()})

    def sign_pins_with(self, key: bytes) -> None:
        """Sign and believe pins by `key`."""
        self._forwarder.stickiness.key = key

    def hand_pairs_to(self, take: HandOver) -> None:
        """Give pairs of answers to `take` from now on."""
        self._forwarder.mirrors.hand_over = take

    def ask_again(self, shares: Mapping[str, float]) -> None:
        """By route, the share of copied requests whose primary is asked a second time."""
        self._forwarder.mirrors.ask_again(shares)

    def record(self, wanted: Wanted | None, take: TakeRecorded) -> None:
        """Give what is wanted of the exchanges from now on to `take`; None ends that."""
        self._forwarder.recorder = Recorder(wanted, take) if wanted else None

    def hold(self, holds: Sequence[Hold]) -> dict[str, dict[str, Any]]:
        """Hold just these writes from now on, let go the others; by hold, what became of its writes."""
        return self._forwarder.hold(holds)

    def close_left(self, routes: Sequence[str]) -> None:
        """End tunnels and event streams of a side that these routes have left."""
        self._forwarder.close_left(routes)

    def counters(self) -> dict[str, Any]:
        """Cumulative numbers of this process, JSON-able."""
        return self._forwarder.export()

    def traffic(self) -> list[list[Any]]:
        """What was asked for since this process began, JSON-able."""
        return self._forwarder.traffic.export()

    def reload_certificates(self) -> None:
        """Read certificates, key and upstreams' CA bundles again; connections made from now on use them."""
        self._forwarder.reload_certificates()
        if self._context is not None and self._tls is not None:
            _server_context(self._tls)  # the files are tried on a context of their own first
            self._context.load_cert_chain(self._tls.certificate, self._tls.key)

    def drain(self) -> None:
        """Stop accepting, finish what is under way; `serve` then returns."""
        self._draining.set()

    async def serve(self, sockets: list[socket.socket]) -> None:
        """Serve listening sockets until `drain`, and then for as long as the drain may take."""
        async with self._forwarder.running():
            serving = asyncio.create_task(self._server.serve(sockets))
            draining = asyncio.create_task(self._draining.wait())
            await asyncio.wait({serving, draining}, return_when=asyncio.FIRST_COMPLETED)
            draining.cancel()
            await self._finish(serving)
        if self._log is not None:
            self._log.close()

    async def _finish(self, serving: "asyncio.Task[None]") -> None:
        """Give what is under way its time: tunnels half of it, the rest all of it."""
        self._forwarder.draining = True
        self._server.should_exit = True
        limit = self._forwarder.active.snapshot.listen.drain_timeout.total_seconds()
        await asyncio.wait({serving}, timeout=limit / 2)
        for connection in self._connections():
            connection.close_tunnel()
        await asyncio.wait({serving}, timeout=limit / 2)
        for connection in self._connections():
            connection.drop()
        self._server.force_exit = True
        await serving

    def _connections(self) -> list[PublicProtocol]:
        connections: set[Any] = self._server.server_state.connections
        return list(connections)


def _take_waiting(listener: socket.socket) -> list[socket.socket]:
    """The connections that the system has accepted and nobody has taken yet."""
    taken: list[socket.socket] = []
    with contextlib.suppress(OSError):  # BlockingIOError: that was the last one
        while True:
            connection, _ = listener.accept()
            connection.setblocking(False)
            taken.append(connection)
    return taken


async def _no_app(_scope: object, _receive: object, _send: object) -> None:
    raise RuntimeError("the protocol class answers every request")


def _server_context(tls: ListenTls) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(tls.certificate, tls.key)
    except ssl.SSLError as error:
        raise ssl.SSLError(f"{tls.certificate} with {tls.key}: {error}") from error
    return context
