"""What comes after a try that failed: the conversation of one exchange with the mechanisms, as a generator.

It decides whether there is another try, where, after which pause and for how long. It sends nothing and does not
wait; whoever drives it does, and tells it what came of it. It is made when a first try has failed, so that success
costs nothing.

    steps = retrying(…, endpoint, Failed(failure, now))
    step = next(steps)
    while the step is    Pause    wait, then                  step = steps.send(now)
                         Try      try; when that fails too    step = steps.send(Failed(failure, now))
                                  else drop the generator
    until it is          GiveUp   the last failure stands
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from proxy.resilience.balancing import Balancer, Draw
from proxy.resilience.deadline import Deadline
from proxy.resilience.endpoint import Endpoint
from proxy.resilience.outcome import CONNECT_ERROR, RESET, Conditions, Failure
from proxy.resilience.retry import Budget, backoff, may_repeat


@dataclass(frozen=True, slots=True)
class RetrySettings:
    """`attempts` counts all tries, the first included; `base` is the backoff's, in seconds."""

    attempts: int = 2
    base: float = 0.025
    on: Conditions = field(default_factory=lambda: Conditions((CONNECT_ERROR, RESET), (502, 503, 504)))

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.base < 0:
            raise ValueError("attempts is at least 1, and a pause is not negative")


class Reason(StrEnum):
    """Why there is no other try. The first that holds, in this order."""

    CONDITION = "condition"  # the failure is not one of those that are retried
    NOT_REPEATABLE = "not_repeatable"  # it might do its work twice, or its body is gone
    ATTEMPTS = "attempts"  # there were as many as there may be
    DEADLINE = "deadline"  # the pause, or what Retry-After asks, leaves no time
    BUDGET = "budget"  # too many retries in the last seconds
    NO_ENDPOINT = "no_endpoint"  # discovery has taken the last one away


@dataclass(frozen=True, slots=True)
class Pause:
    seconds: float


@dataclass(frozen=True, slots=True)
class Try:
    """`seconds`: until its answer must have begun."""

    endpoint: Endpoint
    seconds: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    reason: Reason


@dataclass(frozen=True, slots=True)
class Failed:
    failure: Failure
    at: float


@dataclass(frozen=True, slots=True)
class Repeatable:
    """Of a request, what says whether it may be repeated, and where it goes."""

    method: str
    idempotency_key: bool = False
    key: bytes = b""


@dataclass(frozen=True, slots=True)
class Means:
    """What an upstream's retries are made with."""

    settings: RetrySettings
    budget: Budget
    balancer: Balancer
    draw: Draw


LONGEST_WAIT: Final = 1.0
"""Seconds of a Retry-After that are waited for when nobody else is there to ask. The client is told of longer ones."""

Step = Try | Pause | GiveUp
Steps = Generator[Step, "Failed | float", None]


def retrying(means: Means, request: Repeatable, deadline: Deadline, tried: Endpoint, first: Failed) -> Steps:
    """The steps after a first try at `tried` has failed. The last one is always GiveUp.

    What the budget grants is spent, even where the pause then takes the time, or discovery the endpoint.
    """
    settings, seen, failed = means.settings, [tried], first
    while True:
        now = failed.at
        endpoint = means.balancer.choose(now, request.key, seen)
        asked = (failed.failure.retry_after or 0.0) if endpoint in seen else 0.0  # the wish of those who were asked
        pause = max(backoff(settings.base, len(seen), means.draw()), asked)
        reason = _refuses(settings, request, len(seen), failed.failure)
        if reason is None and (asked > LONGEST_WAIT or not deadline.fits(pause, now)):
            reason = Reason.DEADLINE
        if reason is None and not means.budget.withdraw(now):
            reason = Reason.BUDGET
        if reason is None and pause > 0:
            resumed = yield Pause(pause)
            assert isinstance(resumed, float | int), "a pause is answered with the time"
            now = resumed
            if not deadline.fits(0.0, now):
                reason = Reason.DEADLINE
        if reason is not None or endpoint is None:
            yield GiveUp(reason or Reason.NO_ENDPOINT)
            return
        seen.append(endpoint)
        answered = yield Try(endpoint, deadline.for_attempt(now))
        assert isinstance(answered, Failed), "a try is answered with its failure"
        failed = answered


def _refuses(settings: RetrySettings, request: Repeatable, tries: int, failure: Failure) -> Reason | None:
    if not settings.on.meets(failure.error, failure.status):
        return Reason.CONDITION
    if not may_repeat(
        request.method,
        sent=failure.sent,
        idempotency_key=request.idempotency_key,
        body_whole=failure.body_whole,
    ):
        return Reason.NOT_REPEATABLE
    return Reason.ATTEMPTS if tries >= settings.attempts else None
