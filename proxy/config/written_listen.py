"""The `listen` section as a user writes it."""

from proxy.config.model import Limits, Listen
from proxy.config.written_kinds import (
    BodySize,
    Count,
    Flag,
    HeadSize,
    ListenAddress,
    Network,
    Section,
    Text,
    Timeout,
    Wait,
    in_bytes,
    shared,
)


class LimitsSection(Section):
    head: HeadSize = in_bytes(Limits().head_bytes)
    """Largest request head: request line and header lines together (431 above it)."""
    body: BodySize = in_bytes(Limits().body_bytes)
    """Largest request body (413 above it); a route's own limits.body goes before it."""
    head_timeout: Timeout = Limits().head_timeout
    """Time from the first byte of a request head to its last (408)."""
    idle_timeout: Timeout = Limits().idle_timeout
    """How long a client's connection may stay open without a request."""
    connections: Count = Limits().connections
    """Client connections at one time, all workers together (503 above it)."""


class ListenTlsSection(Section):
    certificate: Text
    """PEM file with the certificate and its chain."""
    key: Text
    """PEM file with the private key."""


class ListenSection(Section):
    public: ListenAddress = Listen().public
    """host:port for users."""
    console: ListenAddress = Listen().console
    """host:port for operators: admin API, /metrics, /livez, /readyz."""
    trusted_proxies: list[Network] = shared([])
    """Networks whose X-Forwarded-* headers are believed and extended; from all others they are replaced."""
    trusted_callers: list[Network] = shared([])
    """Networks of clients that may choose a side with X-Strangler-Side and are told the decision."""
    tls: ListenTlsSection | None = None
    """Serve HTTPS on the public address."""
    limits: LimitsSection = shared(LimitsSection())
    """What one client, and all together, may take."""
    allow_encoded_slash: Flag = Listen().allow_encoded_slash
    """Let %2F in a path through undecoded, instead of refusing it with 400."""
    drain_delay: Wait = Listen().drain_delay
    """On shutdown, how long /readyz says 503 before the proxy stops accepting."""
    drain_timeout: Wait = Listen().drain_timeout
    """On shutdown, how long requests in flight may take to end."""
    stream_drain: Wait = Listen().stream_drain
    """After a route changed sides, how long its WebSockets and event streams may stay on the side they began on."""
