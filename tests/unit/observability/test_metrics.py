"""Adding up what workers counted, and the text a scraper gets."""

from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from proxy.observability.metrics import Sample, Totals, expose, merge

BATCH: dict[str, Any] = {
    "revision": "r1",
    "buckets": [0.01, 0.1],
    "requests": [["cart", "legacy", "stage", "2xx", 3], ["cart", "service", "stage", "5xx", 1]],
    "durations": [["cart", "legacy", [1, 2], 0.5, 4]],
    "counters": [["strangler_upstream_connects_total", {"upstream": "monolith"}, 2]],
    "gauges": [["strangler_connections", {}, 5]],
}


def samples(totals: Totals, *own: Sample) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text, media_type = expose(totals, own)
    assert media_type.startswith("text/plain")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


CART = (("code_class", "2xx"), ("reason", "stage"), ("route", "cart"), ("side", "legacy"))


def test_workers_are_added_up() -> None:
    totals = merge([BATCH, BATCH])
    found = samples(totals)
    assert found["strangler_requests_total", CART] == 6
    assert found["strangler_upstream_connects_total", (("upstream", "monolith"),)] == 4
    assert found["strangler_connections", ()] == 10


def test_a_histogram_is_cumulative_and_ends_with_all() -> None:
    found = samples(merge([BATCH, BATCH]))
    side = (("route", "cart"), ("side", "legacy"))
    buckets = {
        le: found["strangler_request_duration_seconds_bucket", (("le", le), *side)] for le in ("0.01", "0.1", "+Inf")
    }
    assert buckets == {"0.01": 2, "0.1": 6, "+Inf": 8}
    assert found["strangler_request_duration_seconds_count", side] == 8
    assert found["strangler_request_duration_seconds_sum", side] == 1.0


def test_a_worker_that_ended_keeps_its_counters_and_loses_its_gauges() -> None:
    totals = Totals()
    totals.add(BATCH, gauges=False)
    again = merge([totals.as_batch(), BATCH])
    found = samples(again)
    assert found["strangler_requests_total", CART] == 6
    assert found["strangler_request_duration_seconds_count", (("route", "cart"), ("side", "legacy"))] == 8
    assert found["strangler_connections", ()] == 5


def test_buckets_of_another_version_are_left_out_rather_than_mixed() -> None:
    other = {**BATCH, "buckets": [0.5], "durations": [["cart", "legacy", [9], 9.0, 9]]}
    found = samples(merge([BATCH, other]))
    assert found["strangler_request_duration_seconds_count", (("route", "cart"), ("side", "legacy"))] == 4


def test_a_sample_without_a_label_of_its_family_has_it_empty() -> None:
    odd = {"counters": [["strangler_x_total", {"a": 1}, 1], ["strangler_x_total", {"b": 2}, 2]]}
    found = samples(merge([odd]))
    assert found["strangler_x_total", (("a", "1"), ("b", ""))] == 1
    assert found["strangler_x_total", (("a", ""), ("b", "2"))] == 2


def test_own_samples_stand_beside_those_of_workers() -> None:
    found = samples(merge([]), Sample("strangler_workers", 2), Sample("strangler_y_total", 3, (("worker", "0"),)))
    assert found["strangler_workers", ()] == 2
    assert found["strangler_y_total", (("worker", "0"),)] == 3


def test_openmetrics_is_spoken_when_asked_for() -> None:
    text, media_type = expose(merge([BATCH]), [], "application/openmetrics-text; version=1.0.0")
    assert media_type.startswith("application/openmetrics-text")
    assert text.endswith(b"# EOF\n")


@pytest.mark.parametrize("key", ["requests", "durations", "counters", "gauges"])
def test_a_batch_may_lack_any_part(key: str) -> None:
    assert samples(merge([{name: value for name, value in BATCH.items() if name != key}]))
