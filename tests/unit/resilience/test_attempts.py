"""Retries, as transcripts: what was said to the generator, and what it answered."""

from itertools import count
from typing import Any

import pytest

from proxy.resilience.attempts import (
    Failed,
    GiveUp,
    Means,
    Pause,
    Reason,
    Repeatable,
    RetrySettings,
    Step,
    Steps,
    Try,
    retrying,
)
from proxy.resilience.balancing import RoundRobin
from proxy.resilience.deadline import Deadline
from proxy.resilience.endpoint import Endpoint
from proxy.resilience.outcome import CONNECT_ERROR, RESET, TIMEOUT, Conditions, Failure
from proxy.resilience.retry import Budget

REFUSED = Failure(CONNECT_ERROR, sent=False)
BROKEN = Failure(RESET)
GET, POST = Repeatable("GET"), Repeatable("POST")


class Upstream:
    """Three endpoints in turn, half of every longest pause, and a large budget unless told otherwise."""

    def __init__(self, *, budget: Budget | None = None, endpoints: int = 3, **settings: Any) -> None:
        self.endpoints = [Endpoint(f"http://{number}", 0.0) for number in range(endpoints)]
        self.budget = budget or Budget()
        settings = {"base": 0.1, "attempts": 3, **settings}
        balancer = RoundRobin(self.endpoints, lambda: 0.0)
        self.means = Means(RetrySettings(**settings), self.budget, balancer, lambda: 0.5)

    def steps(
        self, failure: Failure, request: Repeatable = GET, deadline: Deadline | None = None, at: float = 100.0
    ) -> Steps:
        first = self.endpoints[0] if self.endpoints else Endpoint("http://gone", 0.0)
        return retrying(self.means, request, deadline or Deadline(100.0), first, Failed(failure, at))


def reason(steps: Steps) -> Reason:
    step = next(steps)
    assert isinstance(step, GiveUp), step
    with pytest.raises(StopIteration):
        next(steps)
    return step.reason


def endpoint(step: Step) -> str:
    assert isinstance(step, Try), step
    return step.endpoint.name


def test_a_failed_try_is_repeated_on_others_after_longer_and_longer_pauses() -> None:
    steps = Upstream().steps(BROKEN)
    assert next(steps) == Pause(0.05)
    assert endpoint(steps.send(100.05)) == "http://1"
    assert steps.send(Failed(BROKEN, 101.0)) == Pause(0.1)
    assert endpoint(steps.send(101.1)) == "http://2"
    assert steps.send(Failed(BROKEN, 102.0)) == GiveUp(Reason.ATTEMPTS)
    with pytest.raises(StopIteration):
        next(steps)


def test_without_a_pause_the_next_try_comes_at_once() -> None:
    assert endpoint(next(Upstream(base=0.0).steps(BROKEN))) == "http://1"


def test_one_attempt_is_no_retry() -> None:
    assert reason(Upstream(attempts=1).steps(BROKEN)) is Reason.ATTEMPTS


@pytest.mark.parametrize(
    ("failure", "repeated"),
    [
        (REFUSED, True),
        (BROKEN, True),
        (Failure(TIMEOUT), False),
        (Failure(status=502), True),
        (Failure(status=503), True),
        (Failure(status=504), True),
        (Failure(status=500), False),
        (Failure(status=404), False),
    ],
)
def test_only_listed_failures_are_repeated(failure: Failure, repeated: bool) -> None:
    step = next(Upstream().steps(failure))
    assert step == (Pause(0.05) if repeated else GiveUp(Reason.CONDITION))


def test_the_list_can_be_another() -> None:
    upstream = Upstream(on=Conditions((TIMEOUT,), (500,)))
    assert reason(upstream.steps(BROKEN)) is Reason.CONDITION
    assert next(upstream.steps(Failure(TIMEOUT))) == Pause(0.05)


@pytest.mark.parametrize(
    ("request_", "failure", "repeated"),
    [
        (POST, REFUSED, True),
        (POST, BROKEN, False),
        (POST, Failure(status=503), False),
        (Repeatable("POST", idempotency_key=True), BROKEN, True),
        (Repeatable("POST", idempotency_key=True), Failure(RESET, body_whole=False), False),
        (Repeatable("PUT"), BROKEN, True),
        (Repeatable("PUT"), Failure(RESET, body_whole=False), False),
    ],
)
def test_nothing_is_repeated_that_might_be_done_twice(request_: Repeatable, failure: Failure, repeated: bool) -> None:
    step = next(Upstream().steps(failure, request_))
    assert step == (Pause(0.05) if repeated else GiveUp(Reason.NOT_REPEATABLE))


def test_a_write_that_was_refused_first_is_not_repeated_once_it_was_sent() -> None:
    steps = Upstream(base=0.0).steps(REFUSED, POST)
    assert endpoint(next(steps)) == "http://1"
    assert steps.send(Failed(BROKEN, 101.0)) == GiveUp(Reason.NOT_REPEATABLE)


def test_an_exhausted_budget_ends_it() -> None:
    upstream = Upstream(budget=Budget(0.0, floor=0.1), base=0.0)
    steps = upstream.steps(BROKEN)
    assert endpoint(next(steps)) == "http://1"
    assert steps.send(Failed(BROKEN, 101.0)) == GiveUp(Reason.BUDGET)
    assert upstream.budget.refused_total == 1


def test_what_is_not_repeated_for_another_reason_costs_no_budget() -> None:
    upstream = Upstream()
    assert reason(upstream.steps(BROKEN, POST)) is Reason.NOT_REPEATABLE
    assert reason(upstream.steps(BROKEN, deadline=Deadline(100.0, total=0.05))) is Reason.DEADLINE
    assert upstream.budget.retries_total == 0


def test_a_try_has_what_is_left_of_the_whole() -> None:
    steps = Upstream().steps(BROKEN, deadline=Deadline(100.0, total=5.0, attempt=2.0), at=102.0)
    assert next(steps) == Pause(0.05)
    step = steps.send(103.5)
    assert isinstance(step, Try)
    assert step.seconds == 1.5


def test_a_pause_that_took_longer_than_there_was_time_ends_it() -> None:
    steps = Upstream().steps(BROKEN, deadline=Deadline(100.0, total=5.0))
    assert next(steps) == Pause(0.05)
    assert steps.send(105.0) == GiveUp(Reason.DEADLINE)


@pytest.mark.parametrize(
    ("retry_after", "step"),
    [(0.0, Pause(0.05)), (0.01, Pause(0.05)), (1.0, Pause(1.0)), (1.1, GiveUp(Reason.DEADLINE))],
)
def test_the_only_endpoint_is_waited_for_as_it_asks_or_the_client_is_told(retry_after: float, step: Step) -> None:
    steps = Upstream(endpoints=1).steps(Failure(status=503, retry_after=retry_after))
    assert next(steps) == step


def test_what_one_endpoint_asks_for_keeps_nobody_from_another() -> None:
    assert next(Upstream().steps(Failure(status=503, retry_after=60.0))) == Pause(0.05)


def test_nobody_waits_longer_for_a_retry_than_for_an_answer() -> None:
    deadline = Deadline(100.0, attempt=0.5)
    steps = Upstream(endpoints=1).steps(Failure(status=503, retry_after=0.9), deadline=deadline)
    assert reason(steps) is Reason.DEADLINE


def test_the_only_endpoint_is_tried_again() -> None:
    assert endpoint(next(Upstream(endpoints=1, base=0.0).steps(BROKEN))) == "http://0"


def test_when_the_last_endpoint_is_gone_there_is_nobody_to_ask() -> None:
    assert reason(Upstream(endpoints=0, base=0.0).steps(BROKEN)) is Reason.NO_ENDPOINT


@pytest.mark.parametrize("settings", [{"attempts": 0}, {"base": -1.0}])
def test_settings_that_make_no_sense_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="attempts is at least 1"):
        Upstream(**settings)


def test_attempts_are_counted_over_pauses_and_endpoints() -> None:
    steps = Upstream(attempts=10, base=0.0).steps(BROKEN)
    names = [endpoint(next(steps))]
    for second in count(101):
        step = steps.send(Failed(BROKEN, float(second)))
        if isinstance(step, GiveUp):
            break
        names.append(endpoint(step))
    assert len(names) == 9
    assert names[:2] == ["http://1", "http://2"], "those not tried yet come first"
