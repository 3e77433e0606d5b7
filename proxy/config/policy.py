"""How routes.yaml wants upstreams treated that fail, stall or flap: retries, breaker, bulkhead and the like.

Settings alone, validated, with units resolved: shares are 0..1, durations timedelta. The mechanisms that follow them
live in `proxy.resilience`, which knows nothing of this package.
"""

import math
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class ErrorCondition(StrEnum):
    """What may go wrong with an attempt before it has a whole response head."""

    CONNECT_ERROR = "connect_error"
    TIMEOUT = "timeout"
    RESET = "reset"


@dataclass(frozen=True, slots=True)
class Conditions:
    """Which outcomes count: the closed list of `retry.on`, `breaker.on` and `fallback.on`."""

    errors: tuple[ErrorCondition, ...] = ()
    statuses: tuple[int, ...] = ()  # sorted, each once


_AWAY = (502, 503, 504)  # what proxies in front of a service say when it cannot be reached


@dataclass(frozen=True, slots=True)
class Retry:
    """Who may be asked again, how often, and how much of that an upstream bears."""

    attempts: int = 2  # all tries, the first one included
    backoff: timedelta = timedelta(milliseconds=25)  # full jitter, doubled with each try, at most 10 x this
    budget: float = 0.2  # share of the requests of the last 10 s
    on: Conditions = Conditions((ErrorCondition.CONNECT_ERROR, ErrorCondition.RESET), _AWAY)


@dataclass(frozen=True, slots=True)
class Breaker:
    """When an upstream is left alone, and for how long."""

    open_at: float = 0.5  # share of failures in the window
    window: timedelta = timedelta(seconds=10)
    min_requests: int = 20  # in the window; below it nothing is judged
    try_again_after: timedelta = timedelta(seconds=5)
    on: Conditions = Conditions(tuple(ErrorCondition), tuple(range(500, 600)))


@dataclass(frozen=True, slots=True)
class Eject:
    """When one endpoint of several is left out."""

    after: int = 5  # failures in a row
    base: timedelta = timedelta(seconds=5)  # grows with each time in a row
    max_share: float = 0.5  # of an upstream's endpoints; 0: never


DEFAULT_EJECT = Eject()


@dataclass(frozen=True, slots=True)
class Bulkhead:
    """How much of us an upstream may hold at one time; all workers together."""

    max_in_flight: int
    queue: int = 0
    max_wait: timedelta = timedelta(seconds=1)


class KeyKind(StrEnum):
    """What tells one client from another."""

    IP = "ip"
    HEADER = "header"
    COOKIE = "cookie"


@dataclass(frozen=True, slots=True)
class Key:
    """A client's key. `name` is that of the header (lower case) or the cookie, and None for `ip`."""

    kind: KeyKind = KeyKind.IP
    name: str | None = None


class BalanceBy(StrEnum):
    """How one of several endpoints is chosen."""

    LEAST_REQUESTS = "least_requests"
    ROUND_ROBIN = "round_robin"
    CONSISTENT_HASH = "consistent_hash"


@dataclass(frozen=True, slots=True)
class Balance:
    """`key` is set with `consistent_hash`, and only then."""

    by: BalanceBy = BalanceBy.LEAST_REQUESTS
    key: Key | None = None


DEFAULT_BALANCE = Balance()


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """How an endpoint is asked whether it is well: GET `path`, with our own prefix of its URL before it."""

    path: str
    every: timedelta = timedelta(seconds=5)
    timeout: timedelta = timedelta(seconds=2)
    rise: int = 2  # good answers in a row that bring an endpoint back
    fall: int = 3  # bad ones in a row that take it out
    expect: tuple[tuple[int, int], ...] = ((200, 399),)  # statuses that are good: first and last of each range


@dataclass(frozen=True, slots=True)
class Fallback:
    """When the monolith answers in the service's place. What the service is not even asked always counts."""

    on: Conditions = Conditions(tuple(ErrorCondition), _AWAY)
    methods: tuple[str, ...] = ("GET", "HEAD")  # safe ones only: a write never falls back
    budget: float = 1.0  # share of the route's requests of the last 10 s


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A token bucket for each client key; all workers together."""

    rate: float  # requests a second
    burst: int  # requests at once, after a time without any
    key: Key = Key()


def default_burst(rate: float) -> int:
    """What `rate` (a second) lets through in a second, and one at least."""
    return max(1, math.ceil(rate))


@dataclass(frozen=True, slots=True)
class AggregatePart:
    """One part of a composed answer, mounted under `name`."""

    name: str
    upstream: str
    get: str  # path and query; {name} is a segment of the route's path, {query.name} a value of its query
    required: bool = False
    timeout: timedelta | None = None  # None: the upstream's own
    default: object = None  # JSON value in the place of a part that failed
