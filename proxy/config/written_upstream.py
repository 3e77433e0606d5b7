"""An upstream as a user writes it: where it is, how it is asked, and what happens when it does not answer."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from proxy.config.model import HostHeader, Timeouts, Upstream, UpstreamTls
from proxy.config.policy import Balance, BalanceBy, Breaker, Bulkhead, Eject, HealthCheck, Retry
from proxy.config.written_kinds import (
    Attempts,
    BalanceChoice,
    ClientKey,
    ConditionList,
    Count,
    DiscoverUrl,
    Flag,
    HealthPath,
    HostChoice,
    HostName,
    InARow,
    Interval,
    Queue,
    ResolverAddress,
    Section,
    Share,
    ShareAboveZero,
    StatusRange,
    Text,
    Timeout,
    Url,
    Wait,
    Window,
    conditions,
    in_percent,
    shared,
)
from proxy.config.written_moving import SyncSection


class TimeoutSection(Section):
    connect: Timeout = Timeouts().connect
    """Time to connect, TLS included (504)."""
    response: Timeout = Timeouts().response
    """Time from the request's last byte to the response's head (504)."""
    idle: Timeout = Timeouts().idle
    """Longest silence within a body or a stream."""
    total: Timeout | None = Timeouts().total
    """Time for the whole exchange, every try and the pauses between them included (504); without it, no limit."""


def _long_timeout(value: object) -> object:
    return value if isinstance(value, dict | list) else {"response": value}


class UpstreamTlsSection(Section):
    ca: Text | None = None
    """PEM file of the authorities to trust; without it, the system's."""
    verify: Flag = UpstreamTls().verify
    """Check the upstream's certificate. Turn it off for a test, never for a network."""
    server_name: HostName | None = None
    """Name to ask for and to check, when it is not the URL's host."""


class RetrySection(Section):
    attempts: Attempts = Retry().attempts
    """How often an upstream is asked at most, the first time included; 1 turns retries off."""
    backoff: Wait = Retry().backoff
    """Longest pause before the second try; drawn anew each time, doubled with each try, at most 10 times this."""
    budget: Share = in_percent(Retry().budget)
    """Retries in 10 s, as a share of the requests in that time; 10 a second are always allowed."""
    on: ConditionList = conditions(Retry().on)
    """What is tried again: connect_error, timeout, reset, a status (503) or a class (5xx)."""


class BreakerSection(Section):
    open_at: ShareAboveZero = in_percent(Breaker().open_at)
    """Share of failures in the window at which the upstream is no longer asked (503, or the fallback)."""
    window: Window = Breaker().window
    """How far back failures are counted."""
    min_requests: Count = Breaker().min_requests
    """Requests in the window below which nothing is judged."""
    try_again_after: Interval = Breaker().try_again_after
    """How long the upstream is left alone before one request tries it again."""
    on: ConditionList = conditions(Breaker().on)
    """What counts as a failure: connect_error, timeout, reset, a status (503) or a class (5xx)."""


class EjectSection(Section):
    after: InARow = Eject().after
    """Failures in a row after which an endpoint is left out for a while."""
    base: Interval = Eject().base
    """How long, the first time; longer each time it fails again."""
    max_share: Share = in_percent(Eject().max_share)
    """Share of the endpoints that may be left out at one time; 0% turns ejection off."""


class BulkheadSection(Section):
    max_in_flight: Count
    """Requests to this upstream at one time, all workers together."""
    queue: Queue = 0
    """Requests that may wait for their turn; above it 503 at once."""
    max_wait: Timeout = Bulkhead(1).max_wait
    """How long one waits before it is answered 503."""


class BalanceSection(Section):
    by: BalanceChoice = BalanceBy.LEAST_REQUESTS
    """Who is asked: the less busy of two drawn at random, each in turn, or always the same for one key."""
    key: ClientKey | None = Balance().key
    """What consistent_hash goes by: ip, { header: X } or { cookie: X }."""


def _long_balance(value: object) -> object:
    return value if isinstance(value, dict | list) else {"by": value}


def _list_of_statuses(value: object) -> object:
    return value if isinstance(value, list) else [value]


class HealthSection(Section):
    path: HealthPath
    """What each endpoint is asked for with GET, such as /healthz."""
    every: Interval = HealthCheck("").every
    """How often."""
    timeout: Interval = HealthCheck("").timeout
    """How long an answer may take."""
    rise: InARow = HealthCheck("").rise
    """Good answers in a row that bring an endpoint back."""
    fall: InARow = HealthCheck("").fall
    """Bad answers in a row that take it out."""
    expect: Annotated[
        list[StatusRange],
        BeforeValidator(_list_of_statuses, json_schema_input_type=StatusRange | list[StatusRange]),
        Field(min_length=1),
    ] = Field(default_factory=lambda: list(HealthCheck("").expect), json_schema_extra={"default": "200-399"})
    """Statuses that are good: 200, 2xx, 200-399, or a list of those."""


class DiscoverSection(Section):
    url: DiscoverUrl
    """srv://NAME or dns://NAME:PORT, asked again on their TTL; file:///PATH or a .yaml file, read when it changes."""
    resolver: ResolverAddress | None = None
    """DNS server to ask, IP:port; without it, the system's."""


def _long_discover(value: object) -> object:
    return value if isinstance(value, dict | list) else {"url": value}


class UpstreamSection(Section):
    url: Url | None = None
    """Address of the one endpoint. A path in it is put before the request's path."""
    targets: Annotated[list[Url], Field(min_length=1)] | None = None
    """Addresses of several endpoints; instead of url."""
    discover: (
        Annotated[
            DiscoverSection, BeforeValidator(_long_discover, json_schema_input_type=DiscoverUrl | DiscoverSection)
        ]
        | None
    ) = None
    """Where the endpoints are found, instead of url and targets: srv://…, dns://…, file:///… or a .yaml file."""
    timeout: Annotated[
        TimeoutSection, BeforeValidator(_long_timeout, json_schema_input_type=Timeout | TimeoutSection)
    ] = shared(TimeoutSection())
    """How long this upstream may take; one duration alone is timeout.response."""
    tls: UpstreamTlsSection | None = None
    """How an https upstream is verified."""
    host: HostChoice = HostHeader.KEEP
    """Which Host header it gets: the client's (keep) or its own authority (upstream)."""
    retry: RetrySection | None = None
    """Asking again after a failure. Without it: twice where there is another endpoint to ask, else once."""
    breaker: BreakerSection | None = None
    """Leaving the upstream alone when too much of what it is asked fails."""
    eject: EjectSection = shared(EjectSection())
    """Leaving out single endpoints that fail."""
    bulkhead: BulkheadSection | None = None
    """How many requests this upstream may hold, so that it cannot take those of the others down with it."""
    balance: Annotated[
        BalanceSection, BeforeValidator(_long_balance, json_schema_input_type=BalanceChoice | BalanceSection)
    ] = shared(BalanceSection())
    """Which endpoint is asked: least_requests, round_robin, or { by: consistent_hash, key: … }."""
    slow_start: Wait = Upstream("", ()).slow_start
    """How long an endpoint that is new, or back, is given less than its share."""
    health: HealthSection | None = None
    """Asking each endpoint whether it is well."""
    sync: SyncSection | None = None
    """Where it tells who writes what, and is told. A handover needs it, of the monolith and of the service."""
    sandboxed: Flag = Upstream("", ()).sandboxed
    """Whether what it is asked to write stays without effect: only such an upstream is ever sent copies of writes."""
