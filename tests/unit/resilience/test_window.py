"""Counts over the last seconds."""

import pytest

from proxy.resilience.window import Window


def test_it_counts_all_and_the_marked_ones() -> None:
    window = Window(10)
    for marked in (True, False, True):
        window.add(100.0, marked)
    assert (window.count, window.marked) == (3, 2)


def test_what_is_not_older_than_the_window_counts_and_what_is_a_tenth_older_does_not() -> None:
    window = Window(10)
    window.add(100.9, True)
    window.move(110.9)
    assert (window.count, window.marked) == (1, 1)
    window.move(112.0)
    assert (window.count, window.marked) == (0, 0)


def test_old_counts_go_one_by_one() -> None:
    window = Window(10)
    for second in range(100, 105):
        window.add(float(second), second % 2 == 0)
    left = []
    for second in range(110, 117):
        window.move(float(second))
        left.append((window.count, window.marked))
    assert left == [(5, 3), (4, 2), (3, 2), (2, 1), (1, 1), (0, 0), (0, 0)]


def test_after_a_long_silence_nothing_is_left() -> None:
    window = Window(10)
    window.add(100.0, True)
    window.move(1e9)
    assert (window.count, window.marked) == (0, 0)
    window.add(1e9)
    assert (window.count, window.marked) == (1, 0)


def test_time_that_goes_back_counts_as_the_newest() -> None:
    window = Window(10)
    window.add(100.0)
    window.add(95.0)
    window.move(90.0)
    window.move(110.0)
    assert window.count == 2


def test_a_window_without_length_is_refused() -> None:
    with pytest.raises(ValueError, match="length"):
        Window(0)
