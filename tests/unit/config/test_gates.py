"""Limits of gates: written, read, and written again."""

import pytest

from proxy.config.gates import LimitOf, format_limit
from proxy.config.moving import GateKind


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (GateKind.SAMPLES, ">= 500"),
        (GateKind.MATCH_RATE, ">= 99.9%"),
        (GateKind.ERROR_RATE, "<= legacy + 0.1%"),
        (GateKind.ERROR_RATE, "<= legacy * 1.5"),
        (GateKind.ERROR_RATE, "<= 1%"),
        (GateKind.LATENCY_P95, "<= 300ms"),
        (GateKind.LATENCY_P95, "<= legacy + 20ms"),
        (GateKind.LATENCY_P95, "<= legacy * 1.2"),
        (GateKind.CUSTOM, ">= 0.5"),
    ],
)
def test_a_limit_is_shown_as_it_was_written(kind: GateKind, text: str) -> None:
    assert format_limit(LimitOf(kind)(text), kind) == text


def test_space_does_not_matter_and_seconds_are_milliseconds() -> None:
    assert LimitOf(GateKind.LATENCY_P95)(" <=legacy*1.2 ") == LimitOf(GateKind.LATENCY_P95)("<= legacy * 1.2")
    assert format_limit(LimitOf(GateKind.LATENCY_P95)("<= 1.5s"), GateKind.LATENCY_P95) == "<= 1500ms"
