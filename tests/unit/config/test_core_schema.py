"""YAML 1.2's core schema, and the text that YAML 1.1 would have made something else of."""

import math

import pytest

from proxy.config.core_schema import resolve


@pytest.mark.parametrize("text", ["", "~", "null", "Null", "NULL"])
def test_nothing_is_null(text: str) -> None:
    assert resolve(text) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("FALSE", False), ("12", 12), ("-7", -7), ("010", 10), ("0o10", 8), ("0xff", 255), (".5", 0.5)],
)
def test_numbers_and_truth(text: str, value: object) -> None:
    found = resolve(text)
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize(
    "text", ["yes", "No", "on", "off", "y", "12:30", "1_000", "0b1", "2026-09-01", "1.2.3", "tRUE"]
)
def test_what_only_yaml_1_1_reads_otherwise_is_text(text: str) -> None:
    assert resolve(text) == text


def test_special_floats() -> None:
    assert resolve("-.inf") == -math.inf
    assert math.isnan(float(str(resolve(".nan"))))


@pytest.mark.parametrize("text", ["9" * 19, "0x" + "f" * 16, "0o" + "7" * 19, "1." + "0" * 19, "1e1000"])
def test_a_number_too_long_for_any_field_stays_text(text: str) -> None:
    assert resolve(text) == text
