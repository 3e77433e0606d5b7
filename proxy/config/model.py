"""The immutable form of routes.yaml: what was written, validated, with units resolved.

A `Snapshot` is plain data: no sockets, no compiled expressions, no state. It crosses process borders as JSON
(`dump_snapshot`, `load_snapshot`) and is compared by `revision`, the hash of the text it came from.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

from proxy.config.compare import DEFAULT_COMPARE, Compare, Shadow
from proxy.config.moving import DEFAULT_MOVING, Moving, Sync
from proxy.config.place import Place
from proxy.config.policy import (
    DEFAULT_BALANCE,
    DEFAULT_EJECT,
    AggregatePart,
    Balance,
    Breaker,
    Bulkhead,
    Eject,
    Fallback,
    HealthCheck,
    RateLimit,
    Retry,
)

DEFAULT_ROUTE = "default"
"""Name, in logs and metrics, of what no route claims. No route may bear it."""


class Stage(StrEnum):
    """A route's place on the road from the monolith to a service."""

    LEGACY = "legacy"
    SHADOW = "shadow"
    CANARY = "canary"
    CUTOVER = "cutover"
    RETIRED = "retired"


class PathKind(StrEnum):
    """How a path pattern is read; the order is that of precedence."""

    EXACT = "exact"
    TEMPLATE = "template"
    PREFIX = "prefix"
    REGEX = "regex"


class HostHeader(StrEnum):
    """Which Host an upstream is sent: the client's, or its own authority."""

    KEEP = "keep"
    UPSTREAM = "upstream"


class AccessLog(StrEnum):
    """Which requests leave a line: every one, those that failed (status >= 500 or refused by us), none."""

    ON = "on"
    ERRORS = "errors"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Address:
    """A socket address to listen on. Port 0 lets the system choose one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class ListenTls:
    """Certificate chain and key of the public listener: paths of PEM files, absolute."""

    certificate: str
    key: str


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may take of us. Sizes in bytes; `connections` is for the whole server, all workers together."""

    head_bytes: int = 32 * 1024  # nginx allows 4 x 8 KiB, Envoy 60 KiB
    body_bytes: int = 100 * 1024 * 1024
    head_timeout: timedelta = timedelta(seconds=10)  # from a connection's first byte of a head to its last
    idle_timeout: timedelta = timedelta(seconds=75)  # nginx's keepalive_timeout
    connections: int = 20_000


@dataclass(frozen=True, slots=True)
class Listen:
    """Where we serve, whom we believe, and how we stop."""

    public: Address = Address("127.0.0.1", 8080)
    console: Address = Address("127.0.0.1", 8081)
    trusted_proxies: tuple[str, ...] = ()  # networks in CIDR form
    trusted_callers: tuple[str, ...] = ()  # networks in CIDR form
    tls: ListenTls | None = None
    limits: Limits = Limits()
    allow_encoded_slash: bool = False
    drain_delay: timedelta = timedelta(0)
    drain_timeout: timedelta = timedelta(seconds=30)
    stream_drain: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long an upstream may take: to connect, to send its response head, and between two reads of a body."""

    connect: timedelta = timedelta(seconds=2)
    response: timedelta = timedelta(seconds=30)
    idle: timedelta = timedelta(seconds=100)
    total: timedelta | None = None  # from the request's head to the response's end, tries and pauses included


@dataclass(frozen=True, slots=True)
class UpstreamTls:
    """How an https upstream is verified. `ca` is the absolute path of a PEM bundle; None is the system's."""

    ca: str | None = None
    verify: bool = True
    server_name: str | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address of an upstream. `prefix` is the path part of its URL, without a trailing slash."""

    scheme: str  # http | https
    host: str
    port: int
    prefix: str = ""

    @property
    def authority(self) -> str:
        """Host and port as a Host header says them: the scheme's default port left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = 443 if self.scheme == "https" else 80
        return host if self.port == default else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.prefix}"


class DiscoverKind(StrEnum):
    """Who knows an upstream's endpoints."""

    SRV = "srv"
    DNS = "dns"
    FILE = "file"


MAX_ENDPOINTS = 1000  # that one upstream may discover: each is a pool of connections in every worker


@dataclass(frozen=True, slots=True)
class Discover:
    """Where endpoints come from. `srv` has a name; `dns` a name and a port; `file` an absolute path."""

    kind: DiscoverKind
    name: str = ""
    port: int = 0
    path: str = ""
    resolver: Address | None = None  # a DNS server; None asks those of the system
    scheme: str = "http"  # of what srv and dns find: https when the upstream has `tls`

    def __str__(self) -> str:
        port = f":{self.port}" if self.kind is DiscoverKind.DNS else ""
        return f"{self.kind}://{self.path or self.name}{port}"


@dataclass(frozen=True, slots=True)
class Upstream:
    """A named service. `endpoints` is empty when `discover` finds them."""

    name: str
    endpoints: tuple[Endpoint, ...]
    timeouts: Timeouts = Timeouts()
    tls: UpstreamTls = UpstreamTls()
    host: HostHeader = HostHeader.KEEP
    retry: Retry | None = None  # None: two attempts where there is another endpoint to ask, else one
    breaker: Breaker | None = None
    eject: Eject = DEFAULT_EJECT
    bulkhead: Bulkhead | None = None
    balance: Balance = DEFAULT_BALANCE
    slow_start: timedelta = timedelta(0)
    health: HealthCheck | None = None
    discover: Discover | None = None
    sync: Sync | None = None
    sandboxed: bool = False  # whether what it is asked to write may be written for nothing
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class PathPattern:
    """A path condition. `text` is as written: `/a/b`, `/a/{id}`, `/a/**`, or a regular expression for `regex`."""

    kind: PathKind
    text: str


@dataclass(frozen=True, slots=True)
class ValuePredicate:
    """A condition on a named value (header, query key, cookie); exactly one of the three is set."""

    name: str
    exact: str | None = None
    regex: str | None = None
    present: bool | None = None


@dataclass(frozen=True, slots=True)
class RouteMatch:
    """Conditions that all must hold. An empty tuple, or None, does not restrict."""

    path: PathPattern | None = None
    host: str | None = None  # lower case, `*.example.com` allowed
    methods: tuple[str, ...] = ()
    headers: tuple[ValuePredicate, ...] = ()
    query: tuple[ValuePredicate, ...] = ()
    cookies: tuple[ValuePredicate, ...] = ()
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class PathRewrite:
    """What the service gets instead of the client's path: a template, or a new literal prefix before `/**`."""

    path: str | None = None
    prefix: str | None = None


@dataclass(frozen=True, slots=True)
class HeaderEdits:
    """Applied in the order remove, set, add."""

    set: tuple[tuple[str, str], ...] = ()
    add: tuple[tuple[str, str], ...] = ()
    remove: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.set or self.add or self.remove)


@dataclass(frozen=True, slots=True)
class Respond:
    """The answer of a retired route: 410, or a redirect to `see` when `status` is 3xx."""

    status: int = 410
    deprecated: date | None = None
    sunset: date | None = None
    see: str | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """One line of the migration: which requests, which service, how far it has come."""

    name: str
    matches: tuple[RouteMatch, ...]
    to: str | None = None
    stage: Stage = Stage.LEGACY
    priority: int = 0
    rewrite: PathRewrite | None = None
    request_headers: HeaderEdits = HeaderEdits()
    response_headers: HeaderEdits = HeaderEdits()
    respond: Respond = Respond()
    upgrades: tuple[str, ...] = ()  # tokens other than websocket, lower case
    body_bytes: int | None = None  # overrides listen.limits.body
    fallback: Fallback | None = None
    rate_limit: RateLimit | None = None
    aggregate: tuple[AggregatePart, ...] = ()  # in the order of the answer; such a route has no `to`
    shadow: Shadow | None = None  # always there at shadow and canary; at cutover the monolith is the one shadowed
    compare: Compare = DEFAULT_COMPARE
    moving: Moving = DEFAULT_MOVING
    group: str | None = None
    owner: str | None = None
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A whole, valid routes.yaml. `upstreams[legacy]` always exists."""

    revision: str
    listen: Listen
    upstreams: dict[str, Upstream]
    legacy: str
    routes: tuple[Route, ...] = ()
    access_log: AccessLog = AccessLog.ERRORS
    state_dir: str = ".strangler"  # absolute once loaded from a file
    sources: tuple[str, ...] = field(default=())  # files the text came from
