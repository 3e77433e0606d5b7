"""What gates make of what was measured: four outcomes that are never taken for each other."""

from typing import Any

import pytest

from proxy.config.gates import LimitOf
from proxy.config.moving import Gate, GateKind, Gates
from proxy.observability.windows import Answers
from proxy.rollout.checks import Matches, Measured, Unknown, check, pairs_wanted
from proxy.rollout.ports import GateReading, Outcome
from tests.support.counted import answers

EQUAL = Matches(1000, 0, 0)


def gate(kind: GateKind, limit: str) -> Gate:
    return Gate(kind.value, kind, LimitOf(kind)(limit))


def gates(*given: Gate, samples: str = ">= 500") -> Gates:
    return Gates(gates=(gate(GateKind.SAMPLES, samples), *given))


def read(one: Gate, *, samples: str = ">= 500", **measured: Any) -> GateReading:
    known: dict[str, Any] = {"service": answers(1000), "legacy": answers(1000), "matches": EQUAL} | measured
    found = check(gates(one, samples=samples), Measured(**known))
    return found[-1]


def test_samples_pass_when_they_are_reached_and_are_never_broken() -> None:
    few = check(gates(), Measured(answers(499), answers(9), EQUAL))[0]
    assert (few.outcome, few.value, few.why) == (Outcome.WAIT, 499, "499 of 500 answers of the service")
    assert check(gates(), Measured(answers(500), answers(9), EQUAL))[0].outcome is Outcome.PASS


def test_readings_come_in_the_order_of_the_file_with_limits_as_it_says_them() -> None:
    found = check(Gates(), Measured(answers(1000), answers(1000), EQUAL))
    assert [(one.gate, one.limit) for one in found] == [
        ("samples", ">= 500"),
        ("match_rate", ">= 99.9%"),
        ("error_rate", "<= legacy + 0.1%"),
        ("latency_p95", "<= legacy * 1.2"),
    ]
    assert {one.outcome for one in found} == {Outcome.PASS}


ERRORS = gate(GateKind.ERROR_RATE, "<= 1%")
ERRORS_BESIDE = gate(GateKind.ERROR_RATE, "<= legacy + 0.1%")
ERRORS_TIMES = gate(GateKind.ERROR_RATE, "<= legacy * 2")


@pytest.mark.parametrize(
    ("one", "service", "legacy", "outcome"),
    [
        (ERRORS, (1000, 10), (0, 0), Outcome.PASS),
        (ERRORS, (1000, 11), (0, 0), Outcome.WAIT),  # outside, and chance may explain it
        (ERRORS, (1000, 40), (0, 0), Outcome.BREACH),
        (ERRORS, (400, 0), (0, 0), Outcome.WAIT),
        (ERRORS, (10, 10), (0, 0), Outcome.BREACH),  # few, and certain all the same
        (ERRORS, (3, 3), (0, 0), Outcome.WAIT),
        (ERRORS, (0, 0), (0, 0), Outcome.WAIT),
        (ERRORS_BESIDE, (1000, 11), (1000, 10), Outcome.PASS),
        (ERRORS_BESIDE, (1000, 12), (1000, 10), Outcome.WAIT),
        (ERRORS_BESIDE, (1000, 100), (1000, 10), Outcome.BREACH),
        (ERRORS_BESIDE, (1000, 50), (1000, 50), Outcome.PASS),  # both are bad alike
        (ERRORS_BESIDE, (1000, 0), (499, 0), Outcome.WAIT),
        (ERRORS_BESIDE, (1000, 900), (0, 0), Outcome.WAIT),  # nothing to compare with in this window
        (ERRORS_TIMES, (1000, 20), (1000, 10), Outcome.PASS),
        (ERRORS_TIMES, (1000, 100), (1000, 10), Outcome.BREACH),
        (ERRORS_TIMES, (1000, 0), (1000, 0), Outcome.PASS),
    ],
)
def test_errors(one: Gate, service: tuple[int, int], legacy: tuple[int, int], outcome: Outcome) -> None:
    assert read(one, service=answers(*service), legacy=answers(*legacy)).outcome is outcome


def test_an_error_gate_shows_what_it_measured() -> None:
    found = read(ERRORS_BESIDE, service=answers(1000, 100), legacy=answers(1000, 10))
    assert (found.value, found.legacy, found.samples) == (0.1, 0.01, 1000)
    assert found.low is not None
    assert found.high is not None
    assert 0.08 < found.low < 0.1 < found.high < 0.13
    assert found.why == "100 of 1000 answers failed"


@pytest.mark.parametrize("one", [ERRORS_BESIDE, gate(GateKind.LATENCY_P95, "<= legacy * 1.2")])
def test_a_gate_beside_a_side_that_is_not_known_cannot_be_measured(one: Gate) -> None:
    found = read(one, service=answers(1000, 1000, 9.0), legacy=Unknown("the monolith answers nobody"))
    assert (found.outcome, found.why) == (Outcome.UNMEASURED, "the monolith answers nobody")


LATENCY = gate(GateKind.LATENCY_P95, "<= 300ms")
LATENCY_BESIDE = gate(GateKind.LATENCY_P95, "<= legacy * 1.2")
LATENCY_MORE = gate(GateKind.LATENCY_P95, "<= legacy + 50ms")


@pytest.mark.parametrize(
    ("one", "service", "legacy", "outcome"),
    [
        (LATENCY, 0.12, 0.12, Outcome.PASS),
        (LATENCY, 0.31, 0.12, Outcome.WAIT),  # the bucket it lies in holds the limit too
        (LATENCY, 0.60, 0.12, Outcome.BREACH),
        (LATENCY_BESIDE, 0.012, 0.012, Outcome.PASS),
        (LATENCY_BESIDE, 0.016, 0.0149, Outcome.WAIT),  # beside each other, in two buckets
        (LATENCY_BESIDE, 0.2, 0.012, Outcome.BREACH),
        (LATENCY_MORE, 0.03, 0.012, Outcome.PASS),
        (LATENCY_MORE, 0.3, 0.012, Outcome.BREACH),
    ],
)
def test_latency(one: Gate, service: float, legacy: float, outcome: Outcome) -> None:
    assert read(one, service=answers(1000, 0, service), legacy=answers(1000, 0, legacy)).outcome is outcome


def test_few_slow_answers_are_no_percentile() -> None:
    assert read(LATENCY, service=answers(19, 0, 2.0)).outcome is Outcome.WAIT
    assert read(LATENCY, service=answers(20, 0, 2.0)).outcome is Outcome.BREACH
    assert read(LATENCY, service=answers(0)).why == "the service has answered nothing"


def test_a_slow_service_is_not_certain_beside_a_monolith_with_few_answers() -> None:
    assert read(LATENCY_BESIDE, service=answers(1000, 0, 2.0), legacy=answers(10)).outcome is Outcome.WAIT


def test_no_reading_has_an_infinite_bound() -> None:
    assert read(LATENCY, service=answers(30, 0, 20.0)).high is None


MATCH = gate(GateKind.MATCH_RATE, ">= 99.9%")


@pytest.mark.parametrize(
    ("matches", "outcome"),
    [
        (Matches(1000, 0, 0), Outcome.PASS),
        (Matches(1000, 1, 0), Outcome.PASS),
        (Matches(1000, 2, 0), Outcome.WAIT),
        (Matches(1000, 50, 0), Outcome.WAIT),  # not known whether that is noise
        (Matches(1000, 50, 50), Outcome.BREACH),
        (Matches(1000, 4, 4), Outcome.WAIT),
        (Matches(499, 0, 0), Outcome.WAIT),
        (Matches(100, 0, 0, sampled=0.1), Outcome.PASS),
        (Matches(99, 0, 0, sampled=0.1), Outcome.WAIT),
        (Matches(0, 0, 0), Outcome.WAIT),
        (Unknown("nothing is compared"), Outcome.UNMEASURED),
    ],
)
def test_matches(matches: Matches | Unknown, outcome: Outcome) -> None:
    assert read(MATCH, matches=matches).outcome is outcome


def test_a_broken_match_says_where() -> None:
    assert read(MATCH, matches=Matches(100, 20, 20, 1.0, ", mostly in $.price")).why == (
        "20 of 100 pairs differ, mostly in $.price"
    )


@pytest.mark.parametrize(
    ("least", "sampled", "wanted"), [(500, 1, 500), (500, 0.1, 100), (5000, 0.1, 500), (20, 1, 20)]
)
def test_as_many_pairs_are_wanted_as_the_samples_bring(least: int, sampled: float, wanted: int) -> None:
    assert pairs_wanted(least, sampled) == wanted


CUSTOM = Gate("checkout", GateKind.CUSTOM, LimitOf(GateKind.CUSTOM)("<= 5"), "up", "http://prometheus")


@pytest.mark.parametrize(
    ("custom", "outcome"),
    [
        ({"checkout": 5.0}, Outcome.PASS),
        ({"checkout": 5.1}, Outcome.BREACH),
        ({"checkout": Unknown("Prometheus: refused")}, Outcome.UNMEASURED),
        ({}, Outcome.UNMEASURED),
    ],
)
def test_a_custom_gate_is_its_number(custom: dict[str, float | Unknown], outcome: Outcome) -> None:
    assert read(CUSTOM, custom=custom).outcome is outcome


def test_nothing_passes_before_the_window_is_whole_and_what_is_broken_is() -> None:
    partial = "measured for 3 s of 60 s"
    for one in (ERRORS, LATENCY, MATCH):
        assert read(one, partial=partial).why == partial
    assert check(gates(), Measured(answers(900), answers(9), EQUAL, partial=partial))[0].outcome is Outcome.WAIT
    assert read(ERRORS, service=answers(100, 100), partial=partial).outcome is Outcome.BREACH
    assert read(CUSTOM, custom={"checkout": 1.0}, partial=partial).outcome is Outcome.PASS


def test_at_shadow_what_takes_answers_to_users_is_left_out_and_pairs_are_the_samples() -> None:
    found = check(Gates(), Measured(Unknown("it answers nobody yet"), answers(1000), Matches(600, 0, 0)))
    assert [(one.gate, one.outcome) for one in found] == [
        ("samples", Outcome.PASS),
        ("match_rate", Outcome.PASS),
    ]
    assert found[0].value == 600
    nothing = check(Gates(), Measured(Unknown("…"), Answers(), Unknown("nothing is compared")))
    assert {one.outcome for one in nothing} == {Outcome.UNMEASURED}
