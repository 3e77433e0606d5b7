"""JSON values in the file."""

import pytest

from proxy.config.json_value import MAX_JSON, json_value
from proxy.config.refused import Refused


@pytest.mark.parametrize("value", [None, True, 0, 1.5, "", "x", [], {}, {"a": [None, {"b": -1}]}])
def test_every_kind_of_json_is_taken_as_it_is(value: object) -> None:
    assert json_value(value) == value


@pytest.mark.parametrize("value", [float("inf"), [float("nan")]])
def test_what_json_cannot_say_is_refused(value: object) -> None:
    with pytest.raises(Refused, match="JSON has no infinity"):
        json_value(value)


def test_a_value_is_bounded() -> None:
    fits = "x" * (MAX_JSON - 2)
    assert json_value(fits) == fits
    with pytest.raises(Refused, match="at most 65,536 are taken"):
        json_value("é" * (MAX_JSON // 2))
