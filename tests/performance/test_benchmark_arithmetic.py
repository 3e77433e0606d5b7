"""The benchmark's arithmetic: what it makes of samples. Never how fast anything is."""

import pytest

from benchmarks.goals import GOALS, judge
from benchmarks.load import LoadResult
from benchmarks.machine import Machine
from benchmarks.report import Record, markdown, replace_block
from benchmarks.rounds import cpu_per_request_us
from benchmarks.summary import (
    Sample,
    cpu_us,
    figures,
    median_difference,
    median_ratio,
    p50_us,
    percentile,
    rate,
)

MACHINE = Machine("2026-01-01", "a processor", 2, 4.0, "a system", "4.1.0")


def sample(round_number: int, contender: str, cpu: float | None = None, **more: object) -> Sample:
    return Sample(round_number, "get1k_c64", contender, requests=1000, seconds=0.5, cpu_us=cpu, **more)  # type: ignore[arg-type]


def test_a_ratio_is_the_median_of_ratios_within_rounds_not_the_ratio_of_medians() -> None:
    # The machine was ten times slower in round 2: the ratio within each round is what holds.
    samples = [
        sample(1, "nginx", 10.0), sample(1, "engine", 15.0),
        sample(2, "nginx", 100.0), sample(2, "engine", 130.0),
        sample(3, "nginx", 10.0), sample(3, "engine", 12.0),
    ]  # fmt: skip

    assert median_ratio(samples, "engine", "nginx", cpu_us) == pytest.approx(1.3)


def test_a_round_that_lacks_either_side_is_left_out() -> None:
    samples = [sample(1, "nginx", 10.0), sample(1, "engine", 20.0), sample(2, "engine", 90.0), sample(3, "nginx", 5.0)]

    assert median_ratio(samples, "engine", "nginx", cpu_us) == 2.0


def test_no_common_round_gives_no_ratio() -> None:
    assert median_ratio([sample(1, "engine", 20.0)], "engine", "nginx", cpu_us) is None


def test_a_failed_run_is_not_counted() -> None:
    samples = [
        sample(1, "nginx", 10.0), sample(1, "engine", 10.0, failure="errors: 3 status"),
        sample(2, "nginx", 10.0), sample(2, "engine", 16.0),
    ]  # fmt: skip

    assert figures(samples, "engine", cpu_us) == {2: 16.0}
    assert median_ratio(samples, "engine", "nginx", cpu_us) == 1.6


def test_a_difference_is_taken_within_rounds() -> None:
    samples = [
        sample(1, "direct", p50_us=100.0), sample(1, "engine", p50_us=400.0),
        sample(2, "direct", p50_us=900.0), sample(2, "engine", p50_us=1000.0),
        sample(3, "direct", p50_us=100.0), sample(3, "engine", p50_us=300.0),
    ]  # fmt: skip

    assert median_difference(samples, "engine", "direct", p50_us) == 200.0


def test_a_rate_is_requests_by_seconds() -> None:
    assert rate(sample(1, "engine")) == 2000.0


def test_cpu_per_request_is_in_microseconds() -> None:
    seen = LoadResult(requests=50_000, seconds=2.0, p50_us=1.0, p99_us=2.0, errors={})

    assert cpu_per_request_us(1.5, seen) == pytest.approx(30.0)
    assert cpu_per_request_us(None, seen) is None


@pytest.mark.parametrize(
    ("percent", "expected"), [(0, 1), (50, 50), (99, 99), (99.5, 100), (100, 100)]
)  # nearest rank over 1 … 100
def test_a_percentile_is_a_value_that_was_seen(percent: float, expected: int) -> None:
    assert percentile([float(value) for value in range(100, 0, -1)], percent) == expected


def test_one_value_is_every_percentile() -> None:
    assert percentile([7.0], 1) == percentile([7.0], 99) == 7.0


def test_goals_are_met_up_to_their_limit_and_missed_beyond() -> None:
    at_limit = [sample(1, "nginx", 10.0), sample(1, "engine", 16.0)]
    beyond = [sample(1, "nginx", 10.0), sample(1, "engine", 16.1)]

    assert [verdict.met for verdict in judge(at_limit)] == [True]
    assert [verdict.met for verdict in judge(beyond)] == [False]


def test_a_goal_whose_rival_did_not_run_is_not_judged() -> None:
    assert judge([sample(1, "engine", 16.0)]) == []


def test_goals_name_scenarios_and_contenders_that_exist() -> None:
    from benchmarks.peers import PEERS
    from benchmarks.scenarios import SCENARIOS

    for goal in GOALS:
        labels = {contender.label for contender in SCENARIOS[goal.scenario].field(list(PEERS))}
        assert {goal.contender, goal.rival} <= labels


def test_a_record_survives_being_written_and_read() -> None:
    record = Record(MACHINE, {"nginx": "1.22.1"}, ["caddy not found"], 5.0, 7, [sample(1, "nginx", 10.0)])

    assert Record.load(record.dump()) == record


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"machine": {}}', "null"])
def test_something_that_is_no_record_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Record.load(text)


def test_the_tables_show_every_round_and_name_what_failed_and_what_was_skipped() -> None:
    samples = [
        sample(1, "nginx", 10.0), sample(1, "engine", 15.0),
        sample(2, "nginx", 12.0), sample(2, "engine", failure="errors: 3 status\n    | a line of the log"),
    ]  # fmt: skip

    text = markdown(Record(MACHINE, {"nginx": "1.22.1"}, ["caddy not found"], 5.0, 7, samples))

    assert "10.0 12.0" in text
    assert "- engine, round 2: errors: 3 status" in text
    assert "a line of the log" not in text  # logs hold paths of the machine, and tables are published
    assert "Not run: caddy not found." in text
    assert "≤ 1.60 ×" in text


def test_only_the_named_block_of_a_document_is_replaced() -> None:
    document = "before\n<!-- bench -->\nold\n<!-- /bench -->\nbetween\n<!-- stream -->\nkept\n<!-- /stream -->\n"

    replaced = replace_block(document, "bench", "new")

    assert "old" not in replaced
    assert "<!-- bench -->\n\nnew\n\n<!-- /bench -->\nbetween\n<!-- stream -->\nkept" in replaced


def test_a_document_without_the_block_is_refused() -> None:
    with pytest.raises(ValueError, match="<!-- bench -->"):
        replace_block("nothing here", "bench", "new")
