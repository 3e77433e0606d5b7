"""Upstreams as the data path sees them: their endpoints, and what guards them.

What is live (pools with what is known of their endpoints, breakers, bulkheads, budgets) outlives every snapshot; a
`UpstreamGroup` is one snapshot's view of it. Limits are for the whole server: each of N workers has an N-th of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, inf
from typing import TYPE_CHECKING, Any, Final

from proxy import clock
from proxy.config.model import Endpoint as Address
from proxy.config.model import HostHeader, Snapshot, Timeouts, Upstream
from proxy.config.policy import BalanceBy, Retry
from proxy.config.policy import Breaker as BreakerPolicy
from proxy.config.policy import Conditions as Written
from proxy.forwarding.known_endpoints import discovered_tls
from proxy.forwarding.limits import key_of
from proxy.forwarding.pool import EndpointKey, EndpointPool
from proxy.forwarding.shadowing import OWN, for_copies
from proxy.observability.counters import Counters
from proxy.resilience.attempts import Means, RetrySettings
from proxy.resilience.balancing import Balancer, ConsistentHash, LeastRequests, RoundRobin
from proxy.resilience.breaker import Breaker, BreakerSettings
from proxy.resilience.bulkhead import Bulkhead
from proxy.resilience.endpoint import Endpoint
from proxy.resilience.health import Ejector, EjectSettings
from proxy.resilience.outcome import Conditions
from proxy.resilience.retry import FLOOR, Budget
from proxy.runtime.registry import Registry

if TYPE_CHECKING:
    from proxy.forwarding.passage import Passage

ONE_TRY: Final = Retry(attempts=1)
ANOTHER_ENDPOINT: Final = Retry()
"""Without the key `retry`: where there are several endpoints another one is asked, else nobody."""


@dataclass(frozen=True, slots=True)
class Seconds:
    """Timeouts of an upstream in seconds."""

    connect: float
    response: float
    idle: float
    total: float
    wait: float  # for a place in the bulkhead

    @classmethod
    def of(cls, upstream: Upstream) -> Seconds:
        timeouts: Timeouts = upstream.timeouts
        return cls(
            timeouts.connect.total_seconds(),
            timeouts.response.total_seconds(),
            timeouts.idle.total_seconds(),
            inf if timeouts.total is None else timeouts.total.total_seconds(),
            upstream.bulkhead.max_wait.total_seconds() if upstream.bulkhead else 0.0,
        )


NO_LIMITS: Final = Seconds(inf, inf, inf, inf, inf)


class Guards:
    """What is kept of one upstream over all snapshots; what its settings do not name is not there."""

    breaker: Breaker | None = None
    bulkhead: Bulkhead[Passage] | None = None

    def __init__(self) -> None:
        self.budget = Budget()

    def adapt(self, upstream: Upstream, workers: int) -> list[Passage]:
        """Take the settings of another snapshot, keep the state; who may enter by that."""
        self.budget.reconfigure(_retry(upstream).budget, FLOOR / workers)
        if upstream.breaker is None:
            self.breaker = None
        elif self.breaker is None:
            self.breaker = Breaker(_breaker_settings(upstream.breaker))
        else:
            self.breaker.reconfigure(_breaker_settings(upstream.breaker))
        return self._adapt_bulkhead(upstream, workers)

    def _adapt_bulkhead(self, upstream: Upstream, workers: int) -> list[Passage]:
        written = upstream.bulkhead
        if written is None:
            self.bulkhead = None  # whoever waits in the old one gets its place there
            return []
        most, queue = ceil(written.max_in_flight / workers), ceil(written.queue / workers)
        if self.bulkhead is None:
            self.bulkhead = Bulkhead(most, queue)
            return []
        return self.bulkhead.reconfigure(most, queue)


class UpstreamGroup:
    """An upstream of one snapshot. Without guards, and with one endpoint, a request goes straight to `only`."""

    balancer: Balancer
    ejector: Ejector

    def __init__(self, upstream: Upstream, guards: Guards) -> None:
        self.name = upstream.name
        self.upstream = upstream
        self.seconds = Seconds.of(upstream)
        self.own_host = upstream.host is HostHeader.UPSTREAM
        self.breaker = guards.breaker
        self.bulkhead = guards.bulkhead
        self.budget = guards.budget
        self.breaks_on = compiled(upstream.breaker.on) if upstream.breaker else Conditions()
        self.key_of = key_of(upstream.balance.key) if upstream.balance.key else None
        retry = _retry(upstream)
        self._retrying = RetrySettings(retry.attempts, retry.backoff.total_seconds(), compiled(retry.on))
        self.retries = retry.attempts > 1
        self.retried_statuses = self._retrying.on.statuses if self.retries else frozenset()
        self.pools: Mapping[Endpoint, EndpointPool] = {}

    def use(self, pools: Iterable[EndpointPool]) -> None:
        """Ask these endpoints from now on."""
        self.pools = {pool.state: pool for pool in pools}
        states = tuple(self.pools)
        written = self.upstream.eject
        self.ejector = Ejector(EjectSettings(written.after, written.base.total_seconds(), written.max_share), states)
        self.balancer = _balancer(self.upstream, states)
        self.means = Means(self._retrying, self.budget, self.balancer, clock.draw)
        guarded = self.retries or self.breaker is not None or self.bulkhead is not None or len(states) != 1
        self.only = None if guarded else next(iter(self.pools.values()))

    def describe(self, now: float) -> dict[str, Any]:
        """JSON-able."""
        return {
            "name": self.name,
            "breaker": None if self.breaker is None else self.breaker.describe(now),
            "bulkhead": None if self.bulkhead is None else self.bulkhead.describe(),
            "retries": self.budget.describe(now) if self.retries else None,
            "endpoints": [state.describe(now) for state in self.pools],
        }


class Upstreams:
    """All that is live behind the data path of one process."""

    def __init__(self, counters: Counters, workers: int, now: Callable[[], float]) -> None:
        self._counters = counters
        self._now = now
        self._workers = workers
        self._pools: Registry[EndpointKey, EndpointPool] = Registry(self._open_pool, EndpointPool.retire)
        self._guards: Registry[str, Guards] = Registry(lambda _: Guards(), lambda _: None)
        self._found: dict[str, tuple[tuple[Address, ...], frozenset[str]]] = {}
        self.groups: dict[str, UpstreamGroup] = {}

    def take(self, snapshot: Snapshot) -> dict[str, UpstreamGroup]:
        """The groups of a snapshot. Raises OSError when a CA bundle cannot be read; then nothing has changed."""
        upstreams = {**snapshot.upstreams, **for_copies(snapshot)}
        keys = self._keys(upstreams)
        live = self._pools.reconcile(dict.fromkeys(key for each in keys.values() for key in each))
        guards = self._guards.reconcile(upstreams)
        self._found = {name: found for name, found in self._found.items() if name in upstreams}
        woken = [one for name, upstream in upstreams.items() for one in guards[name].adapt(upstream, self._workers)]
        self.groups = {name: UpstreamGroup(upstream, guards[name]) for name, upstream in upstreams.items()}
        self._fill(keys, live)
        for passage in woken:
            passage.wake()
        return self.groups

    def apply(self, found: Mapping[str, tuple[Sequence[Address], frozenset[str]]]) -> None:
        """What discovery and probes say: by upstream, its endpoints, and the URLs of those that are not well.

        An upstream with endpoints of its own keeps these. One of which nothing is said keeps those it had: who knows
        nothing yet takes nothing away.
        """
        before = {name: (addresses, frozenset[str]()) for name, (addresses, _) in self._found.items()}
        said = {name: (tuple(each), bad) for name, (each, bad) in found.items() if name in self.groups}
        self._found = before | said
        keys = self._keys({name: group.upstream for name, group in self.groups.items()})
        self._fill(keys, self._pools.reconcile(dict.fromkeys(key for each in keys.values() for key in each)))

    def _keys(self, upstreams: Mapping[str, Upstream]) -> dict[str, tuple[EndpointKey, ...]]:
        return {
            name: tuple(EndpointKey(address, tls, name) for address in self._addresses(upstream))
            for name, upstream in upstreams.items()
            for tls in (discovered_tls(upstream),)
        }

    def _addresses(self, upstream: Upstream) -> tuple[Address, ...]:
        return upstream.endpoints or self._found.get(upstream.name.removesuffix(OWN), ((), frozenset()))[0]

    def _fill(self, keys: Mapping[str, Sequence[EndpointKey]], live: Mapping[EndpointKey, EndpointPool]) -> None:
        now = self._now()
        for name, group in self.groups.items():
            found = self._found.get(name.removesuffix(OWN))
            unhealthy = found[1] if found and group.upstream.health else frozenset()
            pools = [live[key] for key in keys[name]]
            for pool in pools:
                pool.state.set_healthy(pool.name not in unhealthy, now)
            group.use(pools)

    def _open_pool(self, key: EndpointKey) -> EndpointPool:
        return EndpointPool(key, self._counters, self._now, self._make_room)

    def _make_room(self) -> None:
        for pool in self.pools():
            pool.close_idle()

    def tell(self, now: float) -> None:
        """Once a second: what was only counted on the requests' way goes into the windows it belongs to."""
        for group in self.groups.values():
            group.budget.tell(now)
            if group.breaker is not None:
                group.breaker.tell(now)

    def pools(self) -> Iterable[EndpointPool]:
        return self._pools.values()

    def describe(self, now: float) -> list[dict[str, Any]]:
        """JSON-able."""
        return [group.describe(now) for group in self.groups.values()]


def compiled(conditions: Written) -> Conditions:
    """Conditions of the file as the mechanisms test them."""
    return Conditions(conditions.errors, conditions.statuses)


def _retry(upstream: Upstream) -> Retry:
    several = upstream.discover is not None or len(upstream.endpoints) > 1
    return upstream.retry or (ANOTHER_ENDPOINT if several else ONE_TRY)


def _breaker_settings(written: BreakerPolicy) -> BreakerSettings:
    return BreakerSettings(
        written.open_at, written.window.total_seconds(), written.min_requests, written.try_again_after.total_seconds()
    )


def _balancer(upstream: Upstream, states: Sequence[Endpoint]) -> Balancer:
    slow_start = upstream.slow_start.total_seconds()
    match upstream.balance.by:
        case BalanceBy.ROUND_ROBIN:
            return RoundRobin(states, clock.draw, slow_start)
        case BalanceBy.CONSISTENT_HASH:
            return ConsistentHash(states, slow_start)
        case _:
            return LeastRequests(states, clock.draw, slow_start)
