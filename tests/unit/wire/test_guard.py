"""What can only be said of a whole head (RFC 9112 sections 3.2, 6.1, 6.3 and 11.2)."""

import pytest

from proxy.wire.guard import refuse_unserved
from proxy.wire.refusal import Refusal
from proxy.wire.request import RequestParser


def parsed(*lines: bytes, line: bytes = b"POST / HTTP/1.1", host: bytes | None = b"Host: shop.example"):
    return RequestParser().parse(b"\r\n".join([line, *([host] if host else []), *lines]))


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        (b"POST / HTTP/1.1", (b"Content-Length: 3", b"Transfer-Encoding: chunked")),
        (b"POST / HTTP/1.1", (b"Transfer-Encoding: chunked", b"Content-Length: 3")),
        (b"POST / HTTP/1.0", (b"Transfer-Encoding: chunked",)),
    ],
)
def test_framing_that_could_be_read_in_two_ways_is_refused(line, lines):
    with pytest.raises(Refusal) as refused:
        parsed(*lines, line=line)
    assert refused.value.status == 400


def test_only_http_1_0_may_come_without_a_host():
    assert parsed(line=b"GET / HTTP/1.0", host=None).host == ""
    with pytest.raises(Refusal, match="Host"):
        parsed(line=b"GET / HTTP/1.1", host=None)


def test_the_authority_of_an_absolute_target_replaces_the_host():
    head = parsed(line=b"GET http://other.example:81/a HTTP/1.1")
    assert (head.host, head.values("host")) == ("other.example", ["other.example:81"])


def test_what_connection_names_goes_no_further_but_what_framing_and_routing_rest_on():
    head = parsed(b"Connection: X-Own, Host, Content-Length", b"X-Own: 1", b"X-Other: 2", b"Content-Length: 3")
    assert head.values("x-own") == []
    assert head.values("x-other") == ["2"]
    assert head.values("host") == ["shop.example"]
    assert head.fields.content_length == 3


def test_grpc_is_refused_with_what_would_serve_it():
    with pytest.raises(Refusal, match="HTTP/2") as refused:
        refuse_unserved(parsed(b"Content-Type: application/grpc"))
    assert (refused.value.status, refused.value.outcome) == (415, "grpc")
    refuse_unserved(parsed(b"Content-Type: application/json"))
