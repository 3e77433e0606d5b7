"""Verdicts on counts, and on simulated routes: faults are found, and noise alone is never called one."""

import random
from collections.abc import Sequence

import pytest

from proxy.comparison.difference import Kind
from proxy.comparison.noise import Reading
from proxy.comparison.verdict import Counts, FieldCounts, Judgement, Verdict, judge, share_to_ask_again


def field(path: str, raw: int, noise: int = 0, kind: Kind = Kind.VALUE) -> FieldCounts:
    return FieldCounts(kind, path, raw, noise)


@pytest.mark.parametrize(
    ("counts", "verdict"),
    [
        (Counts(0), Verdict.NOT_ENOUGH_DATA),
        (Counts(99, 50), Verdict.NOT_ENOUGH_DATA),
        (Counts(100), Verdict.MATCH),
        (Counts(100, 60, undecided=101), Verdict.NOT_ENOUGH_DATA),
        (Counts(1000, 200, fields=[field("$.now", 1000, 200)]), Verdict.MATCH),
        (Counts(1000, 200, fields=[field("$.now", 1000, 200), field("$.price", 1000)]), Verdict.MISMATCH),
        (Counts(60, 60, fields=[field("$.price", 60)]), Verdict.MISMATCH),
        (Counts(1000, 20, fields=[field("$.price", 10)]), Verdict.NOT_ENOUGH_DATA),
        (Counts(1000, 200, fields=[field("status", 500, 100, Kind.STATUS)]), Verdict.NOISY),
        (Counts(5000, 10, fields=[field("authorisation", 1, 0, Kind.AUTHORISATION)]), Verdict.MISMATCH),
    ],
)  # fmt: skip
def test_a_verdict_is_no_better_than_its_data(counts: Counts, verdict: Verdict) -> None:
    assert judge(counts).verdict is verdict


def test_what_counts_comes_first_with_its_bounds() -> None:
    judgement = judge(Counts(1000, 500, fields=[field("$.now", 1000, 500), field("$.a", 60), field("$.b", 90)]))
    assert [judged.path for judged in judgement.fields] == ["$.b", "$.a", "$.now"]
    assert judgement.reason == "$.b differs in 90 of 1000 pairs, and 1 more"
    assert 0.05 < judgement.fields[0].low < 0.09 < judgement.fields[0].high < 0.12


def test_the_primary_is_asked_again_as_often_as_the_counts_need() -> None:
    unclear = [field("$.a", 5)]
    shares = [share_to_ask_again(Counts(1000, again)) for again in (0, 60, 2000)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == 1.0
    assert shares[-1] > 0
    assert share_to_ask_again(Counts(1000, 60, fields=unclear)) > share_to_ask_again(Counts(1000, 60))


def simulate(seed: int, noisy: Sequence[float], fault: float, pairs: int) -> tuple[list[Judgement], Judgement]:
    """All looks at a route whose fields differ by chance, and one (`$.fault`) because the service is wrong."""
    chance = random.Random(seed)
    raw, noise, faults, again, share = [0] * len(noisy), [0] * len(noisy), 0, 0, 1.0
    looks: list[Judgement] = []
    for pair in range(1, pairs + 1):
        raw = [count + (chance.random() < rate) for count, rate in zip(raw, noisy, strict=True)]
        faults += chance.random() < fault
        if chance.random() < share:
            again += 1
            noise = [count + (chance.random() < rate) for count, rate in zip(noise, noisy, strict=True)]
        if pair % 200 == 0 or pair in (10, 50, 100):
            fields = [field(f"$.f{at}", raw[at], noise[at]) for at in range(len(noisy)) if raw[at] or noise[at]]
            counts = Counts(pair, again, fields=[*fields, field("$.fault", faults)] if faults else fields)
            looks.append(judge(counts))
            share = share_to_ask_again(counts)
    return looks, looks[-1]


@pytest.mark.parametrize("seed", range(3))
def test_twenty_thousand_equal_pairs_with_noisy_fields_raise_no_alarm_at_any_look(seed: int) -> None:
    looks, _ = simulate(seed, (1.0, 0.5, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001), 0.0, 20_000)
    assert [look.reason for look in looks if look.verdict is Verdict.MISMATCH] == []


@pytest.mark.parametrize("seed", range(3))
def test_a_fault_in_three_percent_is_found_beside_a_clock(seed: int) -> None:
    _, last = simulate(seed, (1.0, 0.02), 0.03, 3000)
    assert [judged.path for judged in last.of(Reading.REAL)] == ["$.fault"]
    assert "$.f0" in [judged.path for judged in last.of(Reading.NOISE)]


def test_a_clock_alone_is_a_match_without_a_rule() -> None:
    _, last = simulate(7, (1.0,), 0.0, 1000)
    assert last.verdict is Verdict.MATCH
    assert last.fields[0].reading is Reading.NOISE
