"""A request head as the rest of the proxy knows it."""

import pytest

from proxy.wire.head import NO_EXTRAS
from proxy.wire.request import RequestParser


def parsed(line: bytes, *lines: bytes):
    return RequestParser().parse(b"\r\n".join([line, b"Host: shop.example", *lines]))


@pytest.mark.parametrize(
    ("line", "connection", "keeps"),
    [
        (b"GET / HTTP/1.1", None, True),
        (b"GET / HTTP/1.1", b"close", False),
        (b"GET / HTTP/1.1", b"keep-alive, close", False),
        (b"GET / HTTP/1.0", None, False),
        (b"GET / HTTP/1.0", b"keep-alive", True),
        (b"GET / HTTP/1.0", b"keep-alive, close", False),
    ],
)
def test_whether_another_request_follows(line, connection, keeps):
    # RFC 9112 section 9.3
    lines = [b"Connection: " + connection] if connection else []
    assert parsed(line, *lines).keep_alive is keeps


@pytest.mark.parametrize(
    ("lines", "has"),
    [
        ((), False),
        ((b"Content-Length: 0",), False),
        ((b"Content-Length: 1",), True),
        ((b"Transfer-Encoding: chunked",), True),
    ],
)
def test_whether_a_body_follows(lines, has):
    assert parsed(b"POST / HTTP/1.1", *lines).has_body is has


def test_values_of_a_field_are_given_in_order_whatever_its_spelling():
    head = parsed(b"GET / HTTP/1.1", b"X-A: 1", b"x-b: 2", b"X-a:  3 ")
    assert head.values("x-a") == ["1", "3"]


def test_values_are_found_in_the_first_line_and_the_last_and_under_whole_names_only():
    head = parsed(b"GET / HTTP/1.1", b"A-X-B: 1", b"X-B: \tx-b: 2 ")
    assert (head.values("host"), head.values("x-b"), head.values("x")) == (["shop.example"], ["x-b: 2"], [])


def test_what_is_looked_for_in_is_put_in_lower_case_once_for_all_requests_with_the_same_fields():
    parser = RequestParser()
    first = parser.parse(b"GET /a HTTP/1.1\r\nHost: shop.example\r\nX-A: One")
    assert first.values("x-a") == ["One"]
    lowered = first.fields.lowered
    second = parser.parse(b"GET /b HTTP/1.1\r\nHost: shop.example\r\nX-A: One", first)
    assert (second.values("x-a"), second.values("x-b")) == (["One"], [])
    assert second.fields.lowered is lowered


def test_other_fields_on_the_same_connection_are_looked_for_in_themselves():
    parser = RequestParser()
    first = parser.parse(b"GET /a HTTP/1.1\r\nHost: shop.example\r\nX-A: One")
    assert first.values("x-a") == ["One"]
    second = parser.parse(b"GET /a HTTP/1.1\r\nHost: shop.example\r\nX-A: Two", first)
    assert second.values("x-a") == ["Two"]


def test_what_few_requests_carry_is_shared_by_those_that_do_not():
    assert parsed(b"GET / HTTP/1.1").extras is NO_EXTRAS
    assert parsed(b"GET / HTTP/1.1", b"Upgrade: websocket").extras is not NO_EXTRAS


def test_a_head_shows_no_field_and_no_query():
    head = parsed(b"GET /a?token=secret HTTP/1.1", b"Cookie: secret")
    assert "secret" not in repr(head)
