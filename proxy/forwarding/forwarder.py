"""The data path of one process: the active snapshot, the pools, what is in flight, and the time limits.

`open` is the request's way up to the network, one named call a step; everything behind it is the exchange's.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from email.utils import formatdate
from typing import Final, Protocol

from proxy import clock
from proxy.config.model import Endpoint, Snapshot
from proxy.forwarding.cork import Cork
from proxy.forwarding.exchange import Exchange
from proxy.forwarding.files import most_clients
from proxy.forwarding.group import UpstreamGroup, Upstreams
from proxy.forwarding.holding import Hold, Holding, Line, count_writes
from proxy.forwarding.leaving import Leaving
from proxy.forwarding.limits import Limiters
from proxy.forwarding.mirror import Mirrors
from proxy.forwarding.origin import Origin
from proxy.forwarding.outcome import Outcome
from proxy.forwarding.pair import Watched
from proxy.forwarding.plan import Active, Plan, activate, held_plan
from proxy.forwarding.pool import EndpointPool
from proxy.forwarding.recording import Recorder
from proxy.forwarding.records import record_of, record_of_refusal
from proxy.forwarding.sticky import Stickiness, Visit
from proxy.forwarding.traffic import Traffic
from proxy.forwarding.tries import BODY, CONNECT, QUEUED, REQUEST, RESPONSE, Client, Tries
from proxy.forwarding.upstream import PARSER as RESPONSE_PARSER
from proxy.observability.access_log import AccessLog
from proxy.observability.counters import Counters
from proxy.observability.tracing import IdSource, is_request_id
from proxy.routing.claim import CompiledRoute
from proxy.routing.decision import Side, decide
from proxy.routing.reserved import MAYBE_INTERNAL, is_internal
from proxy.routing.table import RouteTable, compile_table
from proxy.wire.guard import refuse_unserved
from proxy.wire.head import NO_EXTRAS, SAFE, RequestHead
from proxy.wire.problem import ALLOW_LINE, LocalAnswer, problem
from proxy.wire.refusal import Refusal
from proxy.wire.request import RequestParser

TICK_SECONDS: Final = 0.05
"""How often time limits are looked at: a limit may be this much late, never early."""

LAST_HOP_ANSWER: Final = LocalAnswer(200, "OK", (ALLOW_LINE,))
"""To an OPTIONS request that may not be forwarded further (RFC 9110 section 7.6.2)."""

TELL_SECONDS: Final = 5.0
"""A failing upstream is logged this often for each kind of failure; the access log and the metrics have them all."""

logger = logging.getLogger("strangler.forwarding")


Compose = Callable[[Exchange], Awaitable[LocalAnswer]]
"""Makes one answer of several. Cancelled when its client leaves; parts have their own time limits."""


class Sweepable(Protocol):
    """A client connection, as far as time is concerned."""

    def sweep(self, now: float) -> None: ...


class Forwarder:
    """Everything the exchanges of a process share. `now` is the time of the last tick, good enough for idleness."""

    def __init__(
        self,
        snapshot: Snapshot,
        *,
        workers: int = 1,
        access_log: AccessLog | None = None,
        compose: Compose | None = None,
    ) -> None:
        self._compose = compose
        self.counters = Counters()
        self.traffic = Traffic()
        self.ids = IdSource()
        self.access_log = access_log
        self.parser = RequestParser()  # what it remembers holds for every snapshot
        self.monotonic = clock.monotonic
        self.now = self.monotonic()
        self.date_line = b""
        self.draining = False
        self.cork = Cork()
        self.in_flight: set[Exchange] = set()
        self.clients: set[Sweepable] = set()
        self._told: dict[tuple[str, Outcome], tuple[float, int]] = {}  # what was logged when, and how often not
        self._workers = workers
        self._upstreams = Upstreams(self.counters, workers, lambda: self.monotonic())
        self._limiters = Limiters(workers)
        self.mirrors = Mirrors(self.counters, workers)
        self.recorder: Recorder | None = None
        self.stickiness = Stickiness()
        self._holding = Holding(workers)
        self.holding: Holding | None = None  # while anything is held
        self._leaving = Leaving()
        self.swap(snapshot)

    # configuration

    def swap(self, snapshot: Snapshot, table: RouteTable | None = None) -> None:
        """Use another snapshot for requests that come from now on. Raises OSError, and then nothing has changed.

        `table` is the snapshot's, where it has been compiled already.
        """
        table = table or compile_table(snapshot)
        active = activate(snapshot, table, self._upstreams, self._limiters, self.mirrors, self.counters)
        limits = snapshot.listen.limits
        self.active: Active = active
        self._leaving.settle(self.in_flight, active, self.monotonic())
        self._told.clear()  # so it holds no more than the endpoints of one snapshot and their kinds of failure
        self.parser.allow_encoded_slash = snapshot.listen.allow_encoded_slash
        self.head_bytes = limits.head_bytes
        self.target_bytes = limits.head_bytes // 2
        self.head_seconds = limits.head_timeout.total_seconds()
        self.idle_seconds = limits.idle_timeout.total_seconds()
        wanted, possible = -(-limits.connections // self._workers), most_clients()
        self.max_connections = wanted if possible is None else min(wanted, possible)

    def close_left(self, routes: Collection[str]) -> None:
        """Give tunnels and event streams of a side that these routes have left no more time."""
        self._leaving.hasten(routes, self.monotonic())

    def reload_certificates(self) -> None:
        """Read CA bundles of upstreams again, for connections made from now on. Raises OSError; then all stay."""
        for commit in [pool.renew_tls() for pool in self._upstreams.pools()]:
            commit()

    def apply_endpoints(self, upstreams: Mapping[str, tuple[Sequence[Endpoint], frozenset[str]]]) -> None:
        """What discovery and probes say: by upstream, its endpoints, and the URLs of those that are not well.

        The endpoints of an upstream that names its own in the file are left alone. Raises OSError when a CA bundle
        cannot be read; then nothing has changed.
        """
        self._upstreams.apply(upstreams)

    # the request's way

    def open(self, head: RequestHead, client: Client, origin: Origin) -> Exchange:
        """Decide where a request goes. The exchange has a plan and has sent nothing yet. Raises Refusal."""
        plan = origin.plan if head is origin.head and self.recorder is None else None
        if plan is None:
            active, has_extras = origin.active, head.fields.extras is not NO_EXTRAS
            if has_extras or head.path.startswith(MAYBE_INTERNAL):
                _refuse_internal(head)
                refuse_unserved(head)
            claim = active.table.match(head)
            plan = active.plain.get(id(claim))
            if (
                plan is None or has_extras or origin.may_choose or self.recorder is not None
                or (plan.pinning is not None and head.method not in SAFE)
            ):  # fmt: skip
                return self._open_special(head, client, origin, claim)
            origin.head, origin.plan = head, plan
        exchange = Exchange(self, client, head, plan, origin, self.monotonic())
        exchange.trace = head.fields.trace or self.ids.begin_trace()
        exchange.request_id = self.ids.fresh()
        return exchange

    def _open_special(self, head: RequestHead, client: Client, origin: Origin, claim: CompiledRoute | None) -> Exchange:
        """As `open`, where more than the route decides, or more than forwarding is to be done."""
        active, extras, visit = origin.active, head.fields.extras, None
        steers = active.steerable and origin.may_steer(head)
        wish = _wish(head) if steers else None
        if claim is None:
            plan = active.default
        elif claim.split is None:
            plan = active.plans[id(decide(claim, active.snapshot.legacy, wish))]
        else:
            decision, visit = self.stickiness.divide(claim, claim.split, head, origin, wish)
            plan = active.plans[id(decision)]
        if plan.pinning is not None and head.method not in SAFE:
            visit = visit or Visit()
            visit.pinning = plan.pinning
        make = Exchange if plan.mirror is None and self.recorder is None else Watched
        exchange = make(self, client, head, plan, origin, self.monotonic())
        exchange.trace = head.fields.trace or self.ids.begin_trace()
        if origin.trusted and is_request_id(extras.request_id):
            exchange.request_id = extras.request_id
        else:
            exchange.request_id = self.ids.fresh()
        if visit is not None:
            exchange.visit, exchange.adds_lines = visit, visit.has_lines
        if steers:
            exchange.tells_decision = exchange.adds_lines = True
        if extras.last_hop:
            exchange.answer = LAST_HOP_ANSWER
        if extras.upgrade:
            exchange.upgrade = _agreed_upgrade(head, plan)
        limiter, budget = plan.limiter, plan.fallback.budget if plan.fallback else None
        if limiter is not None:
            exchange.limited = limiter.wait(head, origin, exchange.started)
        if budget is not None and not exchange.limited:
            budget.record_request(exchange.started)
        return exchange

    def find_hold(self, head: RequestHead) -> tuple[str, Line] | None:
        """The route of a write that has to wait, and where it has to."""
        if self.holding is None or head.method in SAFE:
            return None
        claim = self.active.table.match(head)
        line = self.holding.find(claim.route.name, self.monotonic()) if claim else None
        return (claim.route.name, line) if claim and line else None

    def turn_away(self, head: RequestHead, client: Client, origin: Origin, route: str, outcome: Outcome) -> None:
        """Answer a write that may not, or no longer, wait; nothing of it is forwarded."""
        exchange = Exchange(self, client, head, held_plan(route, self.counters), origin, self.monotonic())
        exchange.trace = head.fields.trace or self.ids.begin_trace()
        given = head.extras.request_id
        exchange.request_id = given if origin.trusted and is_request_id(given) else self.ids.fresh()
        exchange.tells_decision = exchange.adds_lines = origin.active.steerable and origin.may_steer(head)
        exchange.fail(outcome)

    def hold(self, holds: Sequence[Hold]) -> dict[str, dict[str, object]]:
        """Hold just these from now on. What became of those that were and are held, by their id."""
        told = self._holding.settle(holds, self.monotonic())
        self.holding = self._holding if self._holding else None
        under_way = [(each.plan.decision.route, each.method) for each in self.in_flight]
        writes = {hold.id: count_writes(under_way, frozenset(hold.routes)) for hold in holds}
        return {name: {**line, "under_way": writes.get(name, 0)} for name, line in told.items()}

    def refuse(self, refusal: Refusal, peer: str) -> tuple[LocalAnswer, bytes]:
        """The answer to a request of `peer` that no exchange was made for, and the request's id."""
        request_id = self.ids.fresh()
        self.counters.count_refusal(refusal.outcome)
        if self.access_log is not None and self.active.log_errors:
            self.access_log.write(record_of_refusal(refusal, peer, request_id, self.active.snapshot.revision))
        return problem(refusal.status, refusal.outcome, request_id.decode("ascii"), refusal.detail), request_id

    async def compose(self, exchange: Exchange) -> LocalAnswer:
        """The answer to a request whose route is an aggregate."""
        if self._compose is None:
            raise RuntimeError("nobody here composes answers")
        return await self._compose(exchange)

    # observation

    def report_failure(self, exchange: Tries, outcome: Outcome, detail: str) -> None:
        group, pool = exchange.plan.group, exchange.pool
        assert group is not None
        assert pool is not None
        self.counters.count_failure(group.name, outcome.value)
        key = (pool.name, outcome)
        told_at, untold = self._told.get(key, (-TELL_SECONDS, 0))
        if self.now - told_at < TELL_SECONDS:
            self._told[key] = (told_at, untold + 1)
            return
        self._told[key] = (self.now, 0)
        logger.warning(
            "upstream %s at %s: %s%s, request %s%s",
            group.name, pool.name, outcome.value, f" ({detail})" if detail else "",
            exchange.request_id.decode("ascii"), f"; {untold} more like it before" if untold else "",
        )  # fmt: skip

    def report_held_off(self, exchange: Tries, outcome: Outcome) -> None:
        group = exchange.plan.group
        assert group is not None
        self.counters.count_held_off(group.name, outcome.value)

    def report_ejection(self, group: UpstreamGroup, pool: EndpointPool) -> None:
        self.counters.count_ejection(group.name)
        seconds = pool.state.out_until - self.monotonic()
        logger.warning("upstream %s at %s: left out for %.0f s after failures in a row", group.name, pool.name, seconds)

    def log(self, exchange: Exchange, outcome: Outcome, now: float) -> None:
        if self.access_log is None or not exchange.origin.active.log_errors or exchange.plan.quiet:
            return
        self.access_log.write(record_of(exchange, outcome, now))

    def export(self) -> dict[str, object]:
        """All counters, with the gauges brought up to date."""
        self.counters.gauges.in_flight = sum(not each.plan.quiet for each in self.in_flight)
        self.counters.gauges.connections = len(self.clients)
        self.counters.gauges.upstream_idle = sum(pool.idle for pool in self._upstreams.pools())
        self.counters.gauges.paths_remembered = self.active.table.remembered
        self.counters.traffic_other = self.traffic.other
        self.counters.table_resets = self.parser.table.resets + self.parser.shapes.resets + RESPONSE_PARSER.table.resets
        if self.access_log is not None:
            self.counters.log_lines_dropped = self.access_log.dropped
        counted = self.counters.export()
        counted["counters"] += self._holding.export()
        counted["gauges"].append(["strangler_held", {}, self._holding.waiting])
        counted["gauges"].append(["strangler_on_left_side", {}, len(self._leaving)])
        return {
            "revision": self.active.snapshot.revision,
            **counted,
            "upstreams": self._upstreams.describe(self.monotonic()),
        }

    # time

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep time for as long as the context lasts; at its end all upstream connections are closed."""
        ticking = asyncio.create_task(self._tick_for_ever())
        try:
            yield
        finally:
            ticking.cancel()
            for pool in self._upstreams.pools():
                pool.retire()

    async def _tick_for_ever(self) -> None:
        ticks = 0
        while True:
            try:
                self.tick(second=ticks % round(1 / TICK_SECONDS) == 0)
            except Exception:  # without it nothing here would ever end by time again
                logger.exception("time limits could not be looked at")
            ticks += 1
            await asyncio.sleep(TICK_SECONDS)

    def tick(self, *, second: bool) -> None:
        """Look at the time limits of what is in flight and, once a second, of all that is idle."""
        now = self.now = self.monotonic()
        idle = self.idle_seconds
        for exchange in [
            one
            for one in self.in_flight
            if now - one.since > _limit(one, idle) or now - one.started > one.plan.seconds.total
        ]:
            self._expire(exchange)
        if self.holding is not None:
            self.holding.look(now)
            self.holding = self._holding if self._holding else None
        if self.access_log is not None:
            self.access_log.flush_soon()
        if second:
            self.date_line = b"Date: " + formatdate(usegmt=True).encode("ascii")
            self._upstreams.tell(now)
            for client in list(self.clients):
                client.sweep(now)
            for pool in self._upstreams.pools():
                pool.expire(now)
            if self._leaving:
                for exchange in self._leaving.take_due(self.active, now):
                    exchange.leave_side()

    def _expire(self, exchange: Exchange) -> None:
        try:
            exchange.expire()
        except Exception:  # a defect in one must not take the time limits from all others
            logger.exception("request %s could not be ended in time", exchange.request_id.decode("ascii"))
            self.in_flight.discard(exchange)


def _limit(exchange: Exchange, client_idle: float) -> float:
    seconds, phase = exchange.plan.seconds, exchange.phase
    if phase is BODY:
        return client_idle if exchange.client.stalled else seconds.idle
    if phase is RESPONSE:
        return seconds.response
    if phase is CONNECT:
        return seconds.connect
    if phase is QUEUED:
        return seconds.wait
    return client_idle if phase is REQUEST else float("inf")


def _refuse_internal(head: RequestHead) -> None:
    if is_internal(head.path):
        raise Refusal(404, "internal", "internal endpoints are not reachable from here", head)


def _wish(head: RequestHead) -> Side | None:
    if head.extras.side == b"legacy":
        return Side.LEGACY
    return Side.SERVICE if head.extras.side == b"service" else None


def _agreed_upgrade(head: RequestHead, plan: Plan) -> bytes:
    """The one protocol that may be switched to, or nothing. A request with a body stays plain."""
    token = head.extras.upgrade.lower().strip()
    if b"upgrade" not in head.extras.connection or not head.http11 or head.has_body or token not in plan.upgrades:
        return b""
    return token if token != b"websocket" or head.method == "GET" else b""
