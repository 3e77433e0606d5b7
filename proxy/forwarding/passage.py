"""One request's way past the guards of its upstream: breaker, bulkhead, choice of an endpoint, tries after the first.

An exchange has one only where its upstream is guarded. It holds what has to be given back (a permit, a slot), and it
decides with `proxy.resilience`; sending and waiting are the exchange's, whose phases these are: QUEUED and PAUSE.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from proxy import clock
from proxy.forwarding.group import UpstreamGroup
from proxy.forwarding.outcome import Outcome
from proxy.forwarding.pool import EndpointPool
from proxy.resilience.attempts import Failed, GiveUp, Pause, Repeatable, Step, Steps, Try, retrying
from proxy.resilience.bulkhead import Entry
from proxy.resilience.deadline import Deadline
from proxy.resilience.outcome import Failure

if TYPE_CHECKING:
    from proxy.forwarding.tries import Tries

IDEMPOTENCY_KEY: Final = "idempotency-key"


class Passage:
    """Begins with `enter`; ends with `leave`, which gives back whatever it holds."""

    _permit = 0  # the breaker's, until the outcome is told
    _slot = False  # in the bulkhead
    _queued = False
    _steps: Steps | None = None
    _timer: asyncio.TimerHandle | None = None
    _key = b""

    def __init__(self, exchange: Tries, group: UpstreamGroup) -> None:
        self._exchange = exchange
        self._group = group

    # towards the endpoint

    def enter(self, now: float) -> None:
        """Past breaker and bulkhead, or into the queue, or refused."""
        group, exchange = self._group, self._exchange
        breaker, bulkhead = group.breaker, group.bulkhead
        if breaker is not None:
            permit = breaker.era if breaker.closed else breaker.admit(now, clock.draw())
            if permit is None:
                exchange.fail(Outcome.BREAKER_OPEN, retry_after=breaker.retry_after(now))
                return
            self._permit = permit
        if bulkhead is not None:
            if bulkhead.in_flight < bulkhead.max_in_flight:  # `enter`'s common way
                bulkhead.in_flight += 1
            elif bulkhead.enter(self) is Entry.QUEUED:
                self._queued = True
                exchange.wait_in_queue(now)
                return
            else:
                exchange.fail(Outcome.BULKHEAD_FULL)
                return
            self._slot = True
        self._choose(now)

    def wake(self) -> None:
        """A slot of the bulkhead has become this one's. It goes on in a turn of its own."""
        self._queued = False
        self._slot = True
        asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        if self._slot and self._exchange.leave_queue():
            self._choose(self._exchange.forwarder.monotonic())

    def _choose(self, now: float) -> None:
        group = self._group
        if group.key_of is not None:
            self._key = group.key_of(self._exchange.head, self._exchange.origin)
        if group.retries:
            group.budget.untold += 1
        state = group.balancer.choose(now, self._key)
        if state is None:
            self._exchange.fail(Outcome.NO_ENDPOINT)
        else:
            self._exchange.attempt(group.pools[state])

    # after a try that failed

    def another(self, pool: EndpointPool, failure: Failure, now: float) -> Step | None:
        """Whether, and when, the request is sent again after a try at `pool` failed."""
        if not self._group.retries:
            return None
        if self._steps is None:
            self._steps = retrying(
                self._group.means, self._describe(), self._deadline(), pool.state, Failed(failure, now)
            )
            return self._possible(next(self._steps))
        return self._possible(self._steps.send(Failed(failure, now)))

    def _possible(self, step: Step) -> Step | None:
        """None for the last step, and for a try at an endpoint that has been taken away meanwhile."""
        gone = isinstance(step, Try) and step.endpoint not in self._group.pools
        return None if gone or isinstance(step, GiveUp) else step

    def take(self, step: Step) -> None:
        """Do what `another` said."""
        if isinstance(step, Pause):
            self._timer = asyncio.get_running_loop().call_later(step.seconds, self._resume)
        elif isinstance(step, Try):
            self._exchange.attempt(self._group.pools[step.endpoint])

    def _resume(self) -> None:
        assert self._steps is not None
        self._timer = None
        step = self._possible(self._steps.send(self._exchange.forwarder.monotonic()))
        if step is None:
            self._exchange.give_up()
        else:
            self.take(step)

    def _describe(self) -> Repeatable:
        head = self._exchange.head
        return Repeatable(head.method, bool(head.values(IDEMPOTENCY_KEY)), self._key)

    def _deadline(self) -> Deadline:
        seconds = self._group.seconds
        return Deadline(self._exchange.started, seconds.total, seconds.response)

    # the end

    def settle(self, error: str | None, status: int, now: float) -> None:
        """Tell the breaker what came of the request."""
        permit, breaker = self._permit, self._group.breaker
        if breaker is None or not permit:
            return
        self._permit = 0
        if self._group.breaks_on.meets(error, status):
            breaker.record(permit, True, now)
        elif breaker.closed and permit == breaker.era:
            breaker.untold += 1  # `record`'s common way
        else:
            breaker.record(permit, False, now)

    def leave(self) -> None:
        """Give back what is held."""
        group = self._group
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._permit:
            assert group.breaker is not None
            group.breaker.abandon(self._permit)
            self._permit = 0
        if self._queued or self._slot:
            assert group.bulkhead is not None
            if self._queued:
                self._queued = False
                group.bulkhead.give_up(self)
            else:
                self._slot = False
                next_one = group.bulkhead.leave()
                if next_one is not None:
                    next_one.wake()
