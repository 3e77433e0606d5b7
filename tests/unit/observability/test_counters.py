"""Cumulative counts: what is observed, and how it is handed on."""

import json

import pytest

from proxy.observability.counters import BUCKETS, Counters


def rows(counters, part):
    return [list(row) for row in counters.export()[part]]


def test_requests_are_counted_by_route_side_reason_and_class():
    counters = Counters()
    for status in (200, 204, 404, 499, 502, 101, 301):
        counters.route("cart", "service", "stage").observe(status, 0.01)
    counters.route("cart", "legacy", "override").observe(200, 0.01)
    assert rows(counters, "requests") == [
        ["cart", "service", "stage", "1xx", 1],
        ["cart", "service", "stage", "2xx", 2],
        ["cart", "service", "stage", "3xx", 1],
        ["cart", "service", "stage", "4xx", 2],
        ["cart", "service", "stage", "5xx", 1],
        ["cart", "legacy", "override", "2xx", 1],
    ]


@pytest.mark.parametrize("seconds", [0.0, *BUCKETS, 0.0011, 9.99, 10.01, 1e6])
def test_a_duration_falls_into_the_first_bucket_that_holds_it(seconds):
    counters = Counters()
    counters.route("r", "legacy", "stage").observe(200, seconds)
    ((_, _, buckets, total_seconds, count),) = rows(counters, "durations")
    assert len(buckets) == len(BUCKETS) + 1
    at = buckets.index(1)
    assert sum(buckets) == count == 1
    assert total_seconds == seconds
    assert at == len(BUCKETS) or seconds <= BUCKETS[at]
    assert at == 0 or seconds > BUCKETS[at - 1]


def test_durations_of_one_side_are_merged_over_its_reasons():
    counters = Counters()
    counters.route("r", "legacy", "stage").observe(200, 0.25)
    counters.route("r", "legacy", "override").observe(500, 0.5)
    counters.route("r", "service", "stage").observe(200, 1.0)
    assert [[*row[:2], *row[3:]] for row in rows(counters, "durations")] == [
        ["r", "legacy", 0.75, 2],
        ["r", "service", 1.0, 1],
    ]


def test_what_was_never_asked_for_is_not_told():
    counters = Counters()
    counters.route("r", "legacy", "stage")
    assert rows(counters, "requests") == rows(counters, "durations") == []


def test_a_route_is_counted_on_where_it_stood():
    counters = Counters()
    counters.route("r", "legacy", "stage").observe(200, 0.1)
    assert counters.route("r", "legacy", "stage") is counters.route("r", "legacy", "stage")
    assert counters.route("r", "legacy", "stage").total == 1


def test_failures_and_refusals_are_counted_by_outcome():
    counters = Counters()
    for outcome in ("reset", "reset", "bad_answer"):
        counters.count_failure("monolith", outcome)
    counters.count_refusal("bad_request")
    told = rows(counters, "counters")
    assert ["strangler_upstream_failures_total", {"upstream": "monolith", "outcome": "reset"}, 2] in told
    assert ["strangler_upstream_failures_total", {"upstream": "monolith", "outcome": "bad_answer"}, 1] in told
    assert ["strangler_refusals_total", {"outcome": "bad_request"}, 1] in told


def test_parts_of_composed_answers_are_counted_by_what_came_of_them():
    counters = Counters()
    for outcome in ("ok", "ok", "timeout"):
        counters.count_part("summary", "payment", outcome)
    labels = {"route": "summary", "part": "payment"}
    assert [row[1:] for row in rows(counters, "counters") if row[0] == "strangler_aggregate_parts_total"] == [
        [{**labels, "outcome": "ok"}, 2],
        [{**labels, "outcome": "timeout"}, 1],
    ]


def test_all_numbers_go_through_json_unchanged():
    counters = Counters()
    counters.route("r", "legacy", "stage").observe(200, 0.1)
    counters.count_failure("m", "reset")
    counters.gauges.tunnels = 3
    exported = counters.export()
    assert json.loads(json.dumps(exported)) == exported
    assert ["strangler_tunnels", {}, 3] in exported["gauges"]
