"""The circuit breaker, as transcripts."""

from typing import Any

import pytest

from proxy.resilience import breaker as module
from proxy.resilience.breaker import TRANSITIONS, Breaker, BreakerSettings, Event, State

ADMITTED, REFUSED = 0.0, 0.999  # draws: a recovering breaker lets the first in and not the second


def breaker(**settings: Any) -> Breaker:
    return Breaker(BreakerSettings(**{"min_requests": 4, **settings}))


def requests(breaker: Breaker, outcomes: str, now: float) -> None:
    """Whole exchanges, one after the other: `x` fails, `.` does not."""
    for outcome in outcomes:
        permit = breaker.admit(now, ADMITTED)
        assert permit is not None, "it was refused"
        breaker.record(permit, outcome == "x", now)


def opened(now: float = 100.0, **settings: Any) -> Breaker:
    found = breaker(**settings)
    requests(found, "xxxx", now)
    assert found.state is State.OPEN
    return found


def probing(now: float = 105.0, **settings: Any) -> tuple[Breaker, int]:
    found = opened(now - 5, **settings)
    permit = found.admit(now, REFUSED)
    assert permit is not None
    return found, permit


def recovering(now: float = 105.0, **settings: Any) -> Breaker:
    found, permit = probing(now, **settings)
    found.record(permit, False, now)
    assert found.state is State.RECOVERING
    return found


# opening


def test_a_new_breaker_is_closed_and_lets_everything_through() -> None:
    found = breaker()
    assert found.closed
    assert all(found.admit(100.0, REFUSED) == found.era for _ in range(100))
    assert (found.opened_total, found.refused_total) == (0, 0)


@pytest.mark.parametrize(
    ("outcomes", "opens"),
    [("xxx", False), ("...x", False), ("..xx", True), ("xx..", False), ("xxx.x", True), (".........x", False)],
)
def test_it_opens_with_a_failure_when_enough_requests_failed_by_share(outcomes: str, opens: bool) -> None:
    found = breaker(open_at=0.5)
    requests(found, outcomes, 100.0)
    assert (found.state is State.OPEN) is opens
    assert found.closed is not opens


def test_failures_that_have_left_the_window_do_not_open_it() -> None:
    found = breaker(window=10.0)
    requests(found, "xxx", 100.0)
    requests(found, "x", 112.0)
    assert found.closed


def test_with_a_share_of_one_a_single_success_keeps_it_closed() -> None:
    found = breaker(open_at=1.0)
    requests(found, ".xxxxxxxx", 100.0)
    assert found.closed


def test_an_outcome_nobody_knows_counts_for_nothing() -> None:
    found = breaker()
    for _ in range(10):
        found.abandon(found.era)
    requests(found, "xxx", 100.0)
    assert found.closed


# open


def test_while_it_is_open_nobody_is_let_through() -> None:
    found = opened(100.0, try_again_after=5.0)
    assert [found.admit(at, ADMITTED) for at in (100.0, 102.5, 104.9)] == [None, None, None]
    assert (found.opened_total, found.refused_total) == (1, 3)


def test_whether_it_rests_can_be_asked_without_taking_the_probe() -> None:
    found = opened()
    assert (found.is_resting(104.9), found.is_resting(105.0)) == (True, False)
    assert found.admit(105.0, REFUSED) is not None
    assert not found.is_resting(105.0)
    assert not breaker().is_resting(0.0)


def test_those_refused_are_told_when_it_may_be_worth_asking_again() -> None:
    found = opened(100.0, try_again_after=5.0)
    assert [found.retry_after(at) for at in (100.0, 104.0, 109.0)] == [5.0, 1.0, 0.0]


def test_outcomes_of_requests_under_way_when_it_opened_change_nothing() -> None:
    found = breaker()
    late = found.era
    requests(found, "xxxx", 100.0)
    found.record(late, True, 101.0)
    found.record(late, False, 101.0)
    assert (found.state, found.opened_total) == (State.OPEN, 1)
    assert found.admit(105.0, ADMITTED) is not None, "it tries again when it would have"


# half open


def test_exactly_one_probe_is_let_through() -> None:
    found, _ = probing(105.0)
    assert found.state is State.HALF_OPEN
    assert [found.admit(at, ADMITTED) for at in (105.0, 106.0, 1000.0)] == [None, None, None]


def test_as_many_probes_as_are_allowed_are_let_through_and_all_must_succeed() -> None:
    found = opened(100.0, probes=3)
    permits = [found.admit(105.0, ADMITTED) for _ in range(5)]
    assert [permit is None for permit in permits] == [False, False, False, True, True]
    for permit in permits[:2]:
        assert permit is not None
        found.record(permit, False, 106.0)
        assert found.state is State.HALF_OPEN
        assert found.admit(106.0, ADMITTED) is None, "a probe that succeeded makes no place for another"
    assert permits[2] is not None
    found.record(permits[2], False, 106.0)
    assert found.state is State.RECOVERING


def test_a_probe_that_fails_opens_it_again_for_as_long() -> None:
    found, permit = probing(105.0, try_again_after=5.0)
    found.record(permit, True, 107.0)
    assert (found.state, found.opened_total) == (State.OPEN, 2)
    assert found.admit(111.9, ADMITTED) is None
    assert found.admit(112.0, ADMITTED) is not None


def test_the_place_of_an_abandoned_probe_goes_to_the_next_request() -> None:
    found, permit = probing(105.0)
    found.abandon(permit)
    assert found.admit(106.0, ADMITTED) is not None
    assert found.admit(106.0, ADMITTED) is None


def test_the_probe_of_an_earlier_era_neither_closes_nor_frees_a_place() -> None:
    found = opened(100.0, probes=2)
    early, failing = found.admit(105.0, ADMITTED), found.admit(105.0, ADMITTED)
    assert early is not None
    assert failing is not None
    found.record(failing, True, 105.0)
    assert [found.admit(110.0, ADMITTED) is None for _ in range(3)] == [False, False, True]
    found.record(early, False, 110.0)
    found.abandon(early)
    assert found.state is State.HALF_OPEN
    assert found.admit(110.0, ADMITTED) is None


def test_a_late_failure_from_before_does_not_judge_the_probe() -> None:
    found = breaker()
    late = found.era
    requests(found, "xxxx", 100.0)
    probe = found.admit(105.0, ADMITTED)
    assert probe is not None
    found.record(late, True, 106.0)
    assert found.state is State.HALF_OPEN
    found.record(probe, False, 106.0)
    assert found.state is State.RECOVERING


# recovering


def test_the_share_admitted_rises_linearly() -> None:
    found = recovering(105.0, recovery=10.0)
    draws = [number / 100 for number in range(100)]
    shares = [sum(found.admit(at, draw) is not None for draw in draws) for at in (105.0, 106.0, 110.0, 114.0)]
    assert shares == [0, 10, 50, 90]
    assert not found.closed


def test_it_is_closed_when_it_has_recovered() -> None:
    found = recovering(105.0, recovery=10.0)
    assert found.admit(115.0, REFUSED) is not None
    assert found.closed
    assert found.retry_after(115.0) == 0.0


def test_it_recovers_in_the_time_after_which_it_tried_again_unless_told_otherwise() -> None:
    assert BreakerSettings(try_again_after=3.0).recovery_seconds == 3.0
    assert BreakerSettings(try_again_after=3.0, recovery=0.0).recovery_seconds == 0.0


def test_without_a_recovery_the_first_request_after_the_probe_closes_it() -> None:
    found = recovering(105.0, recovery=0.0)
    assert found.admit(105.0, REFUSED) is not None
    assert found.closed


def test_a_breach_while_it_recovers_opens_it_again() -> None:
    found = recovering(105.0)
    requests(found, "..xx", 109.0)
    assert (found.state, found.opened_total) == (State.OPEN, 2)


def test_failures_from_before_it_opened_do_not_count_while_it_recovers() -> None:
    found = recovering(105.0)
    requests(found, "xxx", 109.0)
    assert found.state is State.RECOVERING


def test_late_failures_of_requests_from_before_do_not_count_against_one_that_is_back() -> None:
    found = breaker()
    late = found.era
    requests(found, "xxxx", 100.0)
    probe = found.admit(105.0, ADMITTED)
    assert probe is not None
    found.record(probe, False, 105.0)
    for _ in range(100):
        found.record(late, True, 106.0)
    assert found.state is State.RECOVERING
    found.admit(110.0, ADMITTED)
    for _ in range(100):
        found.record(late, True, 110.0)
    assert found.closed


def test_those_refused_while_it_recovers_are_told_when_it_will_be_closed() -> None:
    found = recovering(105.0, recovery=10.0)
    assert found.retry_after(107.0) == 8.0


# configuration and description


def test_other_settings_keep_the_state_and_the_window() -> None:
    found = breaker(open_at=1.0)
    requests(found, "..xxx", 100.0)
    found.reconfigure(BreakerSettings(open_at=0.5, min_requests=4, try_again_after=1.0))
    assert found.closed
    requests(found, "x", 100.0)
    assert found.state is State.OPEN
    found.reconfigure(BreakerSettings(try_again_after=60.0))
    assert found.state is State.OPEN
    assert found.admit(159.0, ADMITTED) is None
    assert found.admit(160.0, ADMITTED) is not None


def test_a_window_of_another_length_begins_empty() -> None:
    found = breaker(window=10.0)
    requests(found, "xxx", 100.0)
    found.reconfigure(BreakerSettings(window=20.0, min_requests=4))
    requests(found, "xxx", 100.0)
    assert found.closed


@pytest.mark.parametrize(
    "settings",
    [{"open_at": 0.0}, {"open_at": 1.1}, {"min_requests": 0}, {"probes": 0}, {"try_again_after": 0.0}, {"window": 0.0}],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"share|at least 1|time|length"):
        breaker(**settings)


def test_it_describes_itself() -> None:
    found = opened(100.0)
    found.admit(101.0, ADMITTED)
    assert found.describe(102.0) == {
        "state": "open",
        "since_seconds": 2.0,
        "requests": 4,
        "failures": 4,
        "retry_after_seconds": 3.0,
        "opened_total": 1,
        "refused_total": 1,
    }
    assert breaker().describe(100.0)["since_seconds"] is None


def test_the_table_is_the_one_in_the_documentation() -> None:
    assert module.__doc__ is not None
    rows = [line.split() for line in module.__doc__.splitlines() if line.startswith("    ")][1:]
    assert {(State(row[0]), Event(row[1])): State(row[2]) for row in rows} == TRANSITIONS
