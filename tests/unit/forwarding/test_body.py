"""A request's body on its way in (RFC 9112 sections 6 and 7)."""

import pytest

from proxy.forwarding.body import RequestBody
from proxy.wire.refusal import Refusal
from proxy.wire.request import RequestParser


def body(line, limit=100):
    head = RequestParser().parse(b"POST / HTTP/1.1\r\nHost: a\r\n" + line)
    return RequestBody(head, limit)


@pytest.mark.parametrize("line", [b"A: 1", b"Content-Length: 0"])
def test_without_a_length_there_is_no_body(line):
    assert body(line).done


def test_a_body_with_a_length_ends_there():
    read = body(b"Content-Length: 5")
    assert (read.take(b"ab"), read.done) == (b"ab", False)
    assert (read.take(b"cdeNEXT"), read.done, read.rest) == (b"cde", True, b"NEXT")


def test_a_body_that_ends_exactly_leaves_no_rest():
    read = body(b"Content-Length: 2")
    assert (read.take(b"ab"), read.done, read.rest) == (b"ab", True, b"")


def test_chunks_are_made_anew():
    read = body(b"Transfer-Encoding: chunked")
    assert read.take(b"1;x=y\r\na\r\n2\r\nb") == b"2\r\nab\r\n"
    assert not read.done
    assert read.take(b"c\r\n0\r\nX: 1\r\n\r\nNEXT") == b"1\r\nc\r\n0\r\n\r\n"
    assert (read.done, read.rest) == (True, b"NEXT")


def test_framing_alone_is_nothing_to_send():
    read = body(b"Transfer-Encoding: chunked")
    assert read.take(b"5") == b""
    assert read.take(b"\r\n") == b""


def refusal(act):
    with pytest.raises(Refusal) as caught:
        act()
    return caught.value.status, caught.value.outcome


def test_a_length_over_the_limit_is_refused_before_the_body():
    assert refusal(lambda: body(b"Content-Length: 101")) == (413, "body_too_large")
    assert not body(b"Content-Length: 100").done


def test_chunks_over_the_limit_are_refused_when_they_come():
    read = body(b"Transfer-Encoding: chunked", limit=4)
    assert read.take(b"4\r\nabcd\r\n") == b"4\r\nabcd\r\n"
    assert refusal(lambda: read.take(b"1\r\ne\r\n")) == (413, "body_too_large")


def test_a_badly_chunked_body_is_refused():
    assert refusal(lambda: body(b"Transfer-Encoding: chunked").take(b"x\r\n")) == (400, "bad_request")
