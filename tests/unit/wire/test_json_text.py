"""What may be mounted as it is: strict JSON (RFC 8259), found to be so within bounds."""

import time

import pytest

from proxy.wire.json_text import MAX_DEPTH, is_deep, is_json


@pytest.mark.parametrize(
    "text",
    [
        b"null", b" 1 ", b"-0.5e+10", b"12.30", b'"text"', b"[]", b"{}", b'[1, {"a": [true, false]}]\r\n',
        b'{"a": 1, "a": 2}', '"\u00e9 \U0001f600"'.encode(), rb'"\ud800 \"quoted\" \\"', b"1" * 5000,
    ],
)  # fmt: skip
def test_one_json_text_is_json(text: bytes) -> None:
    assert is_json(text)


@pytest.mark.parametrize(
    "text",
    [
        b"", b" ", b"{", b"[1,]", b"{'a': 1}", b"[1] [2]", b"NaN", b"[Infinity]", b'{"a": -Infinity}', b"01", b"1.",
        b"<html>", b'"\xff"', b"\xef\xbb\xbf{}", b'"a\nb"', b'"unclosed', b"True", b"// remark\n1", b"\x0b1", b"\xa01",
    ],
)  # fmt: skip
def test_anything_else_is_not(text: bytes) -> None:
    assert not is_json(text)


def nested(depth: int) -> bytes:
    """Arrays and objects in turn."""
    opening = b"".join(b"[" if level % 2 else b'{"a":' for level in range(depth))
    return opening + b"1" + b"".join(b"]" if level % 2 else b"}" for level in reversed(range(depth)))


def test_the_deepest_that_is_taken_is_64() -> None:
    assert not is_deep(nested(MAX_DEPTH))
    assert is_json(nested(MAX_DEPTH))
    assert is_deep(nested(MAX_DEPTH + 1))


@pytest.mark.parametrize("text", [b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000])
def test_what_would_exhaust_a_parser_is_found_without_one(text: bytes) -> None:
    assert is_deep(text)


def test_brackets_inside_strings_do_not_count() -> None:
    assert not is_deep(b'["' + b"[" * 1000 + b'", "' + rb"\"[" * 1000 + b'"]')


def test_text_side_by_side_is_not_deep() -> None:
    assert not is_deep(b"[" + b"[]," * 1000 + b"{}]")


@pytest.mark.parametrize("text", [b"]" * 1000, b"[}" * 1000, b'"[[[', b"[" * MAX_DEPTH])
def test_what_is_no_json_is_left_to_the_parser_and_bounded(text: bytes) -> None:
    assert not is_deep(text)
    assert not is_json(text)


@pytest.mark.parametrize(
    "piece", [b'"', rb"\"", rb'"\"', b"[]", b"{", b"}", b"[1,", b'{"":', b"\\"], ids=lambda piece: piece.decode()
)
def test_no_text_of_a_mebibyte_takes_long_to_judge(piece: bytes) -> None:
    text = piece * (1024 * 1024 // len(piece))
    assert any(judged_in_seconds(text) < 1.0 for _ in range(3))  # a quadratic search would take minutes


def judged_in_seconds(text: bytes) -> float:
    begun = time.process_time()
    is_deep(text) or is_json(text)
    return time.process_time() - begun
