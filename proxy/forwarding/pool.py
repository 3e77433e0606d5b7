"""Connections to one endpoint: the most recently used first, idle ones bounded and expiring.

Busy connections need no bound of their own: each serves one client connection, and those are bounded. An idle
connection beyond `MAX_IDLE` is closed.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import Final, NamedTuple

from proxy import clock
from proxy.config.model import Endpoint, UpstreamTls
from proxy.forwarding.cork import Cork
from proxy.forwarding.files import files_are_used_up
from proxy.forwarding.resolver import Resolver
from proxy.forwarding.upstream import UpstreamConnection
from proxy.observability.counters import Counters
from proxy.resilience.endpoint import Endpoint as State
from proxy.wire.response import ResponseHead

MAX_IDLE: Final = 1024
IDLE_SECONDS: Final = 60.0
"""Idle connections older than this are closed. nginx's keepalive_timeout for upstreams is 60 s too."""

FRESH_SECONDS: Final = 1.0
"""A request that may not be repeated takes no connection that has been idle longer than this: servers close idle
connections after some seconds (uvicorn and Node after 5), and a write lost to that race could not be sent again."""


class EndpointKey(NamedTuple):
    """What makes two endpoints the same across snapshots. Upstreams share nothing, not even with equal addresses."""

    endpoint: Endpoint
    tls: UpstreamTls
    upstream: str = ""


class EndpointPool:
    """The connections of one endpoint: it makes, keeps and lends them."""

    def __init__(
        self,
        key: EndpointKey,
        counters: Counters,
        now: Callable[[], float] = clock.monotonic,
        make_room: Callable[[], None] | None = None,
    ) -> None:
        self.endpoint = key.endpoint
        self.name = key.endpoint.url
        self.state = State(self.name, now())
        self._key = key
        self._tls = _client_context(key) if key.endpoint.scheme == "https" else None
        self._server_name = (key.tls.server_name or key.endpoint.host) if self._tls else None
        self._resolver = Resolver(key.endpoint.host, key.endpoint.port, now)
        self._idle: list[UpstreamConnection] = []
        self._now = now
        self._make_room = make_room or self.close_idle
        self._retired = False
        self.counters = counters
        self.cork = Cork()
        self.authority = key.endpoint.authority.encode("latin-1")
        self.prefix = key.endpoint.prefix
        # Answers to like requests have like heads: the last one is remembered, by its exact bytes.
        self.last_block = b""
        self.last_head: ResponseHead

    def take(self, repeatable: bool) -> UpstreamConnection | None:
        """An idle connection, or None when a new one is needed."""
        idle = self._idle
        while idle:
            connection = idle.pop()
            if connection.closing:
                continue
            if not repeatable and self._now() - connection.idle_since > FRESH_SECONDS:
                idle.append(connection)
                return None
            connection.reused = True
            return connection
        return None

    def put(self, connection: UpstreamConnection) -> None:
        """Give back a connection whose exchange has ended cleanly."""
        idle = self._idle
        if self._retired or len(idle) >= MAX_IDLE:
            connection.close()
        else:
            idle.append(connection)

    def forget(self, connection: UpstreamConnection) -> None:
        """A connection was closed; one that was given up while it was made has not been counted."""
        if connection.counted:
            connection.counted = False
            self.counters.gauges.upstream_connections -= 1
        if connection in self._idle:
            self._idle.remove(connection)

    async def connect(self) -> UpstreamConnection:
        """A new connection, to the first address that takes one. Raises OSError (ssl.SSLError among them)."""
        failure: OSError | None = None
        for address in await self._resolver.addresses():
            try:
                return await self._connect_where_there_is_room(address)
            except ssl.SSLError:
                raise  # it is there, and not who it should be
            except OSError as error:
                failure = failure or error
        assert failure is not None
        raise failure

    async def _connect_where_there_is_room(self, address: str) -> UpstreamConnection:
        """Idle connections make room for one that is needed."""
        try:
            return await self._connect_to(address)
        except OSError as error:
            if not files_are_used_up(error):
                raise
        self._make_room()
        await asyncio.sleep(0)  # then they are closed
        return await self._connect_to(address)

    async def _connect_to(self, address: str) -> UpstreamConnection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            lambda: UpstreamConnection(self),
            address,
            self.endpoint.port,
            ssl=self._tls,
            server_hostname=self._server_name,
        )
        self.counters.upstream_connects += 1
        self.adopt(connection)
        return connection

    def adopt(self, connection: UpstreamConnection) -> None:
        """Count a connection that has been made."""
        self.counters.gauges.upstream_connections += 1
        connection.counted = True

    def expire(self, now: float) -> None:
        """Close what has been idle too long; the oldest stand first."""
        keep_from = 0
        for connection in self._idle:
            if now - connection.idle_since < IDLE_SECONDS:
                break
            keep_from += 1
        old, self._idle = self._idle[:keep_from], self._idle[keep_from:]
        for connection in old:
            connection.close()

    def renew_tls(self) -> Callable[[], None]:
        """Read the CA bundle again; calling the result uses it. Raises OSError where it cannot be read."""
        context = _client_context(self._key) if self._tls else None

        def commit() -> None:
            self._tls = context

        return commit

    def retire(self) -> None:
        """Close idle connections; busy ones are closed when their exchange ends."""
        self._retired = True
        self.close_idle()

    def close_idle(self) -> None:
        """Keep none in waiting."""
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @property
    def idle(self) -> int:
        """How many connections wait for work."""
        return len(self._idle)

    def __repr__(self) -> str:
        return f"<EndpointPool {self.name} idle={self.idle}>"


def _client_context(key: EndpointKey) -> ssl.SSLContext:
    """Raises OSError or ssl.SSLError when the CA bundle cannot be read."""
    context = ssl.create_default_context(cafile=key.tls.ca)
    context.set_alpn_protocols(["http/1.1"])
    if not key.tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
