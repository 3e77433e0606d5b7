from math import isclose

import pytest

from extracted_services.payments.adapters.processor.faults import Faults, draw, parse_faults


def test_faults_are_read_from_a_line() -> None:
    faults = parse_faults("decline=0.1, timeout=0.2,duplicate=1,delay=0.5,seed=7")

    assert faults == Faults(decline=0.1, timeout=0.2, duplicate=1.0, delay=0.5, seed=7)


def test_without_a_word_nothing_goes_wrong() -> None:
    assert parse_faults("") == Faults()
    assert not any(
        (
            Faults().declines("4242", "k"),
            Faults().loses_charge("4242", "k", 1),
            Faults().loses_return("k", 1),
            Faults().duplicates("4242", "k", "charge"),
        )
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("explode=1", "'explode' is not one of decline, timeout, duplicate, delay, seed"),
        ("decline", "decline must be a share from 0 to 1, not ''"),
        ("decline=2", "decline must be a share from 0 to 1, not '2'"),
        ("timeout=-0.1", "timeout must be a share from 0 to 1, not '-0.1'"),
        ("duplicate=nan", "duplicate must be a share from 0 to 1, not 'nan'"),
        ("delay=61", "delay must be a number of seconds from 0 to 60, not '61'"),
        ("seed=1.5", "seed must be a whole number, not '1.5'"),
    ],
)
def test_what_cannot_be_read_is_told(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=f"^{problem}$"):
        parse_faults(text)


def test_cards_misbehave_by_their_last_digits() -> None:
    faults = Faults()

    assert faults.declines("0002", "k")
    assert [faults.loses_charge("0119", "k", ask) for ask in (1, 2)] == [True, False]
    assert [faults.loses_charge("0127", "k", ask) for ask in (1, 6, 7)] == [True, True, False]
    assert faults.duplicates("0135", "k", "charge")


def test_a_share_of_keys_is_met_and_a_seed_always_meets_the_same() -> None:
    faults = Faults(decline=0.3, seed=7)
    met = [key for key in map(str, range(2000)) if faults.declines("4242", key)]

    assert isclose(len(met), 600, rel_tol=0.15)
    assert met == [key for key in map(str, range(2000)) if Faults(decline=0.3, seed=7).declines("4242", key)]
    assert met != [key for key in map(str, range(2000)) if Faults(decline=0.3, seed=8).declines("4242", key)]


def test_a_draw_depends_on_every_fact() -> None:
    assert len({draw(1, "a"), draw(2, "a"), draw(1, "b"), draw(1, "a", 1)}) == 4
