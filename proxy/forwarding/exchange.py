"""One request, from its decision to the end of its answer: the core that every server side shares.

An exchange owns at most one upstream connection at a time, knows what may still be repeated, and ends exactly once.
It never waits: it is driven by its client, by its upstream, and by the forwarder's clock. Until something of an answer
went to the client, a try that failed may be followed by another one, or by one at the monolith in the service's place.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Final

from proxy.forwarding.outcome import OURS, STATUS, UNABLE, Outcome
from proxy.forwarding.render import edit_answer, own_lines
from proxy.forwarding.sticky import Visit
from proxy.forwarding.tries import (
    BODY,
    CONNECT,
    DONE,
    QUEUED,
    REQUEST,
    RESPONSE,
    TUNNEL,
    Tries,
)
from proxy.forwarding.tunnel import Tunnel
from proxy.resilience.retry import IDEMPOTENT
from proxy.routing.decision import Side
from proxy.wire.head import SAFE
from proxy.wire.problem import LocalAnswer, problem
from proxy.wire.refusal import BadAnswer
from proxy.wire.response import Body, ResponseHead

ANSWERED: Final = Outcome.ANSWERED

logger = logging.getLogger("strangler.forwarding")


class Exchange(Tries):
    """A request on its way. What stands on the class is how each begins."""

    limited = 0.0  # refused by a rate limit: the seconds after which its client may come again
    retried = False  # because a kept connection had been closed
    tells_decision = False  # to a trusted caller
    visit: Visit | None = None  # of a user who is to be kept on a side
    adds_lines = False  # to the answer, because of one of these
    answer: LocalAnswer | None = None  # of our own, instead of anybody's
    outcome = Outcome.ANSWERED  # how it ended, as soon as it has
    status = 0
    bytes_sent = 0
    streamed: ResponseHead | None = None  # the head of an answer that did not come in one piece
    tunnel: Tunnel | None = None
    head_at: float | None = None  # when the upstream's head came
    _upstream_full = False

    # from the client

    def start(self, first: bytes, last: bool) -> None:
        """Begin. `first` is what is there of the body, framed for the wire; `last`: that is all of it."""
        group = self.plan.group
        self.request_done = last
        self._first = first
        if group is None or self.answer is not None or self.limited:
            self._begin_here()
            return
        self.forwarder.in_flight.add(self)
        if group.only is not None:
            self.attempt(group.only)
        else:
            self._begin_guarded(group)

    def _begin_here(self) -> None:
        """No one upstream answers this request."""
        if self.limited:
            self.forwarder.counters.count_refusal(Outcome.RATE_LIMITED.value)
            self.fail(Outcome.RATE_LIMITED, retry_after=self.limited)
        elif self.answer is None and self.plan.aggregate:
            self.phase = RESPONSE
            self.forwarder.in_flight.add(self)
            self._task = asyncio.get_running_loop().create_task(self._compose())
        else:
            self._answer_here()

    async def _compose(self) -> None:
        try:
            answer = await self.forwarder.compose(self)
        except Exception:  # a defect must not leave a client waiting
            logger.exception("request %s could not be composed", self.request_id.decode("ascii"))
            self._task = None
            self.fail(Outcome.BAD_ANSWER)
            return
        self._task = None
        if self.phase is not DONE:
            self.status = answer.status
            self.bytes_sent = len(answer.body)
            self._finish(ANSWERED)
            self._answer_locally(answer)

    def send_body(self, data: bytes, *, last: bool) -> None:
        """More of the request body, framed for the wire."""
        self.request_done = last
        self.since = self.forwarder.now
        if self.connection is not None:
            self._first = b""  # from here on nothing can be repeated
            if data:
                self.connection.send(data)
            if last and self.phase is REQUEST:
                self.phase = RESPONSE
        elif self._held is not None:
            self._held.append(data)

    def client_gone(self) -> None:
        """The client left; the upstream's work is cancelled."""
        if self.phase is not DONE:
            self.status = self.status or STATUS[Outcome.CLIENT_GONE]
            self._finish(Outcome.CLIENT_GONE)

    def client_full(self) -> None:
        if self.connection is not None:
            self.connection.pause_reading()

    def client_drained(self) -> None:
        self.since = self.forwarder.now
        if self.connection is not None:
            self.connection.resume_reading()

    # from the upstream

    def receive_interim(self, head: ResponseHead) -> None:
        self.since = self.forwarder.now
        if self.client.http11 and not self.answered:
            self.client.send_interim(head)

    def receive_head(self, head: ResponseHead, body: Body, data: bytes, last: bool) -> None:
        status = head.status
        if status in self.plan.watched and self._turn_away(head, last):
            return
        now = self.head_at = self.forwarder.monotonic()
        self.answered = True
        self.status = status
        if self.passage is not None:
            self.passage.settle(None, status, now)
        self.bytes_sent = len(data)
        if self.plan.edits or head.location:
            head = edit_answer(self, head)
        if last:
            # The connection is free before the client's next request can ask for one.
            self._release(now)
            self.client.send_head(self, head, body, data, True)
            self._record(ANSWERED, now)
        else:
            self._first = b""
            self.since = now
            self.phase = BODY
            self.streamed = head
            if self.connection is not None:
                self.connection.read_in_pieces()
            self.client.send_head(self, head, body, data, False)
            if self.client.stalled:
                self.client_full()

    def receive_data(self, data: bytes, last: bool) -> None:
        self.since = self.forwarder.now
        self.bytes_sent += len(data)
        if last:
            now = self.forwarder.monotonic()
            self._release(now)
            self.client.send_data(data, last=True)
            self._record(ANSWERED, now)
        else:
            self.client.send_data(data, last=False)

    def receive_switch(self, head: ResponseHead, data: bytes) -> None:
        connection = self.connection
        assert connection is not None
        if not self.upgrade or head.upgrade != self.upgrade or b"upgrade" not in head.connection:
            raise BadAnswer("an answer switches to a protocol that was not asked for")
        self.answered = True
        self.status = 101
        self.head_at = self.forwarder.monotonic()
        if self.passage is not None:
            self.passage.settle(None, 101, self.head_at)
        self.phase = TUNNEL
        connection.receiver = None
        self.connection = None
        self.client.switch(self, connection, head, data)

    def upstream_broken(self, error: BadAnswer) -> None:
        self.connection = None
        self.fail(Outcome.BAD_ANSWER, log=str(error))

    def upstream_lost(self, error: Exception | None, *, silent: bool) -> None:
        connection, self.connection = self.connection, None
        if self.answered:
            self.fail(Outcome.TRUNCATED, log=str(error or "closed"))
        elif silent and connection is not None and connection.reused and self._may_repeat():
            self.retried = True
            self.forwarder.counters.stale_retries += 1
            self.since = self.forwarder.monotonic()
            self._connect()
        else:
            self.fail(Outcome.RESET, log=str(error or "closed"))

    def upstream_full(self) -> None:
        self._upstream_full = True
        self.client.pause_reading()

    def upstream_drained(self) -> None:
        self._upstream_full = False
        self.since = self.forwarder.now
        self.client.resume_reading()

    def _may_repeat(self) -> bool:
        """Whether it goes on a new connection, once, when a kept one proves to be dead (RFC 9110 section 9.2.2)."""
        return not self.retried and self.method in IDEMPOTENT and self._has_whole_request()

    # ends

    def expire(self) -> None:
        """The time limit of the phase is over, or that of the whole."""
        if self.phase is TUNNEL:
            return  # no limit but that of a drain
        if self.forwarder.now - self.started > self.plan.seconds.total:
            self.fail(Outcome.TOTAL_TIMEOUT)
        elif self.phase is CONNECT:
            self.fail(Outcome.CONNECT_TIMEOUT)
        elif self.phase is QUEUED:
            self.fail(Outcome.BULKHEAD_TIMEOUT)
        elif self.phase is REQUEST and not self._upstream_full:
            self.fail(Outcome.BODY_TIMEOUT)
        elif self.phase in (REQUEST, RESPONSE):
            self.fail(Outcome.RESPONSE_TIMEOUT)
        elif self.phase is BODY and self.client.stalled:
            self.client.abort()  # it does not read; nothing more to say to it
            self.client_gone()
        elif self.phase is BODY:
            self.fail(Outcome.IDLE_TIMEOUT)

    def _end_with(self, outcome: Outcome, detail: str | None, retry_after: float) -> None:
        """End with an error: as an answer of our own, or, behind the head of another, as a broken connection."""
        answered = self.answered
        if not answered:
            self.status = STATUS[outcome]
            if outcome in OURS:
                self._count_as_ours()
        self._finish(outcome)
        if answered:
            self.client.abort()
        else:
            request_id = self.request_id.decode("ascii")
            self._answer_locally(problem(self.status, outcome.value, request_id, detail, retry_after=retry_after))

    def _answer_here(self) -> None:
        """There is an answer of our own: nothing is sent anywhere."""
        answer = self.answer or self.plan.answer
        assert answer is not None
        self.status = answer.status
        if self.answer is not None:
            self._count_as_ours()
        self._finish(ANSWERED)
        if answer.status >= 400:
            explained = problem(answer.status, "retired", self.request_id.decode("ascii"))
            answer = replace(explained, lines=(*explained.lines, *answer.lines))
        self._answer_locally(answer)

    def _count_as_ours(self) -> None:
        """No side answers: gates must not take it for the service's answer, nor the inventory for the monolith's."""
        plan, counters = self.plan, self.forwarder.counters
        if not plan.quiet:
            stats = counters.route(plan.decision.route, Side.NONE, plan.decision.reason)
            self.plan = replace(plan, stats=stats)

    def _answer_locally(self, answer: LocalAnswer) -> None:
        if self.adds_lines:
            answer = replace(answer, lines=(*answer.lines, *own_lines(self)))
        self.client.send_local(self, answer)

    def leave_side(self) -> None:
        """Its route has left the side that it is on: end it, unless it comes to an end by itself."""
        if self.phase is TUNNEL:
            assert self.tunnel is not None
            self.tunnel.close()
        elif self.phase is BODY and self.streamed is not None and self.streamed.endless:
            self.fail(Outcome.SIDE_LEFT)

    def close_tunnel(self) -> None:
        """A tunnel has ended."""
        if self.phase is TUNNEL:
            self._finish(Outcome.ANSWERED)

    def _release(self, now: float) -> None:
        """Take leave of the upstream after a clean end; an early answer leaves its connection of no use."""
        self.phase = DONE
        self.forwarder.in_flight.discard(self)
        connection = self.connection
        if connection is not None:
            self.connection = None
            state = connection.pool.state
            if self.status in UNABLE or not self._trying:
                self._end_try(failed=True, now=now)
            else:
                self._trying = False
                state.in_flight -= 1
                state.failures = 0
            connection.end(self.request_done, now)
        if self.passage is not None:
            self.passage.leave()
            self.passage = None

    def _finish(self, outcome: Outcome) -> None:
        self.outcome = outcome
        now = self.forwarder.monotonic()
        self._drop_connection()
        self.phase = DONE
        self.forwarder.in_flight.discard(self)
        self._leave_upstream(now)
        self._record(outcome, now)

    def _record(self, outcome: Outcome, now: float) -> None:
        self.plan.stats.observe(self.status, now - self.started)
        self.forwarder.traffic.observe(self)
        writes = self.plan.writes
        if writes is not None and self.status < 400 and self.method not in SAFE:
            writes.accepted += 1
        if self.origin.active.log_all or self.status >= 499 or outcome is not ANSWERED:
            self.forwarder.log(self, outcome, now)

    def __repr__(self) -> str:
        return f"<Exchange {self.head!r} {self.phase.name} status={self.status}>"
