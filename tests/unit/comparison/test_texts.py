"""When two texts say the same."""

from datetime import date

import pytest

from proxy.comparison.rules import PLAIN, compile_rules
from proxy.comparison.texts import Hosts, is_number, same_text
from proxy.config.compare import Compare, Tolerance

TODAY = date(2026, 11, 30)
SIDES = Hosts(["127.0.0.1:8000", "ORDERS.test"])


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("http://127.0.0.1:8000/a", "/a"),
        ("see https://orders.test and //orders.test/b", "see / and /b"),
        ("http://127.0.0.1:80001/a", "http://127.0.0.1:80001/a"),
        ("http://orders.test.evil/a", "http://orders.test.evil/a"),
        ("http://elsewhere/a", "http://elsewhere/a"),
        ("127.0.0.1:8000", "127.0.0.1:8000"),
    ],
)
def test_urls_of_either_side_are_made_relative_and_no_others(text: str, bare: str) -> None:
    assert SIDES.bare(text) == bare


def test_without_hosts_nothing_is_made_relative() -> None:
    assert not Hosts()
    assert Hosts(["", ""]).bare("http:///a") == "http:///a"


def test_what_a_rule_masks_does_not_count() -> None:
    masked = compile_rules(Compare(mask={"$": "[0-9]+ ms"}), today=TODAY).start.meaning
    assert same_text("took 12 ms", "took 9 ms", masked, Hosts())
    assert not same_text("took 12 ms", "took 9 ms", PLAIN, Hosts())
    assert not same_text("took 12 ms", "lost 9 ms", masked, Hosts())


def test_two_numbers_in_quotes_may_be_near_enough() -> None:
    near = compile_rules(Compare(tolerance={"$": Tolerance(absolute=0.01)}), today=TODAY).start.meaning
    assert same_text("12.30", "12.305", near, Hosts())
    assert not same_text("12.30", "12.40", near, Hosts())
    assert not same_text("12.30", "twelve", near, Hosts())


def test_a_number_that_would_cost_much_is_none() -> None:
    assert is_number("-12.5e-3")
    assert not is_number("1e9999999")
    assert not is_number("9" * 61)
