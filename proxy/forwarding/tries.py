"""The tries of one exchange: to connect, to send, and what comes after a try that failed.

Another try at another endpoint, the monolith in the service's place, or the end: that is decided here, with
`passage` and the route's plan, and only while nothing of an answer has gone to the client. A request that may have
done its work is not sent twice.
"""

from __future__ import annotations

import asyncio
import ssl
from enum import IntEnum
from typing import TYPE_CHECKING, Final, Protocol

from proxy import clock
from proxy.forwarding.files import files_are_used_up
from proxy.forwarding.group import UpstreamGroup
from proxy.forwarding.outcome import CONDITION, REFUSALS, UNABLE, UPSTREAM_BLAMED, Outcome
from proxy.forwarding.passage import Passage
from proxy.forwarding.pool import EndpointPool
from proxy.forwarding.render import render_request
from proxy.forwarding.upstream import AnswerReceiver, UpstreamConnection
from proxy.resilience.attempts import Step
from proxy.resilience.outcome import CONNECT_ERROR, Failure
from proxy.resilience.retry import IDEMPOTENT, parse_retry_after
from proxy.wire.head import RequestHead
from proxy.wire.problem import LocalAnswer
from proxy.wire.response import Body, ResponseHead

if TYPE_CHECKING:
    from proxy.forwarding.exchange import Exchange
    from proxy.forwarding.forwarder import Forwarder
    from proxy.forwarding.origin import Origin
    from proxy.forwarding.plan import Plan


class Phase(IntEnum):
    """What an exchange waits for; each has its own time limit."""

    CONNECT = 0
    REQUEST = 1  # the client's body
    RESPONSE = 2  # the upstream's head
    BODY = 3  # the rest of the answer
    TUNNEL = 4
    DONE = 5
    QUEUED = 6  # a place in the upstream's bulkhead
    PAUSE = 7  # before another try


# An enum's members are slow to reach; these names are for the data path.
CONNECT: Final = Phase.CONNECT
REQUEST: Final = Phase.REQUEST
RESPONSE: Final = Phase.RESPONSE
BODY: Final = Phase.BODY
TUNNEL: Final = Phase.TUNNEL
DONE: Final = Phase.DONE
QUEUED: Final = Phase.QUEUED
PAUSE: Final = Phase.PAUSE


class Client(Protocol):
    """The server side of an exchange: one request of one client connection."""

    http11: bool

    def send_interim(self, head: ResponseHead) -> None: ...
    def send_head(self, exchange: Exchange, head: ResponseHead, body: Body, data: bytes, last: bool) -> None: ...
    def send_data(self, data: bytes, last: bool) -> None: ...
    def send_local(self, exchange: Exchange, answer: LocalAnswer) -> None: ...
    def switch(self, exchange: Exchange, upstream: UpstreamConnection, head: ResponseHead, data: bytes) -> None: ...
    def abort(self) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    @property
    def stalled(self) -> bool: ...


class Tries(AnswerReceiver):
    """One request and the upstream's side of it. What stands on the class is how each begins."""

    connection: UpstreamConnection | None = None
    pool: EndpointPool | None = None  # of the last try
    passage: Passage | None = None  # where the upstream is guarded
    answered = False  # a head of an answer has gone to the client
    request_done = False  # the whole request body has been given to the upstream
    phase = CONNECT
    upgrade = b""
    request_id = b""
    trace = b""  # the field lines of its trace, for the upstream
    _trying = False  # the endpoint counts this one as in flight
    _last_failure = Outcome.RESET
    _first = b""  # what was sent behind the head, kept while it may be sent again
    _held: list[bytes] | None = None  # body that came while there was no connection
    _task: asyncio.Task[None] | None = None  # that makes a connection, or composes an answer

    def __init__(
        self, forwarder: Forwarder, client: Client, head: RequestHead, plan: Plan, origin: Origin, at: float
    ) -> None:
        self.forwarder = forwarder
        self.client = client
        self.head = head
        self.method = head.method
        self.plan = plan
        self.origin = origin
        self.started = self.since = at

    def _begin_guarded(self, group: UpstreamGroup) -> None:
        passage = self.passage = Passage(self, group)
        passage.enter(self.since)

    def attempt(self, pool: EndpointPool) -> None:
        """Try this endpoint."""
        self.pool = pool
        state = pool.state
        state.in_flight += 1
        state.requests_total += 1
        self._trying = True
        connection = pool.take(self.method in IDEMPOTENT)
        if connection is None:
            self._connect()
        else:
            self._send_on(connection)

    def _send_on(self, connection: UpstreamConnection) -> None:
        assert self.pool is not None
        self.connection = connection
        self.phase = RESPONSE if self.request_done else REQUEST
        held = self._held
        if held is None:
            connection.begin(self, render_request(self, self.pool, self._first))
            return
        body = b"".join((self._first, *held))
        self._held = None
        if held:
            self._first = body if self.request_done else b""  # kept only where that is all of it
        connection.begin(self, render_request(self, self.pool, body))
        if not self.request_done:
            self.client.resume_reading()

    def _connect(self) -> None:
        self.phase = CONNECT
        self._hold_body()
        self._task = asyncio.get_running_loop().create_task(self._open())

    async def _open(self) -> None:
        assert self.pool is not None
        try:
            connection = await self.pool.connect()
        except (OSError, ssl.SSLError, ValueError) as error:
            self._task = None
            outcome = Outcome.OVERLOADED if files_are_used_up(error) else Outcome.CONNECT_ERROR
            self.fail(outcome, log=f"{type(error).__name__}: {error}")
            return
        self._task = None
        if self.phase is not CONNECT:  # ended meanwhile
            connection.close()
            return
        self.since = self.forwarder.monotonic()
        self._send_on(connection)

    def _hold_body(self) -> None:
        """There is no connection to send on: what comes of the body is kept, and no more of it read."""
        if self._held is None:
            self._held = []
            if not self.request_done:
                self.client.pause_reading()

    def wait_in_queue(self, now: float) -> None:
        """The upstream has no place for it yet."""
        self.phase = QUEUED
        self.since = now
        self._hold_body()

    def leave_queue(self) -> bool:
        """There is a place. Whether it is still wanted."""
        self.since = self.forwarder.monotonic()
        return self.phase is QUEUED

    def _turn_away(self, head: ResponseHead, last: bool) -> bool:
        """Drop an answer because of its status, where another try or the monolith may have a better one."""
        now, passage, pool, connection = self.forwarder.monotonic(), self.passage, self.pool, self.connection
        assert pool is not None
        assert connection is not None
        step = None
        if passage is not None:
            step = passage.another(pool, self._failed_with(head), now)
        if step is None and not self._may_fall_back(Outcome.ANSWERED, head.status, now):
            return False
        self.connection = None
        if last:
            connection.end(self.request_done, now)
        else:
            connection.close()
        self._end_try(failed=head.status in UNABLE, now=now)
        self._last_failure = Outcome.RESPONSE_TIMEOUT  # if there should be no time for the next one
        if step is not None:
            self._try_again(step, now)
            return True
        if passage is not None:
            passage.settle(None, head.status, now)
        self._fall_back(Outcome.ANSWERED, str(head.status), now)
        return True

    def _failed_with(self, head: ResponseHead) -> Failure:
        values = (line[12:] for line in head.lines if line[:12].lower() == b"retry-after:")
        value = next(values, b"").decode("latin-1")
        wait = parse_retry_after(value, clock.now()) if value else None
        return Failure(status=head.status, body_whole=self._has_whole_request(), retry_after=wait)

    def fail(self, outcome: Outcome, detail: str | None = None, *, log: str = "", retry_after: float = 1.0) -> None:
        """This try, or the way to it, has failed: another one, or the monolith, or the end of the exchange."""
        if self.phase is DONE:
            return
        now = self.forwarder.monotonic()
        blamed = outcome in UPSTREAM_BLAMED
        if blamed and self.pool is not None:
            self.forwarder.report_failure(self, outcome, log)
        elif outcome in REFUSALS:
            self.forwarder.report_held_off(self, outcome)
        if self.answered or not (blamed or outcome in REFUSALS):
            self._end_try(failed=blamed or None, now=now)
            self._end_with(outcome, detail, retry_after)
            return
        self._drop_connection()
        self._end_try(failed=blamed or None, now=now)
        self._last_failure = outcome
        step = self._plan_another(outcome, now)
        if step is None:
            self._give_in(outcome, detail, retry_after, now)
        else:
            self._try_again(step, now)

    def _plan_another(self, outcome: Outcome, now: float) -> Step | None:
        condition, passage, pool = CONDITION.get(outcome), self.passage, self.pool
        if condition is None or passage is None or pool is None or outcome is Outcome.TOTAL_TIMEOUT:
            return None
        sent = condition != CONNECT_ERROR
        return passage.another(pool, Failure(condition, None, sent, self._has_whole_request()), now)

    def _try_again(self, step: Step, now: float) -> None:
        assert self.passage is not None
        self.phase = PAUSE
        self.since = now
        self._hold_body()
        self.forwarder.counters.retries += 1
        self.passage.take(step)

    def give_up(self) -> None:
        """There was no time for the try that was to come."""
        if self.phase is PAUSE:
            self._give_in(self._last_failure, None, 1.0, self.forwarder.monotonic())

    def _give_in(self, outcome: Outcome, detail: str | None, retry_after: float, now: float) -> None:
        """No other try: the monolith's answer, or an error."""
        condition = CONDITION.get(outcome)
        if self.passage is not None and condition is not None and self.pool is not None:  # it was asked
            self.passage.settle(condition, 0, now)
        if self._may_fall_back(outcome, None, now):
            self._fall_back(outcome, outcome.value, now)
        else:
            self._end_with(outcome, detail, retry_after)

    def _may_fall_back(self, outcome: Outcome, status: int | None, now: float) -> bool:
        fallback = self.plan.fallback
        if fallback is None or self.method not in fallback.methods or not self._has_whole_request():
            return False
        if outcome not in REFUSALS and not fallback.on.meets(CONDITION.get(outcome), status):
            return False
        return outcome is not Outcome.TOTAL_TIMEOUT and (fallback.budget is None or fallback.budget.withdraw(now))

    def _fall_back(self, outcome: Outcome, why: str, now: float) -> None:
        """Begin again at the monolith."""
        fallback = self.plan.fallback
        assert fallback is not None
        self.forwarder.counters.count_fallback(self.plan.decision.route, why)
        self._leave_upstream(now)
        self.pool = None
        self.plan = fallback.left_alone if outcome is Outcome.BREAKER_OPEN else fallback.failed
        self.since = now
        self._hold_body()
        group = self.plan.group
        assert group is not None
        if group.only is not None:
            self.attempt(group.only)
        else:
            self._begin_guarded(group)

    def _has_whole_request(self) -> bool:
        """Whether `_first` still is the whole body: nothing was sent behind it."""
        return self.request_done and (bool(self._first or self._held) or not self.head.has_body)

    def _end_try(self, *, failed: bool | None, now: float) -> None:
        """The endpoint has one less in flight. None: nobody knows what would have become of it."""
        pool, group = self.pool, self.plan.group
        if self._trying and pool is not None and group is not None:
            self._trying = False
            pool.state.end(failed, now)
            if failed and group.ejector.judge(pool.state, now):
                self.forwarder.report_ejection(group, pool)

    def _drop_connection(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()

    def _leave_upstream(self, now: float) -> None:
        """Give back what is held of the upstream."""
        self._end_try(failed=None, now=now)
        passage, self.passage = self.passage, None
        if passage is not None:
            passage.leave()

    def _end_with(self, outcome: Outcome, detail: str | None, retry_after: float) -> None:
        raise NotImplementedError
