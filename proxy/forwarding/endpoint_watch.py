"""Runs discovery and probes for the upstreams of a snapshot, and says what they know whenever it changes.

One such watch runs for a server. It survives reloads: what asks for an upstream goes on unless its settings changed,
and what is known is kept. Nothing on a request's way waits for it.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from proxy import clock
from proxy.config.model import Endpoint, Snapshot, Upstream
from proxy.forwarding.discovery import Discovery
from proxy.forwarding.known_endpoints import Known, discovered_tls
from proxy.forwarding.prober import Events, Prober
from proxy.forwarding.sources import open_source

GATHER_SECONDS: Final = 0.05
"""News are published at once, but not more often: when a rack dies, that is some news and not a thousand."""

Row = tuple[str, dict[str, str], float]
"""A metric's name, its labels, its value."""


class EndpointWatch:
    """`publish` gets all that is known, by upstream, at each change. `known` is what was, before this process began."""

    def __init__(
        self, publish: Callable[[dict[str, Known]], None], events: Events, known: Mapping[str, Known] | None = None
    ) -> None:
        self._publish = publish
        self._events = events
        self._before = dict(known or {})
        self._watched: dict[str, _Watched] = {}
        self._due: asyncio.TimerHandle | None = None
        self._published_at = -GATHER_SECONDS

    def follow(self, snapshot: Snapshot) -> None:
        """Ask for what this snapshot wants asked, from now on; say what is known."""
        wanted = {name: each for name, each in snapshot.upstreams.items() if each.health or each.discover}
        for name in self._watched.keys() - wanted.keys():
            self._watched.pop(name).stop()
        for name, upstream in wanted.items():
            if name not in self._watched:
                self._watched[name] = _Watched(name, self._tell, self._events, self._before.get(name))
            self._watched[name].take(upstream)
        self._before = {}
        self._tell()

    def known(self) -> dict[str, Known]:
        """By upstream; one that waits for its first answer is not there."""
        found = {name: one.known() for name, one in self._watched.items()}
        return {name: each for name, each in found.items() if each.endpoints}

    def renew_tls(self) -> None:
        """Read CA bundles again."""
        for one in self._watched.values():
            one.prober.renew_tls()

    def stop(self) -> None:
        """End all tasks. Nothing is published any more."""
        if self._due is not None:
            self._due.cancel()
        for one in self._watched.values():
            one.stop()
        self._watched.clear()

    def _tell(self) -> None:
        if self._due is None:
            wait = self._published_at + GATHER_SECONDS - clock.monotonic()
            self._due = asyncio.get_running_loop().call_later(max(wait, 0), self._tell_now)

    def _tell_now(self) -> None:
        self._due = None
        self._published_at = clock.monotonic()
        self._publish(self.known())

    def describe(self) -> dict[str, Any]:
        """By upstream, JSON-able: what discovery and the probes say."""
        now = clock.monotonic()
        return {name: one.describe(now) for name, one in self._watched.items()}

    def rows(self) -> list[Row]:
        """Metrics."""
        return [row for one in self._watched.values() for row in one.rows()]


class _Watched:
    """One upstream."""

    def __init__(self, name: str, tell: Callable[[], None], events: Events, before: Known | None) -> None:
        self._name = name
        self._tell = tell
        self._events = events
        self._before = before
        self._upstream: Upstream | None = None
        self._discovery: Discovery | None = None
        self._following: asyncio.Task[None] | None = None
        self._endpoints: tuple[Endpoint, ...] = ()
        self.prober = Prober(name, tell, events, unhealthy=before.unhealthy if before else ())

    def take(self, upstream: Upstream) -> None:
        """Other settings, or the same. Endpoints that were discovered elsewhere hold until there are others."""
        previous, self._upstream = self._upstream, upstream
        if upstream.discover is None:
            self._end_following()
            self._endpoints = upstream.endpoints
        elif previous is None or previous.discover != upstream.discover:
            self._end_following()
            if self._before is not None and self._before.source == str(upstream.discover):
                self._endpoints = self._before.endpoints
            self._follow(upstream)
        self._before = None
        self._probe()

    def _follow(self, upstream: Upstream) -> None:
        assert upstream.discover is not None
        source = open_source(upstream.discover)
        self._discovery = Discovery(self._name, source, self._endpoints, self._find, self._events)
        self._following = asyncio.create_task(self._discovery.follow())

    def _find(self, endpoints: tuple[Endpoint, ...]) -> None:
        self._endpoints = endpoints
        self._probe()
        self._tell()

    def _probe(self) -> None:
        assert self._upstream is not None
        if self._upstream.health is None:
            self.prober.stop()
        else:
            self.prober.watch(self._endpoints, self._upstream.health, discovered_tls(self._upstream))

    def _end_following(self) -> None:
        if self._following is not None:
            self._following.cancel()
            self._discovery = self._following = None

    def stop(self) -> None:
        self._end_following()
        self.prober.stop()

    def known(self) -> Known:
        assert self._upstream is not None
        return Known(self._endpoints, self.prober.unhealthy, str(self._upstream.discover or ""))

    def describe(self, now: float) -> dict[str, Any]:
        assert self._upstream is not None
        return {
            "source": str(self._upstream.discover) if self._upstream.discover else None,
            "endpoints": [each.url for each in self._endpoints],
            "discovery": self._discovery.describe() if self._discovery else None,
            "health": self.prober.describe(now),
        }

    def rows(self) -> Iterator[Row]:
        label = {"upstream": self._name}
        yield "strangler_endpoints", label, len(self._endpoints)
        if self._discovery is not None:
            yield "strangler_discovery_successful", label, float(self._discovery.failure is None)
            for outcome, count in self._discovery.look_ups.items():
                yield "strangler_discovery_lookups_total", {**label, "outcome": outcome}, count
        assert self._upstream is not None
        if self._upstream.health is not None:
            yield "strangler_endpoints_unhealthy", label, len(self.prober.unhealthy)
            for outcome, count in self.prober.probes.items():
                yield "strangler_health_probes_total", {**label, "outcome": outcome}, count
            for verdict, count in self.prober.changes.items():
                yield "strangler_health_changes_total", {**label, "to": verdict}, count
