"""Who may be repeated, after which pause, and how often."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from proxy.resilience.retry import Budget, backoff, may_repeat, parse_retry_after

NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"])
def test_an_idempotent_request_may_be_repeated_while_its_body_is_there(method: str) -> None:
    assert may_repeat(method, sent=True, idempotency_key=False, body_whole=True)
    assert not may_repeat(method, sent=True, idempotency_key=False, body_whole=False)


@pytest.mark.parametrize("method", ["POST", "PATCH", "CONNECT", "get", "PROPFIND", "LOCK"])
def test_another_may_be_repeated_only_with_an_idempotency_key(method: str) -> None:
    assert not may_repeat(method, sent=True, idempotency_key=False, body_whole=True)
    assert may_repeat(method, sent=True, idempotency_key=True, body_whole=True)
    assert not may_repeat(method, sent=True, idempotency_key=True, body_whole=False)


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
def test_what_was_not_sent_may_always_be_repeated(method: str) -> None:
    assert may_repeat(method, sent=False, idempotency_key=False, body_whole=True)


def test_the_longest_pause_doubles_up_to_ten_times_the_base() -> None:
    longest = [round(backoff(0.025, retry, 1.0), 3) for retry in (1, 2, 3, 4, 5, 6, 1000)]
    assert longest == [0.025, 0.05, 0.1, 0.2, 0.25, 0.25, 0.25]


def test_the_pause_is_anything_from_nothing_to_the_longest() -> None:
    assert [backoff(1.0, 2, draw) for draw in (0.0, 0.25, 0.5)] == [0.0, 0.5, 1.0]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        ("\t7 ", 7.0),
        ("Sun, 22 Nov 2026 12:00:30 GMT", 30.0),
        ("Sunday, 22-Nov-26 12:00:30 GMT", 30.0),
        ("Sun Nov 22 12:00:30 2026", 30.0),
        ("Sun, 22 Nov 2026 13:00:30 +0100", 30.0),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0.0),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("", None),
        ("soon", None),
        ("Sun, 99 Nov 2026 12:00:30 GMT", None),
        ("9" * 5000, float("inf")),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, seconds: float | None) -> None:
    assert parse_retry_after(value, NOON) == seconds


def test_a_date_is_compared_with_the_time_of_day_wherever_that_is() -> None:
    here = NOON.astimezone(timezone(timedelta(hours=5)))
    assert parse_retry_after("Sun, 22 Nov 2026 12:01:00 GMT", here) == 60.0


# the budget


def spent(budget: Budget, now: float, wishes: int) -> int:
    return sum(budget.withdraw(now) for _ in range(wishes))


def test_a_fifth_of_the_requests_may_be_retried() -> None:
    budget = Budget(0.2, floor=0.0)
    for _ in range(100):
        budget.record_request(100.0)
    assert spent(budget, 100.0, 50) == 20
    assert (budget.retries_total, budget.refused_total) == (20, 30)


def test_in_quiet_hours_there_is_the_floor() -> None:
    assert spent(Budget(0.2, floor=2.0), 100.0, 50) == 20, "two a second, over ten seconds"


def test_the_floor_is_not_added_to_the_share() -> None:
    budget = Budget(0.2, floor=1.0)
    for _ in range(100):
        budget.record_request(100.0)
    assert spent(budget, 100.0, 50) == 20


def test_what_was_spent_comes_back_after_ten_seconds() -> None:
    budget = Budget(0.2, floor=1.0)
    assert spent(budget, 100.0, 50) == 10
    assert spent(budget, 109.9, 50) == 0
    assert spent(budget, 111.0, 50) == 10


def test_without_share_and_floor_nothing_is_retried() -> None:
    budget = Budget(0.0, floor=0.0)
    budget.record_request(100.0)
    assert spent(budget, 100.0, 5) == 0


def test_another_budget_knows_what_was_spent() -> None:
    budget = Budget(0.2, floor=1.0)
    assert spent(budget, 100.0, 50) == 10
    budget.reconfigure(0.2, 1.5)
    assert spent(budget, 100.0, 50) == 5


def test_a_negative_budget_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        Budget(-0.1)


def test_it_describes_itself() -> None:
    budget = Budget(0.0, floor=0.1)
    budget.record_request(100.0)
    assert spent(budget, 100.0, 2) == 1
    assert budget.describe(101.0) == {"requests": 1, "retries": 1, "retries_total": 1, "refused_total": 1}
