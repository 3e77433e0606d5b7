"""Bodies of every kind, and such as are made to harm: bounded, and always an answer."""

import gzip
import zlib

import pytest

from proxy.comparison.compare import compare
from proxy.comparison.difference import Undecided
from proxy.comparison.normalise import MAX_BODY
from proxy.config.compare import Compare, IgnoreRule
from tests.support.answers import PLAIN, answer, compared, found, pairs

JSON = "application/json"


def test_a_content_coding_is_taken_off() -> None:
    plain = answer(b'{"a": 1}', content_type=JSON)
    for coding, body in (("gzip", gzip.compress(b'{"a":1}')), ("deflate", zlib.compress(b'{"a":1}'))):
        coded = answer(body, ("Content-Encoding", coding), content_type=JSON)
        assert compare(plain, coded, PLAIN).equal


def test_a_bomb_costs_no_more_than_the_limit() -> None:
    squeezer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(squeezer.compress(bytes(1024 * 1024)) for _ in range(24)) + squeezer.flush()
    twice = gzip.compress(bomb)
    for body, coding in ((bomb, "gzip"), (twice, "gzip, gzip")):
        left = answer(body, ("Content-Encoding", coding), content_type=JSON)
        right = answer(b"{}", content_type=JSON)
        assert compare(left, right, PLAIN).undecided is Undecided.TOO_LARGE


def test_a_coding_that_is_not_undone_is_equal_only_to_itself() -> None:
    left, right, other = (answer(body, ("Content-Encoding", "br")) for body in (b"one", b"one", b"two"))
    assert compare(left, right, PLAIN).equal
    assert compare(left, other, PLAIN).undecided is Undecided.ENCODING


def test_damage_on_one_side_is_a_difference_and_on_both_is_undecided() -> None:
    sound, damaged, other = (
        answer(body, ("Content-Encoding", "gzip")) for body in (gzip.compress(b"x"), b"\x1f\x8bno", b"\x1f\x8bnone")
    )
    assert pairs(compare(sound, damaged, PLAIN)) == [("type", "$")]
    assert compare(damaged, other, PLAIN).undecided is Undecided.UNDECODABLE


def test_a_body_that_is_not_whole_is_undecided_though_its_beginning_is_equal() -> None:
    left, right = answer(b"begun", cut=True), answer(b"begun", cut=True)
    assert compare(left, right, PLAIN).undecided is Undecided.TOO_LARGE


def test_a_body_over_the_limit_is_undecided_and_its_head_compared() -> None:
    left, right = (answer(mark * (MAX_BODY + 1), ("Vary", mark.decode())) for mark in (b"a", b"b"))
    comparison = compare(left, right, PLAIN)
    assert comparison.undecided is Undecided.TOO_LARGE
    assert pairs(comparison) == [("header", "header:Vary")]


@pytest.mark.parametrize("body", [b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 70 + b"1" + b"}" * 70])
def test_deep_json_is_undecided(body: bytes) -> None:
    assert compared(body, body + b" ", content_type=JSON).undecided is Undecided.TOO_DEEP


def test_json_with_very_much_in_it_that_differs_is_undecided_and_says_what_was_found() -> None:
    left, right = ([[at % 7, at % side] for at in range(40_000)] for side in (5, 3))
    comparison = compared({"a": 1, "b": left}, {"a": 2, "b": right})
    assert comparison.undecided is Undecided.TOO_COMPLEX
    assert pairs(comparison) == [("value", "$.a")]


@pytest.mark.parametrize("body", [b"\xff\xfe", b'{"a": "\xff"}', b'{"a": 1,}', b"<html>", b"{} {}", b"\xef\xbb\xbf{}"])
def test_what_is_no_json_is_text_and_differs_from_json_in_type(body: bytes) -> None:
    assert found(b"{}", body, content_type=JSON) == [("type", "$")]
    assert compared(body, body, content_type=JSON).equal
    assert compared(body, body + b"x", content_type=JSON).differences


def test_text_is_compared_by_lines() -> None:
    left, right = b"a\nb\nc", b"a\nx\nb\nc"
    comparison = compared(left, right)
    assert [(item.kind.value, item.place, item.right) for item in comparison.differences] == [("extra", "$[1]", '"x"')]
    assert found(b"a\n", b"a\r\n") != []
    assert compared(b"made 10:00\na", b"made 10:01\na", Compare(mask={"$[0]": "[0-9]+:[0-9]+"})).equal
    assert compared(b"\xe9", b"\xe9 ".strip(), content_type="text/plain").equal


def test_text_in_a_charset_is_read_in_it() -> None:
    left = answer("é".encode("latin-1"), content_type="text/plain; charset=iso-8859-1")
    right = answer("é".encode(), content_type="text/plain; charset=utf-8")
    assert pairs(compare(left, right, PLAIN)) == [("header", "header:Content-Type")]


def test_a_charset_nobody_knows_is_none() -> None:
    assert compared(b"a", b"b", content_type="text/plain; charset=rot13").differences
    assert compared(b"a", b"b", content_type="text/plain; charset=\0\xff").differences


def test_a_form_is_compared_by_its_fields() -> None:
    kind = "application/x-www-form-urlencoded"
    assert compared(b"a=1&b=%20", b"b=+&a=1", content_type=kind).equal
    assert found(b"a=1&a=2", b"a=1&a=3", content_type=kind) == [("value", "$.a[*]")]
    assert compared(b"a=&" * 20_000, b"b=&" * 20_000, content_type=kind).undecided is Undecided.TOO_COMPLEX


def test_bytes_say_how_many_they_are_or_where_they_differ() -> None:
    kind = "image/png"
    assert found(b"abc", b"abcd", content_type=kind) == [("length", "$")]
    difference = compared(b"\0" * 40 + b"a", b"\0" * 40 + b"b", content_type=kind).differences[0]
    assert (difference.place, difference.left) == ("byte 40", "from byte 28: " + "00 " * 12 + "61")


def test_a_body_and_none_at_all_are_missing_and_extra() -> None:
    assert found({"a": 1}, b"", content_type=JSON) == [("missing", "$")]
    assert found(b"", "<p>x", content_type="text/html") == [("extra", "$")]


def test_json_and_a_page_are_two_types() -> None:
    left, right = answer({"a": 1}), answer("<p>Not found")
    assert pairs(compare(left, right, PLAIN)) == [("header", "header:Content-Type"), ("type", "$")]


def test_a_body_that_is_ignored_is_not_even_read() -> None:
    rules = Compare(ignore=(IgnoreRule(path="$"),))
    assert compared(b"[" * 1000, b"{" * 1000, rules, content_type=JSON).equal
