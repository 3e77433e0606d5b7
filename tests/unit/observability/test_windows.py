"""Both sides of a route over the same last while: counted, shared out and timed, within bounds."""

import pytest

from proxy.observability.windows import Answers, Readings, Sides, Windows, read_sides
from tests.support.counted import NOTHING, answers, batch, totals


def readings(service: Answers, legacy: Answers = NOTHING) -> Readings:
    return {"r": Sides(legacy, service)}


def test_both_sides_are_counted_over_the_same_window() -> None:
    windows = Windows()
    windows.follow({"r": 10.0})
    for second in range(31):
        windows.note(second, readings(answers(second * 5, second), answers(second * 100)))
    seen = windows.seen("r")
    assert seen is not None
    assert (seen.seconds, seen.whole) == (10.0, True)
    assert (seen.sides.service.requests, seen.sides.service.errors) == (50, 10)
    assert seen.sides.legacy.requests == 1000


def test_a_window_is_not_whole_before_its_time_is_over() -> None:
    windows = Windows()
    windows.follow({"r": 10.0})
    assert windows.seen("r") is None
    windows.note(100.0, readings(answers(7)))
    assert windows.seen("r") is None
    windows.note(105.0, readings(answers(9)))
    seen = windows.seen("r")
    assert seen is not None
    assert (seen.seconds, seen.whole, seen.sides.service.requests) == (5.0, False, 2)


def test_counts_that_go_back_begin_anew() -> None:
    windows = Windows()
    windows.follow({"r": 2.0})
    for second, count in enumerate((50, 60, 70, 3)):
        windows.note(second, readings(answers(count)))
    assert windows.seen("r") is None
    windows.note(4, readings(answers(5)))
    seen = windows.seen("r")
    assert seen is not None
    assert (seen.sides.service.requests, seen.whole) == (2, False)


def test_a_side_that_appears_later_is_counted_from_nothing() -> None:
    windows = Windows()
    windows.follow({"r": 5.0})
    windows.note(0, readings(Answers()))
    windows.note(1, readings(answers(4, 1)))
    seen = windows.seen("r")
    assert seen is not None
    assert (seen.sides.service.requests, sum(seen.sides.service.durations)) == (4, 4)


def test_no_more_readings_are_kept_than_a_window_has_seconds() -> None:
    windows = Windows()
    windows.follow({"r": 10.0})
    for second in range(1000):
        windows.note(second, readings(answers(second)))
    assert len(windows._rings["r"]._kept) <= 10 + Windows.SPARE + 1


def test_looks_that_come_late_widen_the_window_rather_than_leave_it_short() -> None:
    windows = Windows()
    windows.follow({"r": 10.0})
    for second in (0, 4, 8, 12, 16):
        windows.note(second, readings(answers(second)))
    seen = windows.seen("r")
    assert seen is not None
    assert (seen.seconds, seen.sides.service.requests) == (12.0, 12)


def test_routes_that_are_followed_no_more_and_other_windows_begin_anew() -> None:
    windows = Windows()
    windows.follow({"r": 2.0, "s": 2.0})
    for second in range(3):
        windows.note(second, {"r": Sides(), "s": Sides()})
    windows.follow({"r": 2.0})
    assert windows.seen("r") is not None
    assert windows.seen("s") is None
    windows.follow({"r": 3.0})
    assert windows.seen("r") is None


def test_a_route_that_was_not_read_keeps_what_is_known() -> None:
    windows = Windows()
    windows.follow({"r": 2.0})
    windows.note(0, readings(answers(1)))
    windows.note(1, {})
    assert windows.seen("r") is None


def test_workers_are_read_by_route_and_side() -> None:
    one = batch("r", answers(10, 1), answers(4, 2))
    found = read_sides(totals(one, one, batch("other", answers(99))), ["r"])
    assert list(found) == ["r"]
    assert (found["r"].legacy.requests, found["r"].legacy.errors) == (20, 2)
    assert (found["r"].service.requests, found["r"].service.errors) == (8, 4)
    assert sum(found["r"].service.durations) == 8


def test_a_fallback_is_the_services_answer_and_an_error_unless_it_had_a_status_below_500() -> None:
    counted = batch("r", answers(10), answers(4), {"connect_error": 2, "503": 1, "404": 5})
    counted["requests"] += [["r", "legacy", "fallback", "2xx", 7], ["r", "legacy", "breaker", "5xx", 1]]
    found = read_sides(totals(counted), ["r"])["r"]
    assert (found.service.requests, found.service.errors) == (12, 3)
    assert (found.legacy.requests, found.legacy.errors) == (10, 0)


def test_a_client_that_left_is_no_error() -> None:
    counted = batch("r")
    counted["requests"] += [["r", "service", "weight", "4xx", 3]]
    found = read_sides(totals(counted), ["r"])["r"]
    assert (found.service.requests, found.service.errors) == (3, 0)


def test_a_route_that_nothing_is_counted_of_has_two_empty_sides() -> None:
    assert read_sides(totals(), ["r"]) == {"r": Sides()}


@pytest.mark.parametrize(
    ("took", "share", "expected"),
    [
        ([0.012] * 100, 0.95, 0.01475),  # all in (10, 15]: interpolated, wrong by less than the bucket is wide
        ([0.0005] * 10, 0.5, 0.0005),
        ([0.012] * 90 + [0.3] * 10, 0.95, 0.30),
        ([20.0] * 10, 0.95, 10.0),  # slower than the last bound: at least that
    ],
)
def test_quantiles_are_interpolated_inside_a_bucket(took: list[float], share: float, expected: float) -> None:
    assert answers(len(took), seconds=took).quantile(share) == pytest.approx(expected)


def test_no_answer_has_no_quantile() -> None:
    assert Answers().quantile(0.95) is None
    assert answers(0).quantile(0.95) is None


def test_other_buckets_cannot_be_subtracted() -> None:
    assert answers(5).since(Answers(1, 0, (1.0,), (1, 0))) is None
