"""Retries, whatever comes back: never too many, never a write twice, never beyond the deadline or the budget."""

from fractions import Fraction
from random import Random

from hypothesis import assume, given
from hypothesis import strategies as st

from proxy.resilience.attempts import Failed, GiveUp, Means, Pause, Repeatable, RetrySettings, Try, retrying
from proxy.resilience.balancing import LeastRequests
from proxy.resilience.deadline import Deadline
from proxy.resilience.endpoint import Endpoint
from proxy.resilience.outcome import CONNECT_ERROR, RESET, TIMEOUT, Conditions, Failure
from proxy.resilience.retry import IDEMPOTENT, Budget

ALL = Conditions((CONNECT_ERROR, RESET, TIMEOUT), range(400, 600))
FAILURES = st.builds(
    Failure,
    st.sampled_from([CONNECT_ERROR, RESET, TIMEOUT]),
    sent=st.booleans(),
    body_whole=st.booleans(),
) | st.builds(
    Failure,
    st.none(),
    st.integers(400, 599),
    body_whole=st.booleans(),
    retry_after=st.none() | st.floats(0, 20),
)
LATE = st.sampled_from([0.0, 0.01, 0.5])


@given(
    request=st.builds(Repeatable, st.sampled_from(["GET", "PUT", "POST", "PATCH"]), st.booleans()),
    settings=st.builds(RetrySettings, st.integers(1, 6), st.sampled_from([0.0, 0.1, 2.0]), st.just(ALL)),
    total=st.floats(0.1, 9.9),  # shorter than the budget's window, so that nothing of it comes back
    count=st.integers(1, 3),
    failures=st.lists(st.tuples(FAILURES, st.floats(0, 1), LATE), min_size=8, max_size=8),
    allowed=st.integers(0, 5),
    seed=st.integers(0, 2**32),
)
def test_no_promise_is_broken(request, settings, total, count, failures, allowed, seed) -> None:
    now, draw = 1000.0, Random(seed).random
    endpoints = [Endpoint(f"http://{number}", 0.0) for number in range(count)]
    budget = Budget(0.0, floor=allowed / 10)
    deadline = Deadline(now, total=total, attempt=5.0)
    means = Means(settings, budget, LeastRequests(endpoints, draw), draw)
    failure, share, late = failures[0]
    now += share * total
    tried = [endpoints[0]]
    steps = retrying(means, request, deadline, endpoints[0], Failed(failure, now))
    step = next(steps)
    while not isinstance(step, GiveUp):
        if isinstance(step, Pause):
            assert len(tried) < count or step.seconds >= (failure.retry_after or 0.0)
            assert now + step.seconds < deadline.ends
            now += step.seconds + late
            step = steps.send(now)
            continue
        assert isinstance(step, Try)
        assert not failure.sent or (failure.body_whole and (request.idempotency_key or request.method in IDEMPOTENT)), (
            "it was repeated though it might do its work twice"
        )
        assert now < deadline.ends
        assert 0 < step.seconds <= min(5.0, deadline.ends - now)
        assert len(tried) >= count or step.endpoint not in tried, "another one had not been tried"
        tried.append(step.endpoint)
        assert len(tried) <= settings.attempts
        assert len(tried) - 1 <= allowed, "more retries than the budget had"
        failure, share, late = failures[len(tried)]
        now += share * step.seconds
        step = steps.send(Failed(failure, now))


@given(
    share=st.sampled_from([0.0, 0.1, 0.2, 1.0]),
    floor=st.sampled_from([0.0, 0.5, 3.0]),
    history=st.lists(st.tuples(st.sampled_from([0.0, 0.001, 0.3, 2.0, 11.0]), st.booleans()), max_size=300),
)
def test_retries_in_any_ten_seconds_are_a_share_of_the_requests_or_the_floor(share, floor, history) -> None:
    """The window is up to a tenth longer than ten seconds, so the requests are those of eleven."""
    budget, now = Budget(share, floor), 1000.0
    requests: list[float] = []
    retries: list[float] = []
    for seconds, retry in history:
        now += seconds
        if not retry:
            budget.record_request(now)
            requests.append(now)
        elif budget.withdraw(now):
            retries.append(now)
            lately = sum(at > now - 10 for at in retries)
            base = sum(at >= now - 11 for at in requests)
            assert lately <= max(Fraction(share) * base, Fraction(floor) * 10) + Fraction(1, 10**6)
        else:
            lately = sum(at >= now - 11 for at in retries)
            base = sum(at > now - 10 for at in requests)
            assert lately + 1 > max(share * base, floor * 10), "it was refused though there was something left"


@given(st.integers(0, 400), st.integers(1, 5))
def test_a_storm_adds_a_fifth_and_no_more(requests: int, attempts: int) -> None:
    """Every try fails, everybody retries as often as they may."""
    assume(requests > 0)
    budget, draw = Budget(0.2, floor=0.0), Random(requests).random
    endpoints = [Endpoint("http://a", 0.0), Endpoint("http://b", 0.0)]
    means = Means(RetrySettings(attempts, 0.0), budget, LeastRequests(endpoints, draw), draw)
    sent = 0
    for number in range(requests):
        now = 1000.0 + number / 1000
        budget.record_request(now)
        sent += 1
        failed = Failed(Failure(RESET), now)
        steps = retrying(means, Repeatable("GET"), Deadline(now), endpoints[0], failed)
        step = next(steps)
        while not isinstance(step, GiveUp):
            sent += 1
            step = steps.send(failed)
    assert sent <= 1.2 * requests
