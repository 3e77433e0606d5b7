"""What a snapshot means to the data path: everything that can be worked out before a request comes, worked out.

One `Plan` for each decision that can be made, found by the decision itself. An `Active` is never changed; a reload
makes another and swaps it in by one assignment, and a request keeps the one it began with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from email.utils import format_datetime

from proxy.config.model import AccessLog, Respond, Route, Snapshot, Stage
from proxy.config.policy import AggregatePart
from proxy.forwarding.group import NO_LIMITS, Seconds, UpstreamGroup, Upstreams, compiled
from proxy.forwarding.limits import Limiter, Limiters
from proxy.forwarding.mirror import Mirror, MirrorPlan, Mirrors
from proxy.forwarding.shadowing import OWN
from proxy.forwarding.sticky import Pinning
from proxy.observability.counters import Counters, RouteStats, WriteStats
from proxy.resilience.outcome import Conditions
from proxy.resilience.retry import Budget
from proxy.routing.claim import CompiledRoute
from proxy.routing.decision import Decision, Reason, Side, by_default
from proxy.routing.mirror import copied_as
from proxy.routing.pin import pinning
from proxy.routing.rewrite import Rewrite
from proxy.routing.split import salt_of
from proxy.routing.table import RouteTable
from proxy.wire.exchange import AGAIN
from proxy.wire.forwarded import Networks
from proxy.wire.problem import REASONS, LocalAnswer
from proxy.wire.response import ResponseHead
from proxy.wire.rewrite import LineEdits

NOTHING: frozenset[int] = frozenset()

_SPLIT: Mapping[Stage, frozenset[Side]] = {
    Stage.SHADOW: frozenset({Side.SERVICE}),  # the monolith answers everybody as before
    Stage.CANARY: frozenset({Side.LEGACY, Side.SERVICE}),
    Stage.CUTOVER: frozenset({Side.LEGACY, Side.SERVICE}),
}
"""Whose answers no cache may keep: it would give them to users of the other side, and after the next move too."""

MARK = ("X-Shadow", "1")
"""On every copy, so that whoever is asked can tell."""


@dataclass(frozen=True, slots=True)
class FallbackPlan:
    """When the monolith answers in the service's place, and by which plans."""

    on: Conditions
    methods: frozenset[str]
    failed: Plan
    left_alone: Plan  # because the service's breaker is open
    budget: Budget | None = None  # None: all requests may


@dataclass(slots=True, eq=False)
class Plan:
    """How requests with one decision are carried out."""

    decision: Decision
    stats: RouteStats
    body_bytes: int
    group: UpstreamGroup | None = None
    seconds: Seconds = NO_LIMITS
    limiter: Limiter | None = None
    fallback: FallbackPlan | None = None
    mirror: MirrorPlan | None = None  # copies go to the other side
    aggregate: tuple[AggregatePart, ...] = ()  # the answer is composed of these
    quiet: bool = False  # a part of a composed answer is no client's request: neither logged nor counted as one
    watched: frozenset[int] = NOTHING  # statuses that may be followed by another try, or by the monolith
    rewrite: Rewrite | None = None
    prefixes: tuple[bytes, bytes] | None = None  # the service's path prefix, and the public one it stands for
    request_edits: LineEdits | None = None
    response_edits: LineEdits | None = None
    edits_request: bool = False  # whether `request_edits`, or the upstream's own host, change requests
    edits: bool = False  # whether `split` or `response_edits` change answers
    last_answer: tuple[ResponseHead, ResponseHead] | None = None  # the last head that was edited, and its edited form
    split: bool = False  # permanent redirects and shared caching would outlive a rollback
    pinning: Pinning | None = None  # what a write does
    upgrades: frozenset[bytes] = frozenset({b"websocket"})
    answer: LocalAnswer | None = None
    writes: WriteStats | None = None  # where the route says what it writes

    @property
    def plain(self) -> bool:
        """Whether nothing is counted, copied or looked up for a request beside what every request needs."""
        budget = self.fallback.budget if self.fallback else None
        return self.mirror is None and self.limiter is None and budget is None


@dataclass(slots=True, eq=False)
class Active:
    """A snapshot in use."""

    snapshot: Snapshot
    table: RouteTable
    default: Plan
    plans: dict[int, Plan] = field(default_factory=dict)  # by id() of the decision, which the table keeps alive
    plain: dict[int, Plan] = field(default_factory=dict)  # by id() of the claim, where nothing but the route decides
    upstream_plans: dict[str, Plan] = field(default_factory=dict)  # for parts of composed answers, by upstream
    trusted_proxies: Networks = field(default_factory=lambda: Networks(()))
    trusted_callers: Networks = field(default_factory=lambda: Networks(()))
    steerable: bool = False  # whether anybody may choose a side
    longest_pin: float = 0.0  # seconds; 0: no write pins anybody
    log_all: bool = False
    log_errors: bool = True


def activate(
    snapshot: Snapshot,
    table: RouteTable,
    upstreams: Upstreams,
    limiters: Limiters,
    mirrors: Mirrors,
    counters: Counters,
) -> Active:
    """The active form of a snapshot. Raises OSError when a CA bundle cannot be read; then nothing has changed."""
    groups = upstreams.take(snapshot)
    planner = _Planner(snapshot, groups, limiters, mirrors.take(snapshot), counters)
    plans = {id(decision): planner.plan(decision, claim) for claim in table.ranked for decision in claim.decisions}
    default = planner.plan(by_default(snapshot.legacy), None)
    normal = {id(claim): plans[id(claim.decisions.normal)] for claim in table.ranked if claim.split is None}
    return Active(
        snapshot=snapshot,
        table=table,
        default=default,
        plans=plans,
        plain={key: plan for key, plan in [*normal.items(), (id(None), default)] if plan.plain},
        upstream_plans={name: planner.plan_part(name) for name in snapshot.upstreams},
        trusted_proxies=Networks(snapshot.listen.trusted_proxies),
        trusted_callers=Networks(snapshot.listen.trusted_callers),
        steerable=bool(snapshot.listen.trusted_callers),
        longest_pin=max(planner.pinning.values(), default=0.0),
        log_all=snapshot.access_log is AccessLog.ON,
        log_errors=snapshot.access_log is not AccessLog.OFF,
    )


class _Planner:
    """Makes plans for one snapshot."""

    def __init__(
        self,
        snapshot: Snapshot,
        groups: dict[str, UpstreamGroup],
        limiters: Limiters,
        mirrors: dict[str, Mirror],
        counters: Counters,
    ) -> None:
        self._snapshot = snapshot
        self._groups = groups
        self._limiters = limiters.take(snapshot)
        self._budgets = limiters.take_budgets(snapshot)
        self._mirrors = mirrors
        self._counters = counters
        self.pinning = pinning(snapshot.routes)

    def plan(self, decision: Decision, claim: CompiledRoute | None) -> Plan:
        route = claim.route if claim else None
        limit = route.body_bytes if route else None
        plan = Plan(
            decision=decision,
            stats=self._counters.route(decision.route, decision.side, decision.reason),
            body_bytes=self._snapshot.listen.limits.body_bytes if limit is None else limit,
            group=self._groups[decision.upstream] if decision.upstream else None,
        )
        if plan.group is not None:
            plan.edits_request = plan.group.own_host
            plan.seconds = plan.group.seconds
            plan.watched = plan.group.retried_statuses
        if route is not None:
            plan.aggregate = route.aggregate if decision.side is Side.SERVICE else ()
            plan.limiter = self._limiters.get(route.name)
            if route.moving.writes is not None and decision.side is not Side.NONE:
                plan.writes = self._counters.writing(route.moving.writes.entities, decision.side)
            plan.upgrades |= {token.encode("latin-1") for token in route.upgrades}
            plan.split = plan.edits = decision.side in _SPLIT.get(route.stage, ())
            if route.name in self.pinning and decision.side is not Side.NONE:
                plan.pinning = Pinning(salt_of(route), self.pinning[route.name])
        if claim is not None and decision.side is Side.SERVICE:
            _add_service(plan, claim)
            self._add_fallback(plan, claim.route)
        if route is not None and decision.side is Side.NONE:
            plan.answer = retired_answer(route.respond)
        if claim is not None and claim.route.name in self._mirrors and decision.reason is not Reason.OVERRIDE:
            self._add_mirror(plan, claim)  # who asks for a side wants that one, and no other
        return plan

    def plan_part(self, upstream: str) -> Plan:
        """For parts that are asked of one upstream."""
        group = self._groups[upstream]
        decision = Decision("-", Side.SERVICE, Reason.STAGE, upstream, rewrites=False)
        return Plan(
            decision=decision,
            stats=RouteStats("-", Side.SERVICE, Reason.STAGE),
            body_bytes=0,
            group=group,
            seconds=group.seconds,
            watched=group.retried_statuses,
            edits_request=group.own_host,
            quiet=True,
        )

    def _add_fallback(self, plan: Plan, route: Route) -> None:
        written = route.fallback
        if written is None:
            return
        on = compiled(written.on)
        legacy = self._snapshot.legacy
        failed, left_alone = (
            self.plan(Decision(route.name, Side.LEGACY, reason, legacy, rewrites=False), None)
            for reason in (Reason.FALLBACK, Reason.BREAKER)
        )
        for each in (failed, left_alone):
            each.body_bytes = plan.body_bytes
            each.split = each.edits = plan.split
        budget = self._budgets.get(route.name)
        plan.fallback = FallbackPlan(on, frozenset(written.methods), failed, left_alone, budget)
        plan.watched |= on.statuses

    def _add_mirror(self, plan: Plan, claim: CompiledRoute) -> None:
        route, primary = claim.route, plan.decision
        shadow, other = route.shadow, copied_as(route, claim.decisions, primary.side)
        # At canary both sides answer clients, and the monolith is what the service is measured by.
        again = claim.decisions.to_legacy if route.stage is Stage.CANARY else primary
        assert shadow is not None
        assert other is not None
        seconds = shadow.timeout.total_seconds()
        copy = self._plan_copy(other, claim, seconds, plan.split)
        assert copy.group is not None
        plan.mirror = MirrorPlan(
            mirror=self._mirrors[route.name],
            other=copy.group,
            primary=primary.side.value,
            copies={
                other.side.value: copy,
                AGAIN: self._plan_copy(again, claim, seconds, plan.split),
            },
            sample=shadow.sample,
            compared=route.compare.sample,
            methods=shadow.methods,
            max_body_bytes=shadow.max_body_bytes,
        )

    def _plan_copy(self, decision: Decision, claim: CompiledRoute, seconds: float, split: bool) -> Plan:
        """For copies that go this way: as a request would, but on connections of their own, marked, and uncounted.

        `split`: the client's answer is changed because its route is split, and so is the one it is compared with.
        """
        assert decision.upstream is not None
        group = self._groups[decision.upstream + OWN]
        plan = Plan(
            decision=decision,
            stats=RouteStats("-", decision.side, decision.reason),
            body_bytes=0,
            group=group,
            seconds=replace(group.seconds, total=seconds),
            quiet=True,
        )
        if decision.side is Side.SERVICE:
            _add_service(plan, claim)
        request = claim.route.request_headers if decision.side is Side.SERVICE else None
        added = (*request.add, MARK) if request else (MARK,)
        plan.request_edits = LineEdits(request.remove if request else (), request.set if request else (), added)
        plan.edits_request = True
        plan.split = split
        plan.edits = plan.split or plan.response_edits is not None
        return plan


def held_plan(route: str, counters: Counters) -> Plan:
    """For a write of this route that is answered here because its writing moves."""
    decision = Decision(route, Side.NONE, Reason.HANDOVER, None, rewrites=False)
    return Plan(decision, counters.route(route, decision.side, decision.reason), body_bytes=0)


def _add_service(plan: Plan, claim: CompiledRoute) -> None:
    """What a route changes on the way to its service and back; the monolith always gets what the client sent."""
    route = claim.route
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
