"""The route table: which route claims a request.

`match` is asked once for every request and must cost the same for one route and for a thousand. It decides nothing
else: what follows from a match is `decide`'s to say. Priority stands above all, then the host, then the path.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import groupby

from proxy.config.model import Snapshot
from proxy.routing.claim import CompiledRoute, compile_routes
from proxy.routing.head import Head
from proxy.routing.index import PathIndex
from proxy.routing.pattern import Host


class RouteTable:
    """The routes of one snapshot. `ranked` holds every match of every route in the order they are asked."""

    __slots__ = ("_only", "_tiers", "ranked")

    def __init__(self, ranked: tuple[CompiledRoute, ...]) -> None:
        self.ranked = ranked
        self._tiers = [_Tier(tier) for _, tier in groupby(ranked, key=lambda claim: claim.route.priority)]
        # Without hosts and priorities, as most tables are, one index holds everything.
        simple = len(self._tiers) == 1 and self._tiers[0].ignores_hosts
        self._only = self._tiers[0].any_host if simple else None

    def match(self, head: Head) -> CompiledRoute | None:
        """The route that claims the request; None when none does, and the monolith answers by default."""
        if self._only is not None:
            return self._only.match(head, head.method, head.path)
        method, path = head.method, head.path
        for tier in self._tiers:
            for index in tier.indexes(head.host):
                claim = index.match(head, method, path)
                if claim is not None:
                    return claim
        return None

    @property
    def remembered(self) -> int:
        """How many paths are known without a walk, over all hosts and priorities."""
        return sum(index.remembered for tier in self._tiers for index in tier.all())

    def linear_match(self, head: Head) -> CompiledRoute | None:
        """The same answer, found by asking every claim in rank order: the definition that `match` must agree with."""
        return next((claim for claim in self.ranked if claim.claims(head)), None)


class _Tier:
    """The claims of one priority, by host: exact names, then suffixes, longest first, then any."""

    __slots__ = ("_exact", "_suffixes", "any_host")

    def __init__(self, claims: Iterable[CompiledRoute]) -> None:
        by_host: dict[Host, list[CompiledRoute]] = defaultdict(list)
        for claim in claims:
            by_host[claim.host].append(claim)
        indexes = {host: PathIndex(same) for host, same in by_host.items()}
        self.any_host = indexes.pop(Host(None), None)
        self._suffixes = {host.suffix: index for host, index in indexes.items() if host.suffix is not None}
        self._exact = {host.text: index for host, index in indexes.items() if host.suffix is None}

    @property
    def ignores_hosts(self) -> bool:
        return not self._exact and not self._suffixes

    def all(self) -> Iterator[PathIndex]:
        yield from self._exact.values()
        yield from self._suffixes.values()
        if self.any_host is not None:
            yield self.any_host

    def indexes(self, host: str) -> Iterator[PathIndex]:
        if host in self._exact:
            yield self._exact[host]
        if self._suffixes:
            dot = host.find(".", 1)  # a wildcard stands for at least one character
            while dot > 0:
                if host[dot:] in self._suffixes:
                    yield self._suffixes[host[dot:]]
                dot = host.find(".", dot + 1)
        if self.any_host is not None:
            yield self.any_host


def compile_table(snapshot: Snapshot) -> RouteTable:
    """Raises ValueError for a regex or a rewrite that cannot work; a snapshot that was loaded has none."""
    return RouteTable(compile_routes(snapshot))
