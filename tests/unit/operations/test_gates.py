"""Measured values as people and programs are shown them."""

import pytest

from proxy.operations.gates import all_pass, as_json, lines, told
from proxy.rollout.ports import GateReading, Outcome


def test_a_gate_is_a_line_with_its_value_beside_its_limit() -> None:
    readings = [
        GateReading("samples", Outcome.PASS, ">= 500", 1200, samples=1200),
        GateReading("latency_p95", Outcome.WAIT, "<= legacy * 1.2", 0.0312, why="12 of 500 samples"),
        GateReading("queue", Outcome.UNMEASURED, "<= 5"),
    ]
    assert lines("cart", readings) == [
        "cart  samples      1200  must be >= 500           pass",
        "cart  latency_p95  31ms  must be <= legacy * 1.2  wait: 12 of 500 samples",
        "cart  queue        -     must be <= 5             unmeasured",
    ]
    assert lines("cart", []) == []


@pytest.mark.parametrize(("gate", "value", "text"), [("error_rate", 0.00123, "0.123%"), ("queue", 2.5, "2.5")])
def test_values_are_written_as_the_file_writes_limits(gate: str, value: float, text: str) -> None:
    assert told(gate, value) == text


def test_for_programs_what_is_not_known_is_left_out() -> None:
    reading = GateReading("error_rate", Outcome.PASS, "<= 1%", 0.1234567, legacy=0.1, samples=5)
    assert as_json(reading) == {
        "gate": "error_rate", "outcome": "pass", "limit": "<= 1%", "value": 0.123457, "legacy": 0.1, "samples": 5
    }  # fmt: skip


def test_all_must_pass() -> None:
    passing = GateReading("a", Outcome.PASS, "")
    assert all_pass([passing, passing])
    assert all_pass([])
    assert not all_pass([passing, GateReading("b", Outcome.WAIT, "")])
