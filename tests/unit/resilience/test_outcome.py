"""Which outcomes are listed conditions."""

import pytest

from proxy.resilience.outcome import CONNECT_ERROR, ERRORS, RESET, TIMEOUT, Conditions

LISTED = Conditions((CONNECT_ERROR, TIMEOUT), (502, 503))


@pytest.mark.parametrize(
    ("error", "status", "meets"),
    [
        (CONNECT_ERROR, None, True),
        (TIMEOUT, None, True),
        (RESET, None, False),
        (None, 502, True),
        (None, 503, True),
        (None, 500, False),
        (None, 200, False),
        (None, None, False),
    ],
)
def test_an_outcome_meets_what_is_listed(error: str | None, status: int | None, meets: bool) -> None:
    assert LISTED.meets(error, status) is meets


def test_where_there_is_an_error_the_status_counts_for_nothing() -> None:
    assert not LISTED.meets(RESET, 503)


def test_an_empty_list_is_never_met() -> None:
    assert not any(Conditions().meets(error) for error in ERRORS)
    assert not Conditions().meets(None, 500)


def test_conditions_are_values() -> None:
    same = Conditions((TIMEOUT, CONNECT_ERROR), (503, 502))
    assert (same, hash(same)) == (LISTED, hash(LISTED))
    assert Conditions((), (502,)) != LISTED
    assert LISTED != "connect_error"


def test_an_error_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="conect_error"):
        Conditions(("conect_error",))
