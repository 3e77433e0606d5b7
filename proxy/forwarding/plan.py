"""What a snapshot means to the data path: everything that can be worked out before a request comes, worked out.

One `Plan` for each decision that can be made, found by the decision itself. An `Active` is never changed; a reload
makes another and swaps it in by one assignment, and a request keeps the one it began with.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from email.utils import format_datetime
from itertools import count

from proxy.config.model import AccessLog, HostHeader, Respond, Snapshot, Stage, Timeouts, Upstream
from proxy.forwarding.pool import EndpointKey, EndpointPool
from proxy.observability.counters import Counters, RouteStats
from proxy.routing.claim import CompiledRoute
from proxy.routing.decision import Decision, Side, by_default
from proxy.routing.rewrite import Rewrite
from proxy.routing.table import RouteTable
from proxy.runtime.registry import Registry
from proxy.wire.forwarded import Networks
from proxy.wire.problem import REASONS, LocalAnswer
from proxy.wire.response import ResponseHead
from proxy.wire.rewrite import LineEdits

Pools = Registry[EndpointKey, EndpointPool]


@dataclass(frozen=True, slots=True)
class Seconds:
    """Timeouts of an upstream in seconds."""

    connect: float
    response: float
    idle: float

    @classmethod
    def of(cls, timeouts: Timeouts) -> "Seconds":
        return cls(timeouts.connect.total_seconds(), timeouts.response.total_seconds(), timeouts.idle.total_seconds())


class UpstreamGroup:
    """The endpoints of one upstream, asked in turn."""

    def __init__(self, upstream: Upstream, pools: tuple[EndpointPool, ...]) -> None:
        self.name = upstream.name
        self.pools = pools
        self.only = pools[0] if len(pools) == 1 else None
        self.seconds = Seconds.of(upstream.timeouts)
        self.own_host = upstream.host is HostHeader.UPSTREAM
        self._turns = count()

    def choose(self) -> EndpointPool:
        return self.pools[next(self._turns) % len(self.pools)]


@dataclass(slots=True, eq=False)
class Plan:
    """How requests with one decision are carried out."""

    decision: Decision
    stats: RouteStats
    body_bytes: int
    group: UpstreamGroup | None = None
    rewrite: Rewrite | None = None
    prefixes: tuple[bytes, bytes] | None = None  # the service's path prefix, and the public one it stands for
    request_edits: LineEdits | None = None
    response_edits: LineEdits | None = None
    edits_request: bool = False  # whether `request_edits`, or the upstream's own host, change requests
    edits: bool = False  # whether `split` or `response_edits` change answers
    last_answer: tuple[ResponseHead, ResponseHead] | None = None  # the last head that was edited, and its edited form
    split: bool = False  # permanent redirects and shared caching would outlive a rollback
    upgrades: frozenset[bytes] = frozenset({b"websocket"})
    answer: LocalAnswer | None = None


@dataclass(slots=True, eq=False)
class Active:
    """A snapshot in use."""

    snapshot: Snapshot
    table: RouteTable
    default: Plan
    plans: dict[int, Plan] = field(default_factory=dict)  # by id() of the decision, which the table keeps alive
    trusted_proxies: Networks = field(default_factory=lambda: Networks(()))
    trusted_callers: Networks = field(default_factory=lambda: Networks(()))
    steerable: bool = False  # whether anybody may choose a side
    log_all: bool = False
    log_errors: bool = True


def activate(snapshot: Snapshot, table: RouteTable, pools: Pools, counters: Counters) -> Active:
    """The active form of a snapshot. Raises OSError when a CA bundle cannot be read; then nothing has changed."""
    keys = {
        name: tuple(EndpointKey(endpoint, upstream.tls) for endpoint in upstream.endpoints)
        for name, upstream in snapshot.upstreams.items()
    }
    live = pools.reconcile(dict.fromkeys(key for group in keys.values() for key in group))
    groups = {
        name: UpstreamGroup(snapshot.upstreams[name], tuple(live[key] for key in group)) for name, group in keys.items()
    }
    planner = _Planner(snapshot, groups, counters)
    plans = {
        id(decision): planner.plan(decision, claim)
        for claim in table.ranked
        for decision in (claim.decisions.normal, claim.decisions.to_legacy, claim.decisions.to_service)
    }
    return Active(
        snapshot=snapshot,
        table=table,
        default=planner.plan(by_default(snapshot.legacy), None),
        plans=plans,
        trusted_proxies=Networks(snapshot.listen.trusted_proxies),
        trusted_callers=Networks(snapshot.listen.trusted_callers),
        steerable=bool(snapshot.listen.trusted_callers),
        log_all=snapshot.access_log is AccessLog.ON,
        log_errors=snapshot.access_log is not AccessLog.OFF,
    )


class _Planner:
    """Makes plans for one snapshot."""

    def __init__(self, snapshot: Snapshot, groups: dict[str, UpstreamGroup], counters: Counters) -> None:
        self._snapshot = snapshot
        self._groups = groups
        self._counters = counters

    def plan(self, decision: Decision, claim: CompiledRoute | None) -> Plan:
        route = claim.route if claim else None
        limit = route.body_bytes if route else None
        plan = Plan(
            decision=decision,
            stats=self._counters.route(decision.route, decision.side, decision.reason),
            body_bytes=self._snapshot.listen.limits.body_bytes if limit is None else limit,
            group=self._groups[decision.upstream] if decision.upstream else None,
        )
        plan.edits_request = plan.group is not None and plan.group.own_host
        if route is not None:
            plan.upgrades |= {token.encode("latin-1") for token in route.upgrades}
        if claim is not None and decision.side is Side.SERVICE:
            _add_service(plan, claim)
        if route is not None and decision.side is Side.NONE:
            plan.answer = retired_answer(route.respond)
        return plan


def _add_service(plan: Plan, claim: CompiledRoute) -> None:
    """What a route changes on the way to its service and back; the monolith always gets what the client sent."""
    route = claim.route
    plan.split = route.stage is Stage.CUTOVER
    plan.rewrite = claim.rewrite
    if route.rewrite and route.rewrite.prefix is not None and "{" not in claim.path.text:
        public = claim.path.text.removesuffix("/**")
        plan.prefixes = (route.rewrite.prefix.rstrip("/").encode("latin-1"), public.encode("latin-1"))
    request, response = route.request_headers, route.response_headers
    plan.request_edits = LineEdits(request.remove, request.set, request.add) if request else None
    plan.edits_request = plan.edits_request or plan.request_edits is not None
    plan.response_edits = LineEdits(response.remove, response.set, response.add) if response else None
    plan.edits = plan.split or plan.response_edits is not None


def retired_answer(respond: Respond) -> LocalAnswer:
    """The answer of a retired route: RFC 9745 Deprecation, RFC 8594 Sunset, and where to go instead."""
    lines = [b"Cache-Control: no-store"] if respond.status < 400 else []  # a problem brings its own
    if respond.deprecated:
        lines.append(b"Deprecation: @%d" % _midnight(respond.deprecated).timestamp())
    if respond.sunset:
        lines.append(b"Sunset: " + format_datetime(_midnight(respond.sunset), usegmt=True).encode("ascii"))
    if respond.see:
        see = respond.see.encode("latin-1")
        redirects = 300 <= respond.status < 400
        lines.append(b"Location: " + see if redirects else b'Link: <%b>; rel="successor-version"' % see)
    return LocalAnswer(respond.status, REASONS.get(respond.status, ""), tuple(lines))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
