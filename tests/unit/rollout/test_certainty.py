"""When counts tell something for certain, whatever chance did."""

from math import inf, isclose, sqrt

import pytest

from proxy.comparison.noise import wilson
from proxy.rollout.certainty import (
    CERTAIN,
    FEWEST_BAD,
    certainly_above,
    certainly_more,
    certainly_times,
    quantile_bounds,
)
from tests.support.counted import answers


def reference(count: int, of: int, z: float) -> tuple[float, float]:
    """Wilson's bounds as what they are: the shares from which the count lies just z standard errors away."""

    def far(share: float) -> float:
        return abs(count / of - share) - z * sqrt(share * (1 - share) / of)

    def solve(inside: float, outside: float) -> float:
        for _ in range(200):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if far(middle) <= 0 else (inside, middle)
        return inside

    return solve(count / of, 0.0), solve(count / of, 1.0)


@pytest.mark.parametrize("z", [1.96, CERTAIN])
@pytest.mark.parametrize(("count", "of"), [(0, 5), (1, 20), (5, 5), (25, 500), (499, 500), (3, 100_000)])
def test_the_bounds_are_where_the_count_is_just_that_unlikely(count: int, of: int, z: float) -> None:
    rate, (low, high) = wilson(count, of, z), reference(count, of, z)
    assert isclose(rate.low, low, abs_tol=1e-9)
    assert isclose(rate.high, high, abs_tol=1e-9)


def test_certain_is_what_all_looks_of_a_rollout_together_may_err_by() -> None:
    assert round(CERTAIN, 2) == 3.89


def test_a_service_that_is_broken_is_certain_after_a_few_answers() -> None:
    assert certainly_above(FEWEST_BAD, FEWEST_BAD, 0.001)
    assert not certainly_above(FEWEST_BAD - 1, FEWEST_BAD - 1, 0.001)


@pytest.mark.parametrize(("bad", "of", "certain"), [(25, 500, True), (1, 500, False), (4, 500, False), (5, 100, True)])
def test_a_share_is_above_a_limit_when_chance_cannot_explain_it(bad: int, of: int, certain: bool) -> None:
    assert certainly_above(bad, of, 0.001) is certain


def test_two_sides_that_fail_alike_are_not_told_apart() -> None:
    assert not certainly_more(50, 1000, 50, 1000, 0.001)
    assert not certainly_more(60, 1000, 50, 1000, 0.001)
    assert certainly_more(100, 1000, 5, 1000, 0.001)


def test_nothing_is_certain_beside_a_side_that_answered_nothing() -> None:
    assert not certainly_more(500, 500, 0, 0, 0.001)
    assert not certainly_times(500, 500, 0, 0, 1.0)


def test_a_multiple_is_judged_by_the_highest_that_the_other_side_may_be() -> None:
    assert certainly_times(100, 1000, 5, 1000, 2.0)
    assert not certainly_times(20, 1000, 5, 1000, 2.0)


def test_a_quantile_lies_between_bounds_of_buckets() -> None:
    assert quantile_bounds(answers(1000, seconds=0.012), 0.95, 1.96) == (0.01, 0.015)
    assert quantile_bounds(answers(1000, seconds=[0.012] * 970 + [0.3] * 30), 0.95, 1.96) == (0.01, 0.015)
    low, high = quantile_bounds(answers(1000, seconds=[0.012] * 950 + [0.3] * 50), 0.95, 1.96)
    assert (low, high) == (0.01, 0.35)


def test_few_answers_bound_a_quantile_loosely() -> None:
    assert quantile_bounds(answers(0), 0.95, 1.96) == (0.0, inf)
    assert quantile_bounds(answers(10, seconds=0.012), 0.95, CERTAIN) == (0.01, inf)
    assert quantile_bounds(answers(10, seconds=20.0), 0.95, CERTAIN) == (10.0, inf)
