"""Request heads: what is accepted and what it comes to mean, what is refused and with which answer.

RFC 9112 sections 2 to 7 and RFC 9110 sections 5, 7 and 10. `head` gives whole heads without the empty line behind.
"""

import pytest

from proxy.wire.host import parse_host
from proxy.wire.refusal import Refusal
from proxy.wire.request import MAX_FIELDS, RequestParser


def head(first=b"GET / HTTP/1.1", *lines, host=b"Host: a"):
    return b"\r\n".join((first, *((host,) if host else ()), *lines))


def parse(block, **settings):
    return RequestParser(**settings).parse(block)


def refusal(block, **settings):
    with pytest.raises(Refusal) as caught:
        parse(block, **settings)
    return caught.value.status, caught.value.outcome


# the request line: RFC 9112 section 3


def test_a_common_head_is_taken_apart():
    parsed = parse(head(b"GET /a/b?c=d HTTP/1.1", b"Accept: */*", b"X-Any: \xe9", host=b"Host: Shop.Example:81"))
    assert (parsed.method, parsed.path, parsed.query) == ("GET", "/a/b", "c=d")
    assert (parsed.host, parsed.http11, parsed.keep_alive, parsed.has_body) == ("shop.example", True, True, False)
    assert parsed.fields.host_value == b"Shop.Example:81"
    assert parsed.fields.block == b"\r\nHost: Shop.Example:81\r\nAccept: */*\r\nX-Any: \xe9"
    assert parsed.values("x-any") == ["é"]


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/", "/", ""),
        (b"/?", "/", ""),
        (b"/a?b?c/../d", "/a", "b?c/../d"),
        (b"/%61?%61", "/a", "%61"),
        (b"//a", "//a", ""),
        (b"/.a", "/.a", ""),
        (b"/a;b", "/a;b", ""),
        (b"/\xc3\xa9", "/Ã©", ""),
        (b"/a?b\\c", "/a", "b\\c"),
        (b"http://b/x?y", "/x", "y"),
        (b"HTTPS://b:1", "/", ""),
        (b"http://b?y", "/", "y"),
    ],
)
def test_a_target_gives_the_path_in_normal_form_and_the_query_as_sent(target, path, query):
    parsed = parse(head(b"GET %b HTTP/1.1" % target))
    assert (parsed.path, parsed.query) == (path, query)


@pytest.mark.parametrize(
    "target",
    [
        b"/../a", b"/a/..", b"/.", b"/%2e%2e/a", b"/a/.%2E/b", b"/a%2fb", b"/a%5Cb", b"/a\\b", b"/%00", b"/a#b",
        b"/a?b#c",
        b"/%", b"/%zz", b"a", b"a/b", b"?a", b"ftp://b/x", b"http://", b"http:///x", b"http://b/../x", b"http://u@b/",
        b"b:80", b"mailto:x", b"http://b#c", b"/a\tb", b"/a\x0bb", b"/a\x7fb", b"/a\x00b", b"/a?b\x00",
    ],
)  # fmt: skip
def test_a_target_that_can_be_read_in_two_ways_is_refused(target):
    assert refusal(head(b"GET %b HTTP/1.1" % target)) == (400, "bad_request")


def test_an_encoded_slash_passes_where_the_listener_allows_it():
    assert parse(head(b"GET /a%2fb HTTP/1.1"), allow_encoded_slash=True).path == "/a%2Fb"


@pytest.mark.parametrize(
    "line",
    [
        b"", b"GET", b"GET /", b"GET  / HTTP/1.1", b"GET /  HTTP/1.1", b" GET / HTTP/1.1", b"GET / HTTP/1.1 ",
        b"GET\t/ HTTP/1.1", b"GET /\tHTTP/1.1", b"GET / a HTTP/1.1", b"G@T / HTTP/1.1", b"(GET) / HTTP/1.1",
        b"G\xc9T / HTTP/1.1", b" / HTTP/1.1", b"GET / http/1.1", b"GET / HTTP/1", b"GET / HTTP/1.10",
        b"GET / HTTP/11.1",
        b"GET / HTTP/x.1", b"GET / HTTP/1,1", b"GET / RTSP/1.1", b"GET / HTTP /1.1", b"GET / HTTP/1.1\n",
        b"GET / HTTP/1.1\r",
        b"GET /\nX: HTTP/1.1", b"\x00GET / HTTP/1.1", b"HTTP/1.1 200 OK", b"GET * HTTP/1.1", b"POST * HTTP/1.1",
    ],
)  # fmt: skip
def test_what_is_no_request_line_is_refused(line):
    assert refusal(head(line)) == (400, "bad_request")


@pytest.mark.parametrize("version", [b"0.9", b"1.2", b"2.0", b"3.0", b"9.9", b"0.0"])
def test_other_versions_are_not_served(version):
    assert refusal(head(b"GET / HTTP/" + version)) == (505, "version")


@pytest.mark.parametrize("target", [b"/", b"/%61", b"*", b"a:443", b"http://a/"])
def test_connect_and_trace_are_not_served(target):
    assert refusal(head(b"CONNECT %b HTTP/1.1" % target)) == (501, "connect")
    assert refusal(head(b"TRACE %b HTTP/1.1" % target)) == (405, "trace")


@pytest.mark.parametrize("method", ["GET", "get", "PROPFIND", "M-SEARCH", "X_Y.Z~1", "!#$%&'*+-.^_`|~"])
def test_any_token_is_a_method_and_keeps_its_case(method):
    assert parse(head(b"%b / HTTP/1.1" % method.encode())).method == method


def test_an_asterisk_is_the_target_of_options():
    parsed = parse(head(b"OPTIONS * HTTP/1.1"))
    assert (parsed.method, parsed.path) == ("OPTIONS", "*")


@pytest.mark.parametrize("line", [b"GET /%61 HTTP/1.1", b"GET http://a/a HTTP/1.1", b"GET /a HTTP/1.0"])
def test_only_a_line_that_may_be_sent_on_as_it_is_is_kept_as_one(line):
    assert parse(head(line)).plain_line == b""
    assert parse(head(b"GET /a?b HTTP/1.1")).plain_line == b"GET /a?b HTTP/1.1"


# Host: RFC 9112 section 3.2


@pytest.mark.parametrize(
    ("value", "host"),
    [
        (b"a", "a"), (b"A.B", "a.b"), (b"a:80", "a"), (b"a:65535", "a"), (b"192.0.2.1:8080", "192.0.2.1"),
        (b"[::1]", "[::1]"),
        (b"[2001:DB8::1]:81", "[2001:db8::1]"), (b"a_b", "a_b"), (b"xn--4ca", "xn--4ca"),
    ],
)  # fmt: skip
def test_a_host_is_a_name_or_an_address_and_perhaps_a_port(value, host):
    assert parse_host(value) == host


@pytest.mark.parametrize(
    "value",
    [
        b"", b"a b", b"u@a", b"a:b", b"a:1:2", b"::1", b"[::1", b"[]", b"[g]", b"a:65536", b"a:999999",
        b"a\\b", b"a#b", b"\xe9", b'"a"', b"<a>", b"[::1]a", b":80", b"a:+80", b"a:-1", b"http://a",
    ],
)  # fmt: skip
def test_a_malformed_host_is_refused(value):
    assert refusal(head(host=b"Host: " + value)) == (400, "bad_request")
    assert refusal(head(b"GET http://%b/ HTTP/1.1" % value)) == (400, "bad_request")


@pytest.mark.parametrize("value", [b"a/b", b"a?b", b"a/", b"http://a/"])
def test_a_host_is_no_more_than_an_authority(value):
    assert refusal(head(host=b"Host: " + value)) == (400, "bad_request")


def test_http_1_1_needs_one_host():
    assert refusal(head(host=None)) == (400, "bad_request")
    assert refusal(head(b"GET / HTTP/1.1", b"Host: a")) == (400, "bad_request")
    assert refusal(head(b"GET / HTTP/1.1", b"host: b")) == (400, "bad_request")
    assert refusal(head(b"GET http://b/ HTTP/1.1", host=None)) == (400, "bad_request")


def test_http_1_0_may_lack_a_host_but_not_have_two():
    assert parse(head(b"GET / HTTP/1.0", host=None)).host == ""
    assert refusal(head(b"GET / HTTP/1.0", b"Host: b")) == (400, "bad_request")


def test_the_authority_of_an_absolute_target_replaces_the_host():
    # RFC 9112 section 3.2.2
    parsed = parse(head(b"GET http://Real.example:81/x HTTP/1.1", b"A: 1", host=b"Host: other"))
    assert (parsed.host, parsed.fields.host_value) == ("real.example", b"Real.example:81")
    assert parsed.fields.block == b"\r\nHost: Real.example:81\r\nA: 1"
    without = parse(head(b"GET http://real/x HTTP/1.0", host=None))
    assert (without.host, without.fields.block) == ("real", b"\r\nHost: real")


# framing: RFC 9112 sections 6 and 7


def test_a_length_announces_a_body():
    parsed = parse(head(b"POST / HTTP/1.1", b"Content-Length: 5"))
    assert (parsed.fields.content_length, parsed.has_body) == (5, True)
    assert parsed.values("content-length") == ["5"]
    assert not parse(head(b"POST / HTTP/1.1", b"Content-Length: 0")).has_body


def test_leading_zeros_of_a_length_are_not_passed_on():
    assert parse(head(b"POST / HTTP/1.1", b"Content-Length: 007")).values("content-length") == ["7"]


@pytest.mark.parametrize(
    "value", [b"", b"+5", b"-5", b"5,5", b"5, 5", b"0x5", b"5 5", b"five", b"1" * 19, b"5;", b'"5"']
)
def test_a_length_that_is_no_number_is_refused(value):
    assert refusal(head(b"POST / HTTP/1.1", b"Content-Length: " + value)) == (400, "bad_request")


@pytest.mark.parametrize("second", [b"5", b"6"])
@pytest.mark.parametrize("name", [b"Content-Length", b"content-length"])
def test_two_lengths_are_refused_even_if_they_agree(name, second):
    assert refusal(head(b"POST / HTTP/1.1", b"Content-Length: 5", name + b": " + second)) == (400, "bad_request")


@pytest.mark.parametrize("value", [b"chunked", b"Chunked", b"CHUNKED", b"  chunked\t", b",chunked,"])
def test_chunked_is_understood_and_not_passed_on(value):
    parsed = parse(head(b"POST / HTTP/1.1", b"Transfer-Encoding: " + value))
    assert parsed.fields.chunked
    assert parsed.has_body
    assert parsed.fields.block == b"\r\nHost: a"


@pytest.mark.parametrize(
    "value",
    [
        b"", b"gzip", b"identity", b"gzip, chunked", b"chunked, gzip", b"chunked, chunked", b"chunked, identity",
        b"xchunked",
        b"chunked;q=1", b"chunked x", b'"chunked"', b"chun\tked", b"\x0bchunked",
    ],
)  # fmt: skip
def test_any_other_coding_is_refused(value):
    assert refusal(head(b"POST / HTTP/1.1", b"Transfer-Encoding: " + value)) == (400, "bad_request")


def test_two_codings_on_two_lines_are_refused():
    for first, second in ((b"chunked", b"chunked"), (b"chunked", b"identity"), (b"gzip", b"chunked")):
        lines = (b"Transfer-Encoding: " + first, b"Transfer-Encoding: " + second)
        assert refusal(head(b"POST / HTTP/1.1", *lines)) == (400, "bad_request")


@pytest.mark.parametrize("flip", [False, True])
def test_both_a_length_and_a_coding_are_refused(flip):
    lines = [b"Content-Length: 5", b"Transfer-Encoding: chunked"]
    assert refusal(head(b"POST / HTTP/1.1", *(reversed(lines) if flip else lines))) == (400, "bad_request")


def test_http_1_0_has_no_codings():
    assert refusal(head(b"POST / HTTP/1.0", b"Transfer-Encoding: chunked")) == (400, "bad_request")


# field lines: RFC 9112 section 5, RFC 9110 section 5


@pytest.mark.parametrize(
    "line",
    [
        b"", b"X", b": a", b" folded", b"\tfolded", b"X : a", b"X\t: a", b"X Y: a", b"X@: a", b"X: \x00",
        b"X: a\rb", b"X: a\nY: b",
        b"X: a\x0b", b"\xe9: a", b"X: \x7f", b"\rX: a", b"Host", b"Content-Length", b"Transfer-Encoding : chunked",
        b"Content-Length : 5", b"Content-Length\x00: 5", b"\x00Content-Length: 5",
    ],
)  # fmt: skip
def test_a_bad_field_line_is_refused_wherever_it_stands(line):
    assert refusal(head(b"GET / HTTP/1.1", line)) == (400, "bad_request")
    assert refusal(head(b"GET / HTTP/1.1", b"A: 1", line, b"B: 2")) == (400, "bad_request")
    assert refusal(b"\r\n".join((b"GET / HTTP/1.1", line, b"Host: a"))) == (400, "bad_request")


def test_the_number_of_fields_is_bounded():
    lines = [b"X: %d" % number for number in range(MAX_FIELDS)]
    assert refusal(head(b"GET / HTTP/1.1", *lines)) == (431, "head_too_large")
    assert len(parse(head(b"GET / HTTP/1.1", *lines[: MAX_FIELDS - 2])).fields.lines) == MAX_FIELDS - 1


def test_order_spelling_and_repetition_of_what_passes_are_kept():
    lines = (b"b:2", b"A:  1 ", b"Cookie: x=1", b"b:2", b"Cookie: y=2", b"X_y: z")
    assert parse(head(b"GET / HTTP/1.1", *lines)).fields.lines == [b"Host: a", *lines]


def test_equal_lines_of_which_one_would_be_dropped_are_all_dropped():
    lines = (b"TE: trailers", b"A: 1", b"TE: trailers", b"Keep-Alive: 5", b"Keep-Alive: 5")
    assert parse(head(b"GET / HTTP/1.1", *lines)).fields.lines == [b"Host: a", b"A: 1"]


def test_no_word_of_ours_comes_from_outside():
    lines = (
        b"X-Strangler-Decision: route=x", b"x_strangler_side: service", b"X.Strangler.Any: 1", b"X-Shadow: 1",
        b"X_Forwarded_For: 6",
        b"X-Forwarded-Whatever: 1", b"Proxy-Authorization: Basic x", b"HTTP2-Settings: x", b"Proxy-Connection: close",
    )  # fmt: skip
    parsed = parse(head(b"GET / HTTP/1.1", *lines))
    assert parsed.fields.block == b"\r\nHost: a"
    assert parsed.keep_alive


def test_forwarding_fields_are_set_aside_with_their_lines():
    lines = (b"X-Forwarded-For: 1", b"Forwarded: for=2", b"x-real-ip: 3", b"X-Forwarded-For: 4")
    parsed = parse(head(b"GET / HTTP/1.1", *lines))
    assert parsed.fields.block == b"\r\nHost: a"
    assert [line for _, line in parsed.extras.forwarding] == list(lines)


# Connection and what it names: RFC 9110 section 7.6.1


@pytest.mark.parametrize(
    ("version", "connection", "stays"),
    [
        (b"1.1", None, True), (b"1.1", b"close", False), (b"1.1", b"CLOSE", False), (b"1.1", b"keep-alive", True),
        (b"1.1", b"keep-alive, close", False), (b"1.1", b"x, close", False), (b"1.1", b"closed", True),
        (b"1.0", None, False), (b"1.0", b"keep-alive", True), (b"1.0", b"Keep-Alive", True), (b"1.0",
        b"close", False),
        (b"1.0", b"keep-alive, close", False), (b"1.0", b"x", False),
    ],
)  # fmt: skip
def test_whether_the_connection_stays(version, connection, stays):
    lines = (b"Connection: " + connection,) if connection else ()
    parsed = parse(head(b"GET / HTTP/" + version, *lines))
    assert parsed.keep_alive is stays
    assert parsed.fields.block == b"\r\nHost: a"


def test_several_connection_lines_count_as_one():
    parsed = parse(head(b"GET / HTTP/1.1", b"Connection: x", b"X: 1", b"Connection: close"))
    assert not parsed.keep_alive
    assert parsed.fields.lines == [b"Host: a"]


def test_what_connection_names_goes_no_further():
    lines = (
        b"Connection: X-Hop, Cookie, traceparent, x-forwarded-for",
        b"X-Hop: 1",
        b"x-hop: 2",
        b"Cookie: a=b",
        b"Y: 1",
    )
    noted = (b"X-Forwarded-For: 1", b"Forwarded: for=1", b"traceparent: 00-1")
    parsed = parse(head(b"GET / HTTP/1.1", *lines, *noted))
    assert parsed.fields.lines == [b"Host: a", b"Y: 1"]
    assert [field.name for field, _ in parsed.extras.forwarding] == ["forwarded"]
    assert parsed.fields.traceparent == b""


@pytest.mark.parametrize("name", [b"Host", b"Content-Length", b"Expect"])
def test_naming_what_routing_and_framing_rest_on_takes_nothing_away(name):
    lines = (b"Connection: " + name, b"Content-Length: 5", b"Expect: 100-continue")
    parsed = parse(head(b"POST / HTTP/1.1", *lines))
    assert parsed.fields.lines == [b"Host: a", *lines[1:]]
    assert parsed.fields.content_length == 5


def test_naming_transfer_encoding_changes_no_framing():
    parsed = parse(head(b"POST / HTTP/1.1", b"Connection: transfer-encoding", b"Transfer-Encoding: chunked"))
    assert parsed.fields.chunked


# fields that are noted


def test_upgrades_are_noted_and_joined():
    parsed = parse(head(b"GET / HTTP/1.1", b"Upgrade: h2c", b"Connection: Upgrade", b"Upgrade: WebSocket"))
    assert parsed.extras.upgrade == b"h2c,WebSocket"
    assert parsed.extras.connection == (b"upgrade",)
    assert parsed.fields.block == b"\r\nHost: a"


def test_an_expectation_passes_from_http_1_1_only():
    # RFC 9110 section 10.1.1
    lines = (b"Expect: 100-continue", b"Content-Length: 1")
    assert parse(head(b"POST / HTTP/1.1", *lines)).values("expect") == ["100-continue"]
    assert parse(head(b"POST / HTTP/1.0", *lines)).values("expect") == []


def test_max_forwards_is_looked_at_for_options_only():
    # RFC 9110 section 7.6.2
    options = parse(head(b"OPTIONS / HTTP/1.1", b"Max-Forwards: 5"))
    assert (options.extras.last_hop, options.values("max-forwards")) == (False, ["4"])
    get = parse(head(b"GET / HTTP/1.1", b"Max-Forwards: 5"))
    assert (get.extras.last_hop, get.values("max-forwards")) == (False, ["5"])
    assert parse(head(b"OPTIONS / HTTP/1.1", b"Max-Forwards: 0")).extras.last_hop


@pytest.mark.parametrize(
    "value", [b"application/grpc", b"application/grpc+proto", b"Application/GRPC; x=y", b"application/grpc "]
)
def test_grpc_is_noted(value):
    assert parse(head(b"POST / HTTP/1.1", b"Content-Type: " + value)).extras.grpc


@pytest.mark.parametrize("value", [b"application/grpc-web", b"application/grpcx", b"text/plain", b"application/json"])
def test_other_content_types_are_not_grpc(value):
    assert not parse(head(b"POST / HTTP/1.1", b"Content-Type: " + value)).extras.grpc


def test_ids_and_wishes_are_noted_and_not_passed_on():
    lines = (
        b"X-Request-Id: r1",
        b"traceparent: 00-abc",
        b"tracestate: a=1",
        b"tracestate: b=2",
        b"X-Strangler-Side: Service",
    )
    parsed = parse(head(b"GET / HTTP/1.1", *lines))
    assert parsed.fields.block == b"\r\nHost: a"
    assert (parsed.extras.request_id, parsed.fields.traceparent) == (b"r1", b"00-abc")
    assert parsed.extras.tracestate == lines[2:4]
    assert parsed.extras.side == b"service"


def test_two_traceparents_are_as_good_as_none():
    # W3C Trace Context section 3.2: more than one is invalid
    parsed = parse(head(b"GET / HTTP/1.1", b"traceparent: 00-abc", b"traceparent: 00-abc"))
    assert parsed.fields.traceparent not in (b"", b"00-abc")
    assert parsed.fields.block == b"\r\nHost: a"


# heads one after the other


PREVIOUS = head(b"GET /a HTTP/1.1", b"Cookie: session=1", b"Accept: */*")


def meaning(parsed):
    fields = parsed.fields
    return (
        parsed.method, parsed.path, parsed.raw_query, parsed.http11, parsed.host, parsed.keep_alive, parsed.has_body,
        parsed.plain_line, fields.block, list(fields.lines), fields.host_value, fields.host_line, fields.content_length,
        fields.chunked, fields.traceparent, fields.extras,
    )  # fmt: skip


@pytest.mark.parametrize(
    "following",
    [
        PREVIOUS,
        head(b"GET /b?c HTTP/1.1", b"Cookie: session=1", b"Accept: */*"),
        head(b"GET /%62 HTTP/1.1", b"Cookie: session=1", b"Accept: */*"),
        head(b"GET http://other/ HTTP/1.1", b"Cookie: session=1", b"Accept: */*"),
        head(b"GET /a HTTP/1.0", b"Cookie: session=1", b"Accept: */*"),
        head(b"OPTIONS /a HTTP/1.1", b"Cookie: session=1", b"Accept: */*"),
        head(b"GET /a HTTP/1.1", b"Cookie: session=2", b"Accept: */*"),
        head(b"GET /a HTTP/1.1", b"Cookie: session=1"),
        head(b"GET /a HTTP/1.1"),
    ],
)
def test_a_head_means_the_same_whatever_came_before_it(following):
    parser = RequestParser()
    previous = parser.parse(PREVIOUS)
    before = meaning(previous)
    assert meaning(parser.parse(following, previous)) == meaning(RequestParser().parse(following))
    assert meaning(previous) == before


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (b"OPTIONS /a HTTP/1.1", b"GET /a HTTP/1.1"),
        (b"GET http://other/a HTTP/1.1", b"GET /a HTTP/1.1"),
        (b"POST /a HTTP/1.0", b"POST /a HTTP/1.1"),
    ],
)
def test_equal_fields_below_another_request_line_are_read_anew(first, second):
    lines = (b"Max-Forwards: 3", b"Expect: 100-continue", b"Content-Length: 1")
    parser = RequestParser()
    previous = parser.parse(head(first, *lines))
    assert meaning(parser.parse(head(second, *lines), previous)) == meaning(parse(head(second, *lines)))


def test_equal_fields_that_are_wrong_below_another_line_are_refused():
    parser = RequestParser()
    previous = parser.parse(head(b"GET / HTTP/1.0", host=None))
    with pytest.raises(Refusal):
        parser.parse(head(b"GET / HTTP/1.1", host=None), previous)


def test_the_same_head_again_is_the_one_before():
    parser = RequestParser()
    previous = parser.parse(PREVIOUS)
    assert parser.parse(PREVIOUS, previous) is previous


def test_a_head_shows_neither_its_query_nor_its_fields():
    parsed = parse(head(b"GET /a?token=secret HTTP/1.1", b"Cookie: session=secret"))
    assert repr(parsed) == "<RequestHead GET /a>"
