"""Tolerances and selectors."""

import pytest

from proxy.config.compare import Tolerance
from proxy.config.comparing import MAX_SELECTOR, selector, tolerance
from proxy.config.refused import Refused


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (0.005, Tolerance(absolute=0.005)),
        (1, Tolerance(absolute=1.0)),
        ("0.005", Tolerance(absolute=0.005)),
        ("1e-6", Tolerance(absolute=1e-6)),
        ("1%", Tolerance(relative=0.01)),
        ("0.5%", Tolerance(relative=0.005)),
    ],
)
def test_a_tolerance_is_a_distance_or_a_share(written: object, expected: Tolerance) -> None:
    assert tolerance(written) == expected


@pytest.mark.parametrize("written", [0, -1, True, "a bit", "0%", "0", float("inf"), float("nan"), None, [1], "1 %"])
def test_what_is_no_tolerance_is_refused(written: object) -> None:
    with pytest.raises(Refused):
        tolerance(written)


@pytest.mark.parametrize("written", [".clock", "#build", "footer > small", "[data-time]", "li:nth-child(2n)", "a, b"])
def test_a_selector_is_one_that_pages_are_asked_with(written: str) -> None:
    assert selector(written) == written


@pytest.mark.parametrize("written", ["..", "a[", "p:nope(2)", "a,", "", 7, "p" * (MAX_SELECTOR + 1)])
def test_what_is_no_selector_is_refused(written: object) -> None:
    with pytest.raises(Refused):
        selector(written)
