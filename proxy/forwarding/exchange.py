"""One request, from its decision to the end of its answer: the core that every server side shares.

An exchange owns at most one upstream connection at a time, knows what may still be repeated, and ends exactly once.
It never waits: it is driven by its client, by its upstream, and by the forwarder's clock.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import replace
from enum import IntEnum
from typing import TYPE_CHECKING, Final, Protocol

from proxy.forwarding.outcome import STATUS, UPSTREAM_BLAMED, Outcome
from proxy.forwarding.plan import Plan
from proxy.forwarding.pool import EndpointPool
from proxy.forwarding.render import decision_line, edit_answer, render_request
from proxy.forwarding.upstream import UpstreamConnection
from proxy.wire.head import RequestHead
from proxy.wire.problem import LocalAnswer, problem
from proxy.wire.refusal import BadAnswer
from proxy.wire.response import Body, ResponseHead

if TYPE_CHECKING:
    from proxy.forwarding.forwarder import Forwarder
    from proxy.forwarding.origin import Origin

# RFC 9110 sections 9.2.1 and 9.2.2: what may be sent again when a pooled connection turns out to be dead.
REPEATABLE: Final = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})


ANSWERED: Final = Outcome.ANSWERED


class Phase(IntEnum):
    """What an exchange waits for; each has its own time limit."""

    CONNECT = 0
    REQUEST = 1  # the client's body
    RESPONSE = 2  # the upstream's head
    BODY = 3  # the rest of the answer
    TUNNEL = 4
    DONE = 5


# An enum's members are slow to reach; these names are for the data path.
CONNECT: Final = Phase.CONNECT
REQUEST: Final = Phase.REQUEST
RESPONSE: Final = Phase.RESPONSE
BODY: Final = Phase.BODY
TUNNEL: Final = Phase.TUNNEL
DONE: Final = Phase.DONE


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


class Exchange:
    """A request on its way. What stands on the class is how each begins."""

    connection: UpstreamConnection | None = None
    pool: EndpointPool | None = None
    answered = False  # a head of an answer has gone to the client
    request_done = False  # the whole request body has been given to the upstream
    retried = False
    tells_decision = False  # to a trusted caller
    answer: LocalAnswer | None = None  # of our own, instead of anybody's
    phase = CONNECT
    status = 0
    bytes_sent = 0
    head_at: float | None = None  # when the upstream's head came
    upgrade = b""
    request_id = b""
    trace = b""  # the field lines of its trace, for the upstream
    _upstream_full = False
    _first = b""  # what was sent behind the head, kept while it may be sent again
    _held: list[bytes] | None = None  # body that came while the connection was being made
    _connecting: asyncio.Task[None] | None = None

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

    # from the client

    def start(self, first: bytes, last: bool) -> None:
        """Begin. `first` is what is there of the body, framed for the wire; `last`: that is all of it."""
        group = self.plan.group
        self.request_done = last
        if group is None or self.answer is not None:
            self._answer_here()
            return
        self.forwarder.in_flight.add(self)
        self._first = first
        pool = self.pool = group.only or group.choose()
        connection = pool.take(self.method in REPEATABLE)
        if connection is None:
            self._connect()
        else:
            self.connection = connection
            self.phase = RESPONSE if last else REQUEST
            connection.begin(self, render_request(self, pool, first))

    def send_body(self, data: bytes, *, last: bool) -> None:
        """More of the request body, framed for the wire."""
        self.request_done = last
        self.since = self.forwarder.now
        if self.connection is not None:
            self._first = b""  # from here on nothing can be repeated
            if data:
                self.connection.transport.write(data)
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

    # towards the upstream

    def _connect(self) -> None:
        self.phase = CONNECT
        self._held = []
        if not self.request_done:
            self.client.pause_reading()
        self._connecting = asyncio.get_running_loop().create_task(self._open())

    async def _open(self) -> None:
        assert self.pool is not None
        try:
            connection = await self.pool.connect()
        except (OSError, ssl.SSLError, ValueError) as error:
            self._connecting = None
            self.fail(Outcome.CONNECT_ERROR, log=f"{type(error).__name__}: {error}")
            return
        self._connecting = None
        if self.phase is not CONNECT:  # ended meanwhile
            connection.close()
            return
        self.since = self.forwarder.monotonic()
        self.connection = connection
        self.phase = RESPONSE if self.request_done else REQUEST
        body = b"".join((self._first, *(self._held or ())))
        if self._held:
            self._first = b""  # not all of the body is kept
        self._held = None
        connection.begin(self, render_request(self, self.pool, body))
        if not self.request_done:
            self.client.resume_reading()

    # from the upstream

    def receive_interim(self, head: ResponseHead) -> None:
        self.since = self.forwarder.now
        if self.client.http11 and not self.answered:
            self.client.send_interim(head)

    def receive_head(self, head: ResponseHead, body: Body, data: bytes, last: bool) -> None:
        now = self.head_at = self.forwarder.monotonic()
        self.answered = True
        self.status = head.status
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
        # `_first` still is the whole body: nothing was sent behind it.
        whole = self.request_done and (bool(self._first) or not self.head.has_body)
        return whole and not self.retried and self.method in REPEATABLE

    # ends

    def expire(self) -> None:
        """The time limit of the phase is over."""
        if self.phase is CONNECT:
            self.fail(Outcome.CONNECT_TIMEOUT)
        elif self.phase is REQUEST and not self._upstream_full:
            self.fail(Outcome.BODY_TIMEOUT)
        elif self.phase in (REQUEST, RESPONSE):
            self.fail(Outcome.RESPONSE_TIMEOUT)
        elif self.phase is BODY and self.client.stalled:
            self.client.abort()  # it does not read; nothing more to say to it
            self.client_gone()
        elif self.phase is BODY:
            self.fail(Outcome.IDLE_TIMEOUT)

    def fail(self, outcome: Outcome, detail: str | None = None, *, log: str = "") -> None:
        """End with an error: as an answer of our own, or, behind the head of another, as a broken connection."""
        if self.phase is DONE:
            return
        blamed = outcome in UPSTREAM_BLAMED
        if blamed and self.pool is not None:
            self.forwarder.report_failure(self, outcome, log)
        answered = self.answered
        if not answered:
            self.status = STATUS[outcome]
        self._finish(outcome)
        if answered:
            self.client.abort()
        else:
            request_id = self.request_id.decode("ascii")
            self._answer_locally(problem(self.status, outcome.value, request_id, detail))

    def _answer_here(self) -> None:
        """There is an answer of our own: nothing is sent anywhere."""
        answer = self.answer or self.plan.answer
        assert answer is not None
        self.status = answer.status
        self._finish(ANSWERED)
        if answer.status >= 400:
            explained = problem(answer.status, "retired", self.request_id.decode("ascii"))
            answer = replace(explained, lines=(*explained.lines, *answer.lines))
        self._answer_locally(answer)

    def _answer_locally(self, answer: LocalAnswer) -> None:
        if self.tells_decision:
            answer = replace(answer, lines=(*answer.lines, decision_line(self)))
        self.client.send_local(self, answer)

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
            connection.end(self.request_done, now)

    def _finish(self, outcome: Outcome) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
            self._connecting = None
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()
        self.phase = DONE
        self.forwarder.in_flight.discard(self)
        self._record(outcome, self.forwarder.monotonic())

    def _record(self, outcome: Outcome, now: float) -> None:
        self.plan.stats.observe(self.status, now - self.started)
        if self.origin.active.log_all or self.status >= 499 or outcome is not ANSWERED:
            self.forwarder.log(self, outcome, now)

    def __repr__(self) -> str:
        return f"<Exchange {self.head!r} {self.phase.name} status={self.status}>"
