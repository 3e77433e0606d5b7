"""Fields that look like those of the head before are read in one step: when they are, when not, and at what bound."""

import pytest

from proxy.wire.refusal import Refusal
from proxy.wire.request import RequestParser
from proxy.wire.shape import Shapes

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0%d"


def head(*lines, first="GET / HTTP/1.1", host="Host: a"):
    return "\r\n".join((first, host, *lines)).encode("latin-1")


@pytest.fixture
def parser():
    return RequestParser()


def read(parser, *blocks):
    """The heads of one connection."""
    heads = []
    for block in blocks:
        heads.append(parser.parse(block, heads[-1] if heads else None))
    return heads


def shaped(parser, *lines):
    """The last of heads of one shape, read by it."""
    read(parser, *(head(*lines, f"Cookie: a={number}") for number in range(2)))
    last = read(parser, *(head(*lines, f"Cookie: b={number}") for number in range(3)))[-1]
    assert last.fields.shapes
    return last


def was_read_by_the_shape_of(following, last):
    return following.fields.shapes[0] is last.fields.shapes[0] and following.fields.misses == last.fields.misses


def test_fields_of_a_shape_that_was_seen_twice_are_read_by_it(parser):
    last = shaped(parser, "Accept: */*", "traceparent: " + TRACE % 1)
    following = parser.parse(head("Accept: text/html", "traceparent: " + TRACE % 0, "Cookie: é"), last)
    assert was_read_by_the_shape_of(following, last)
    assert following.fields.block == "\r\nHost: a\r\nAccept: text/html\r\nCookie: é".encode("latin-1")
    assert following.fields.trace == b"\r\ntraceparent: " + (TRACE % 0).encode()
    assert following.fields.lines == [b"Host: a", b"Accept: text/html", "Cookie: é".encode("latin-1")]


def test_a_shape_holds_for_other_connections(parser):
    shaped(parser, "Accept: */*")
    assert len(parser.shapes) == 1
    assert read(parser, head("Accept: a", "Cookie: c"), head("Accept: b", "Cookie: c"))[-1].fields.shapes
    assert len(parser.shapes) == 1


def test_the_length_may_differ(parser):
    last = shaped(parser, "Content-Length: 5")
    following = parser.parse(head("Content-Length: 1234", "Cookie: x"), last)
    assert was_read_by_the_shape_of(following, last)
    assert following.fields.content_length == 1234


@pytest.mark.parametrize(
    ("line", "other"),
    [
        ("Content-Type: text/plain", "Content-Type: text/html"),
        ("Expect: 100-continue", "Expect: 100-continue "),
        ("Content-Length: 7", "Content-Length: 07"),
        ("Content-Length: 7", "Content-Length: 0"),
        ("traceparent: " + TRACE % 1, "traceparent: 00-1"),
        ("Accept: a", "accept: a"),
    ],
)
def test_a_line_that_is_heeded_may_not_differ(parser, line, other):
    last = shaped(parser, line)
    assert parser.parse(head(other, "Cookie: x"), last).fields.misses == last.fields.misses + 1
    assert parser.parse(head(line, "Cookie: x", host="Host: b"), last).fields.misses == last.fields.misses + 1


@pytest.mark.parametrize("line", ["Accept: \x00", "Accept: a\rb", "Accept : a", " Accept: a", "Accept"])
def test_what_is_no_line_is_refused_as_ever(parser, line):
    last = shaped(parser, "Accept: */*")
    with pytest.raises(Refusal):
        parser.parse(head(line, "Cookie: x"), last)


def test_lines_that_are_not_passed_on_have_their_place_in_a_shape(parser):
    last = shaped(parser, "Connection: keep-alive", "TE: trailers", "Accept: */*")
    following = parser.parse(head("Connection: keep-alive", "TE: gzip", "Accept: x", "Cookie: y"), last)
    assert was_read_by_the_shape_of(following, last)
    assert following.fields.block == b"\r\nHost: a\r\nAccept: x\r\nCookie: y"


@pytest.mark.parametrize(
    "lines",
    [
        ("X-Forwarded-For: 1",),
        ("X-Request-Id: a",),
        ("Connection: close",),
        ("Transfer-Encoding: chunked",),
        ("Content-Length: 05",),
        ("traceparent: 00-1",),
        ("traceparent: " + TRACE % 1, "traceparent: " + TRACE % 1),
        ("traceparent:", "traceparent: " + TRACE % 1),
        tuple(f"X-{number}: 1" for number in range(Shapes.MOST_LINES)),
        ("X: " + "y" * Shapes.MOST_BYTES,),
    ],
)
def test_what_means_more_than_its_lines_has_no_shape(parser, lines):
    for _ in range(3):
        last = read(parser, *(head(*lines, f"Cookie: a={number}") for number in range(5)))[-1]
        assert last.fields.shapes == ()
    assert len(parser.shapes) == 0


def test_a_connection_without_a_shape_asks_for_one_more_and_more_rarely(parser):
    asked = []
    find, parser.shapes.find = parser.shapes.find, lambda fields: asked.append(fields.misses) or find(fields)
    read(parser, *(head(f"X-{number}: 1") for number in range(40)))
    assert asked == [1, 2, 4, 8, 16, 32]


def test_shapes_are_made_at_a_pace(parser):
    for name in ("A", "B", "C"):
        shaped_or_not = [read(parser, head(f"{name}: 1"), head(f"{name}: {2 + number}")) for number in range(3)]
        assert shaped_or_not[-1][-1].method == "GET"
    assert len(parser.shapes) == 1


def test_the_shapes_known_are_bounded():
    parser = RequestParser()
    parser.shapes.PACE = 1
    for number in range(Shapes.BOUND + 1):
        for value in "ab":
            read(parser, head(f"X-{number}: 1"), head(f"X-{number}: {value}"))
    assert len(parser.shapes) == 1
    assert parser.shapes.resets == 1


def test_a_shape_keeps_nothing_that_a_client_said_but_what_it_heeds(parser):
    last = shaped(parser, "Authorization: Bearer s3cret", "X-Api-Key: s3cret", "Content-Type: text/plain")
    shape = last.fields.shapes[0]
    kept = [getattr(shape, name) for name in shape.__slots__]
    assert not [each for each in kept if "s3cret" in str(each)]
    assert not [each for each in kept if isinstance(each, type(last.fields))]


@pytest.mark.parametrize("between", [head(first="GET /%61 HTTP/1.1"), head("X: 1"), head("X-Request-Id: a")])
def test_a_head_of_another_kind_between_two_costs_the_second_nothing(parser, between):
    last = shaped(parser, "Accept: */*")
    other = parser.parse(between, last)
    following = parser.parse(head("Accept: a", "Cookie: b"), other)
    assert following.fields.shapes == last.fields.shapes
    assert following.fields.misses == other.fields.misses


def test_two_shapes_that_take_turns_on_a_connection_are_both_known(parser):
    one, other = ["Accept: a"], ["Content-Type: text/plain", "Content-Length: 5"]
    parser.shapes.PACE = 1
    shaped(parser, *one)
    shaped(parser, *other)
    turns = [head(*(one, other)[number % 2], f"Cookie: {number}") for number in range(12)]
    heads = read(parser, *turns)
    assert [each.fields.misses for each in heads[-4:]] == [heads[-5].fields.misses] * 4
    assert len(set(heads[-1].fields.shapes)) == 2
    assert heads[-1].fields.shapes == heads[-2].fields.shapes[::-1]
