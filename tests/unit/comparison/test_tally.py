"""What pairs count as, and that counts stay bounded."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pytest

from proxy.comparison.difference import Undecided
from proxy.comparison.tally import MAX_FIELDS, OTHERS, Judged, Tally, outcomes_of, rules_name
from proxy.config.compare import Compare, IgnoreRule, Shadow, Tolerance
from proxy.config.model import Route
from proxy.config.place import Place
from tests.support.judged import AT, differing, judged
from tests.support.routing import route

TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("pair", "outcomes"),
    [
        (judged(), ["compared"]),
        (judged("$.a"), ["compared", "differing"]),
        (judged(undecided=Undecided.TOO_LARGE), ["undecided.too_large"]),
        (judged("status", undecided=Undecided.TOO_DEEP), ["compared", "differing"]),
        (judged(again=differing()), ["compared", "again"]),
        (judged(again=differing("$.a")), ["compared", "again"]),
        (judged(again=differing(undecided=Undecided.ENCODING)), ["compared"]),
    ],
)
def test_a_pair_counts_as_what_is_known_of_it(pair: Judged, outcomes: list[str]) -> None:
    assert list(outcomes_of(pair)) == outcomes


def test_a_field_counts_once_a_pair_and_noise_apart() -> None:
    tally = Tally()
    tally.add(judged("$.a", "$.a", "$.b", again=differing("$.b")))
    tally.add(judged("$.a"))
    bucket = judged().bucket
    assert tally.raw == {("r", "v1", bucket, "$.a", "value"): 2, ("r", "v1", bucket, "$.b", "value"): 1}
    assert tally.noise == {("r", "v1", bucket, "$.b", "value"): 1}


def test_time_is_counted_in_steps() -> None:
    first, last, next_one = (judged(at=AT + timedelta(seconds=seconds)).bucket for seconds in (0, 299, 300))
    assert first == last == next_one - 1


def test_paths_without_end_are_counted_under_one_name() -> None:
    tally = Tally()
    for number in range(MAX_FIELDS + 100):
        tally.add(judged(f"$.k{number}", "$.k0"))
    assert len(tally.raw) == MAX_FIELDS + 1
    assert tally.raw["r", "v1", judged().bucket, OTHERS, "value"] == 100
    assert tally.raw["r", "v1", judged().bucket, "$.k0", "value"] == MAX_FIELDS + 100


CHANGES: list[Callable[[Route], Route]] = [
    lambda r: replace(r, compare=Compare(ignore=(IgnoreRule("$.a"),))),
    lambda r: replace(r, compare=Compare(unordered=("$.a",))),
    lambda r: replace(r, compare=Compare(tolerance={"$.a": Tolerance(absolute=1)})),
    lambda r: replace(r, compare=Compare(mask={"$": "a"})),
    lambda r: replace(r, compare=Compare(headers=("Vary",))),
    lambda r: replace(r, compare=Compare(equal_status=(frozenset({200, 204}),))),
    lambda r: replace(r, compare=Compare(null_is_missing=True)),
    lambda r: replace(r, stage=route("r", "/a", stage="cutover").stage),
    lambda r: replace(r, to="another"),
]


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_the_judgement_begins_new_counts(change: Callable[[Route], Route]) -> None:
    made = route("r", "/a", stage="shadow", shadow=Shadow())
    assert rules_name(change(made), TODAY) != rules_name(made, TODAY)


def test_reasons_places_and_samples_do_not() -> None:
    made = route("r", "/a", compare=Compare(ignore=(IgnoreRule("$.a"),), sample=1.0))
    rule = IgnoreRule("$.a", because="x", until=date(2026, 11, 22), place=Place("routes.yaml", 1, 1))
    other = replace(made, owner="me", compare=Compare(ignore=(rule,), sample=0.5))
    assert rules_name(other, TODAY) == rules_name(made, TODAY)


def test_a_rule_that_is_over_begins_new_counts() -> None:
    made = route("r", "/a", compare=Compare(ignore=(IgnoreRule("$.a", until=TODAY),)))
    assert rules_name(made, TODAY) != rules_name(made, TODAY + timedelta(days=1))
