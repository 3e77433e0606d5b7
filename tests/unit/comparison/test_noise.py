"""The interval and what it is told from."""

import pytest

from proxy.comparison.noise import Reading, excess, strictness, tell, wilson


def test_wilson_gives_the_bounds_of_the_literature() -> None:
    """Newcombe 1998 (Statistics in Medicine 17, 857-872), table I: method 3."""
    for count, of, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)):
        rate = wilson(count, of)
        assert (rate.low, rate.high) == pytest.approx((low, high), abs=1e-4)


def test_the_difference_of_two_rates_has_the_bounds_of_the_literature() -> None:
    """Newcombe 1998 (Statistics in Medicine 17, 873-890), table II: method 10 on 56/70 against 48/80."""
    assert excess(wilson(56, 70), wilson(48, 80)) == pytest.approx((0.0524, 0.3339), abs=1e-4)


def test_nothing_is_known_without_a_trial() -> None:
    rate = wilson(0, 0)
    assert (rate.low, rate.high, rate.share) == (0.0, 1.0, 0.0)


@pytest.mark.parametrize(
    ("raw", "compared", "noise", "again", "reading"),
    [
        (1000, 1000, 50, 50, Reading.NOISE),  # a clock
        (30, 1000, 0, 1000, Reading.REAL),
        (30, 1000, 0, 10, Reading.UNCLEAR),
        (50, 50, 0, 50, Reading.REAL),
        (0, 1000, 3, 100, Reading.NOISE),
        (500, 1000, 520, 1000, Reading.NOISE),
        (900, 1000, 520, 1000, Reading.REAL),
        (3, 3, 0, 0, Reading.UNCLEAR),
    ],
)  # fmt: skip
def test_a_field_is_told_by_its_counts(raw: int, compared: int, noise: int, again: int, reading: Reading) -> None:
    assert tell(raw, compared, noise, again, strictness(3)) is reading


def test_more_fields_make_it_stricter() -> None:
    assert 3.5 < strictness(1) < strictness(10) < strictness(1000) < 6
