"""Conditions and statuses as they are written, and what is said of those that are not."""

import pytest

from proxy.config.outcomes import condition, format_conditions, merge, statuses
from proxy.config.policy import Breaker, Conditions, ErrorCondition, Fallback, Retry
from proxy.config.refused import Refused


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("connect_error", Conditions((ErrorCondition.CONNECT_ERROR,))),
        ("timeout", Conditions((ErrorCondition.TIMEOUT,))),
        ("reset", Conditions((ErrorCondition.RESET,))),
        (503, Conditions(statuses=(503,))),
        ("404", Conditions(statuses=(404,))),
        ("4xx", Conditions(statuses=tuple(range(400, 500)))),
        ("5xx", Conditions(statuses=tuple(range(500, 600)))),
    ],
)
def test_a_condition_is_an_error_a_status_or_a_class(written: object, meant: Conditions) -> None:
    assert condition(written) == meant


@pytest.mark.parametrize(
    ("written", "message", "hint"),
    [
        ("time_out", "is not a condition: connect_error, timeout, reset, a status (503)", 'did you mean "timeout"?'),
        ("6xx", "is not a condition", None),
        (True, "is not a condition", None),
        (5.5, "is not a condition", None),
        (200, "is not the status of a failure", "400 to 599 are"),
        (600, "is not the status of a failure", "400 to 599 are"),
        ([], "is not a condition", None),
    ],
)
def test_anything_else_is_no_condition(written: object, message: str, hint: str | None) -> None:
    with pytest.raises(Refused) as caught:
        condition(written)
    assert message in caught.value.message
    assert caught.value.hint == hint


def test_a_list_is_merged_in_one_order_and_each_once() -> None:
    parts = map(condition, ["reset", 503, "timeout", 503, 404, "reset"])
    assert merge(parts) == Conditions((ErrorCondition.TIMEOUT, ErrorCondition.RESET), (404, 503))


@pytest.mark.parametrize(
    ("conditions", "written"),
    [
        (Retry().on, ["connect_error", "reset", 502, 503, 504]),
        (Breaker().on, ["connect_error", "timeout", "reset", "5xx"]),
        (Fallback().on, ["connect_error", "timeout", "reset", 502, 503, 504]),
        (Conditions(statuses=(404, *range(500, 600))), ["5xx", 404]),
    ],
)
def test_what_is_written_out_reads_back_the_same(conditions: Conditions, written: list[str | int]) -> None:
    assert format_conditions(conditions) == written
    assert merge(map(condition, written)) == conditions


@pytest.mark.parametrize(
    ("written", "meant"),
    [(200, (200, 200)), ("204", (204, 204)), ("2xx", (200, 299)), ("200-399", (200, 399)), ("200 - 204", (200, 204))],
)
def test_expected_statuses_are_one_a_class_or_a_range(written: object, meant: tuple[int, int]) -> None:
    assert statuses(written) == meant


@pytest.mark.parametrize("written", ["399-200", "2x", 99, 600, "ok", True, "200-", None])
def test_anything_else_is_no_range_of_statuses(written: object) -> None:
    with pytest.raises(Refused):
        statuses(written)
