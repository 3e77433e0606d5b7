"""Warnings about a valid snapshot: what is written and can have no effect, or not the one it seems to have.

Only what can be shown to be so is said; where it is not known whether a route can be reached, nothing is said.
Nothing here makes a file invalid.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from urllib.parse import urlsplit

from proxy.config.errors import Problem
from proxy.config.model import PathKind, Route, Snapshot, Stage
from proxy.config.policy import DEFAULT_BALANCE, DEFAULT_EJECT
from proxy.routing.claim import CompiledRoute
from proxy.routing.expression import never_begins_with_slash
from proxy.routing.head import PlainHead
from proxy.routing.lint_compare import lint_compare
from proxy.routing.reach import unreachable, warning
from proxy.routing.reserved import INTERNAL, is_internal
from proxy.routing.table import RouteTable, compile_table

Rule = Callable[[Snapshot, RouteTable], Iterable[Problem]]


def lint(snapshot: Snapshot, today: date) -> list[Problem]:
    """The warnings for a snapshot, in the order of the file; `today` is what dates in it are compared with."""
    table = compile_table(snapshot)
    found = [problem for rule in _RULES for problem in rule(snapshot, table)]
    found += lint_compare(snapshot, today)
    return sorted(found, key=lambda problem: (problem.place.line, problem.place.column) if problem.place else (0, 0))


def _impossible_regexes(snapshot: Snapshot, table: RouteTable) -> Iterator[Problem]:
    for claim in table.ranked:
        if claim.path.kind is PathKind.REGEX and never_begins_with_slash(claim.path.text):
            yield warning(
                claim.match.place or claim.route.place,
                f"the regex of route {claim.route.name} can never match: every path begins with /",
                "the whole path must match, from its first slash to its end",
            )


def _reserved_paths(snapshot: Snapshot, table: RouteTable) -> Iterator[Problem]:
    for claim in table.ranked:
        segments = claim.path.segments
        if claim.path.kind is not PathKind.REGEX and segments and is_internal(f"/{segments[0]}"):
            yield warning(
                claim.match.place or claim.route.place,
                f"route {claim.route.name} can never be reached: {INTERNAL} and all below is answered 404",
                "what services say among themselves does not pass the public address; choose another path",
            )


def _unused_upstreams(snapshot: Snapshot, table: RouteTable) -> Iterator[Problem]:
    used = {snapshot.legacy} | {route.to for route in snapshot.routes}
    used |= {part.upstream for route in snapshot.routes for part in route.aggregate}
    for upstream in snapshot.upstreams.values():
        if upstream.name not in used:
            yield warning(upstream.place, f"upstream {upstream.name} is not used", "name it in a route's `to`")


def _choices_of_one(snapshot: Snapshot, table: RouteTable) -> Iterator[Problem]:
    for upstream in snapshot.upstreams.values():
        if upstream.discover or len(upstream.endpoints) != 1:
            continue
        given = {
            "balance": upstream.balance != DEFAULT_BALANCE,
            "slow_start": bool(upstream.slow_start),
            "eject": upstream.eject != DEFAULT_EJECT,
        }
        for key in (key for key, there in given.items() if there):
            message = f"{key} of upstream {upstream.name} has no effect: it has one endpoint"
            yield warning(upstream.place, message, "give it targets, or remove the key")


def _service_is_the_monolith(snapshot: Snapshot, table: RouteTable) -> Iterator[Problem]:
    for route in snapshot.routes:
        if route.to == snapshot.legacy:
            yield warning(
                route.place,
                f"route {route.name} goes to {route.to} at every stage: that is the legacy upstream",
                "name the new service in `to`, or leave `to` out",
            )


def _changes_nobody_sees(snapshot: Snapshot, table: RouteTable) -> Iterator[Problem]:
    for route in snapshot.routes:
        edits = {
            "rewrite": route.rewrite is not None,
            "headers": bool(route.request_headers) or bool(route.response_headers),
        }
        given = [name for name, there in edits.items() if there]
        if route.to is None and given:
            yield warning(
                route.place,
                f"{' and '.join(given)} of route {route.name} {'has' if given == ['rewrite'] else 'have'} no effect: "
                "only a service is sent what they change, and the route has no `to`",
                "name a service in `to`, or remove them" if len(given) > 1 else "name a service in `to`, or remove it",
            )


def _circular_redirects(snapshot: Snapshot, table: RouteTable) -> Iterator[Problem]:
    told: set[str] = set()
    for claim in table.ranked:
        route, see = claim.route, claim.route.respond.see
        landed = _land(table, claim, see) if see is not None and _redirects(route) else None
        if landed is None or landed.stage is not Stage.RETIRED or route.name in told:
            continue
        told.add(route.name)
        if landed is route:
            yield warning(
                route.place,
                f"retired route {route.name} sends clients to {see}, which it claims itself: a loop",
                "let `see` name a path outside of the route's own match",
            )
        else:
            yield warning(
                route.place,
                f"retired route {route.name} sends clients to {see}, which route {landed.name} claims, retired as well",
                "let `see` name something that still answers",
            )


def _redirects(route: Route) -> bool:
    return route.stage is Stage.RETIRED and 300 <= route.respond.status < 400


def _land(table: RouteTable, claim: CompiledRoute, see: str) -> Route | None:
    """The route met by a client who follows `see`; None where that leaves this proxy, or is not known."""
    target = urlsplit(see)
    if target.netloc or claim.host.suffix is not None or claim.conditions:
        return None
    keeps_method = claim.route.respond.status in (307, 308)  # RFC 9110 section 15.4.8, 15.4.9
    method = "GET" if not keeps_method or claim.methods is None or "GET" in claim.methods else min(claim.methods)
    landed = table.match(PlainHead(method, target.path or "/", target.query, claim.host.text or ""))
    return landed.route if landed else None


_RULES: tuple[Rule, ...] = (
    unreachable,
    _impossible_regexes,
    _reserved_paths,
    _unused_upstreams,
    _choices_of_one,
    _service_is_the_monolith,
    _changes_nobody_sees,
    _circular_redirects,
)
