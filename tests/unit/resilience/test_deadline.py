"""How much time is left."""

from math import inf

import pytest

from proxy.resilience.deadline import Deadline


@pytest.mark.parametrize(("now", "seconds"), [(100.0, 2.0), (103.0, 2.0), (104.0, 1.0), (105.0, 0.0), (109.0, 0.0)])
def test_a_try_has_its_own_limit_but_never_more_than_is_left(now: float, seconds: float) -> None:
    assert Deadline(100.0, total=5.0, attempt=2.0).for_attempt(now) == seconds


@pytest.mark.parametrize(("pause", "fits"), [(0.0, True), (0.9, True), (1.0, False), (5.0, False)])
def test_a_pause_fits_when_something_is_left_after_it(pause: float, fits: bool) -> None:
    assert Deadline(100.0, total=5.0).fits(pause, 104.0) is fits


def test_a_pause_that_is_longer_than_a_whole_try_does_not_fit() -> None:
    deadline = Deadline(100.0, attempt=30.0)
    assert deadline.fits(30.0, 100.0)
    assert not deadline.fits(30.1, 100.0)


def test_without_limits_there_is_always_time() -> None:
    deadline = Deadline(100.0)
    assert deadline.for_attempt(1e9) == inf
    assert deadline.fits(1e9, 1e9)
