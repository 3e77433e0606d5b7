"""What is known of one endpoint."""

import pytest

from proxy.resilience.endpoint import Endpoint


def test_a_new_one_is_usable_and_idle() -> None:
    endpoint = Endpoint("http://a", 100.0)
    assert endpoint.usable(100.0)
    assert (endpoint.in_flight, endpoint.requests_total, endpoint.failures_total) == (0, 0, 0)


def test_it_counts_what_is_in_flight_and_what_failed() -> None:
    endpoint = Endpoint("http://a", 100.0)
    for failed in (True, False, True, True):
        endpoint.begin()
        endpoint.begin()
        endpoint.end(failed, 101.0)
    assert (endpoint.in_flight, endpoint.requests_total, endpoint.failures_total) == (4, 8, 3)
    assert endpoint.failures == 2, "in a row"


def test_a_try_whose_end_nobody_saw_is_neither_a_failure_nor_a_success() -> None:
    endpoint = Endpoint("http://a", 100.0)
    for failed in (True, None):
        endpoint.begin()
        endpoint.end(failed, 101.0)
    assert (endpoint.in_flight, endpoint.failures, endpoint.failures_total) == (0, 1, 1)


def test_it_is_not_usable_while_it_is_out_or_its_probes_fail() -> None:
    endpoint = Endpoint("http://a", 100.0)
    endpoint.out_until = 105.0
    assert [endpoint.usable(at) for at in (104.9, 105.0)] == [False, True]
    endpoint.set_healthy(False, 106.0)
    assert not endpoint.usable(106.0)
    endpoint.set_healthy(True, 107.0)
    assert endpoint.usable(107.0)


@pytest.mark.parametrize(("age", "weight"), [(0.0, 0.1), (1.0, 0.1), (5.0, 0.5), (9.0, 0.9), (10.0, 1.0), (99.0, 1.0)])
def test_the_weight_of_a_fresh_one_rises_linearly_from_a_tenth(age: float, weight: float) -> None:
    assert Endpoint("http://a", 100.0).weight(100.0 + age, 10.0) == weight


def test_without_a_slow_start_it_has_its_full_weight_at_once() -> None:
    assert Endpoint("http://a", 100.0).weight(100.0, 0.0) == 1.0


def test_one_that_comes_back_starts_slowly_and_one_that_stayed_does_not() -> None:
    endpoint = Endpoint("http://a", 100.0)
    endpoint.set_healthy(True, 150.0)
    assert endpoint.weight(150.0, 10.0) == 1.0
    endpoint.set_healthy(False, 160.0)
    endpoint.set_healthy(True, 170.0)
    assert [endpoint.weight(at, 10.0) for at in (170.0, 175.0)] == [0.1, 0.5]


def test_it_describes_itself() -> None:
    endpoint = Endpoint("http://a", 100.0)
    endpoint.begin()
    endpoint.begin()
    endpoint.end(True, 101.0)
    endpoint.out_until = 105.0
    assert endpoint.describe(102.0) == {
        "endpoint": "http://a",
        "usable": False,
        "healthy": True,
        "ejected_for_seconds": 3.0,
        "ejected_total": 0,
        "in_flight": 1,
        "failures_in_a_row": 1,
        "last_failure_seconds": 1.0,
        "requests_total": 2,
        "failures_total": 1,
    }
    assert Endpoint("http://b", 100.0).describe(100.0)["last_failure_seconds"] is None
