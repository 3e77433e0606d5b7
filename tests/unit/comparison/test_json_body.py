"""JSON read so that nothing a client may trip over is lost, and shown in a bounded number of characters."""

import pytest

from proxy.comparison.difference import MAX_TEXT
from proxy.comparison.json_body import Repeated, TooDeep, read_json, written
from proxy.wire.json_text import MAX_DEPTH


def test_a_number_is_what_was_written() -> None:
    assert read_json(b"[1, 1.0, 1e2, NaN, -Infinity]") == [b"1", b"1.0", b"1e2", b"NaN", b"-Infinity"]
    assert read_json(b"1" * 10_000) == b"1" * 10_000


def test_a_name_that_stands_twice_has_all_its_values() -> None:
    assert read_json(b'{"a": 1, "b": true, "a": null}') == {"a": Repeated((b"1", None)), "b": True}


def test_true_is_not_one() -> None:
    assert read_json(b"true") != read_json(b"1")


@pytest.mark.parametrize("text", [b"", b"{", b"'a'", b"{} {}", b"\xff", b'{"a" 1}'])
def test_what_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of which kind does not matter to anyone
        read_json(text)


def test_too_many_levels_are_refused_before_anything_is_built() -> None:
    assert read_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    with pytest.raises(TooDeep):
        read_json(b"[" * 100_000)


def test_a_tree_is_shown_as_compact_json() -> None:
    text = b'{"a": [1.50, "x", null, true, false], "b": {"c": 1, "c": 2}}'
    assert written(read_json(text)) == '{"a":[1.50,"x",null,true,false],"b":{"c":repeated: 1,2}}'


def test_of_a_large_tree_only_its_beginning_is_shown() -> None:
    shown = written(read_json(b"[" + b"1," * 100_000 + b"1]"))
    assert shown.startswith("[1,1,1")
    assert len(shown) <= MAX_TEXT + 1
