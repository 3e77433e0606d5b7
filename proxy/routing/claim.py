"""One match of one route, compiled: what it asks of a request, where it ranks, and what is decided when it wins.

`claims` is the plain definition of a match. The index must give the same answer as asking every claim in rank order.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from proxy.config.model import Route, RouteMatch, Snapshot
from proxy.routing.decision import Decisions, foresee
from proxy.routing.head import Head
from proxy.routing.pattern import Host, Path, parse_path
from proxy.routing.predicate import Condition, Source, compile_conditions
from proxy.routing.rewrite import Rewrite, compile_rewrite
from proxy.routing.split import Lines, Split, compile_lines, compile_split


class Rank(NamedTuple):
    """The order in which matches are asked: the smaller first, compared from the first field to the last."""

    priority: int  # all numbers are negated where more comes first
    host: tuple[int, ...]
    path: tuple[int, ...]
    method: int  # 0 when methods are given
    headers: int  # headers and cookies count alike: a cookie is a header
    queries: int
    order: int  # in the file, so no two are equal


@dataclass(frozen=True, slots=True, eq=False)
class CompiledRoute:
    """A route under one of its matches. Compared by identity: the same object for as long as the snapshot lives."""

    route: Route
    match: RouteMatch
    host: Host
    path: Path
    methods: frozenset[str] | None  # None: any; HEAD is among them where GET includes it
    conditions: tuple[Condition, ...]
    admits: Callable[[Head], bool] | None  # all conditions at once; None when there are none
    rewrite: Rewrite | None
    decisions: Decisions
    split: Split | None  # how its users are divided, at canary
    rank: Rank

    def claims(self, head: Head) -> bool:
        return (
            self.host.matches(head.host)
            and self.path.matches(head.path)
            and (self.methods is None or head.method in self.methods)
            and all(condition.holds(head) for condition in self.conditions)
        )

    def __repr__(self) -> str:
        return f"<CompiledRoute {self.route.name} {self.path.text}>"


def compile_routes(snapshot: Snapshot) -> tuple[CompiledRoute, ...]:
    """Every match of every route, first in rank first. Raises ValueError for a regex or rewrite that cannot work."""
    written = [
        _Written(route, match, Host(match.host), parse_path(match.path))
        for route in snapshot.routes
        for match in route.matches
    ]
    naming_head: dict[object, set[str]] = defaultdict(set)
    for one in written:
        if "HEAD" in one.match.methods:
            naming_head[one.resource].add(one.route.name)
    lines = compile_lines(snapshot.routes)
    claims = [
        _compile(
            one, snapshot.legacy, lines, order,
            others_name_head=bool(naming_head[one.resource] - {one.route.name}),
        )
        for order, one in enumerate(written)
    ]  # fmt: skip
    return tuple(sorted(claims, key=lambda claim: claim.rank))


class _Written(NamedTuple):
    """A match as the file has it, its patterns taken apart."""

    route: Route
    match: RouteMatch
    host: Host
    path: Path

    @property
    def resource(self) -> tuple[object, ...]:
        """Equal for matches that speak of the same host and paths."""
        return (self.host, self.path.shape)


def _compile(written: _Written, legacy: str, lines: Lines, order: int, *, others_name_head: bool) -> CompiledRoute:
    route, match, host, path = written
    rewrite = compile_rewrite(route.rewrite, path)
    conditions = compile_conditions(match)
    return CompiledRoute(
        route=route,
        match=match,
        host=host,
        path=path,
        methods=_methods(match, others_name_head),
        conditions=conditions,
        admits=_all_of(conditions),
        rewrite=rewrite,
        decisions=foresee(route, legacy, rewrites=rewrite is not None),
        split=compile_split(route, lines),
        rank=_rank(written, conditions, order),
    )


def _rank(written: _Written, conditions: tuple[Condition, ...], order: int) -> Rank:
    queries = sum(condition.source is Source.QUERY for condition in conditions)
    return Rank(
        priority=-written.route.priority,
        host=written.host.rank,
        path=written.path.rank,
        method=0 if written.match.methods else 1,
        headers=queries - len(conditions),
        queries=-queries,
        order=order,
    )


def _methods(match: RouteMatch, others_name_head: bool) -> frozenset[str] | None:
    """GET includes HEAD (RFC 9110 section 9.3.2), unless another route speaks of HEAD there."""
    if not match.methods:
        return None
    includes_head = "GET" in match.methods and not others_name_head
    return frozenset(match.methods) | ({"HEAD"} if includes_head else frozenset())


def _all_of(conditions: tuple[Condition, ...]) -> Callable[[Head], bool] | None:
    if not conditions:
        return None
    if len(conditions) == 1:
        return conditions[0].holds
    tests = tuple(condition.holds for condition in conditions)
    return lambda head: all(test(head) for test in tests)
