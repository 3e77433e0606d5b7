"""Who may go with whom."""

from proxy.comparison.matching import match


def test_as_few_as_possible_are_left() -> None:
    """Whoever takes the first that fits leaves two here."""
    friends = {0: {0, 1}, 1: {0}}
    assert match([0, 1], [0, 1], lambda one, other: other in friends[one]) == ([], [])


def test_those_whom_nobody_fits_are_left_on_both_sides() -> None:
    assert match([1, 2, 3], [3, 4], lambda one, other: one == other) == ([1, 2], [4])
    assert match([], [1], lambda one, other: True) == ([], [1])
    assert match([1], [], lambda one, other: True) == ([1], [])
