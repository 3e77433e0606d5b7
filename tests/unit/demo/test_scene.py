"""What the tour does with a claim."""

import pytest

from proxy.demo.errors import StepFailed
from proxy.demo.scene import expect


def test_what_is_as_claimed_is_not_told() -> None:
    expect("two and two are four", 4, 2 + 2)


def test_what_is_not_as_claimed_is_told_with_both() -> None:
    with pytest.raises(StepFailed, match=r"are five\n  expected  5\n  seen      4"):
        expect("two and two are five", 5, 2 + 2)
