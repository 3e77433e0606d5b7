"""Answer heads: what is passed on, how the body ends, what breaks HTTP (RFC 9112 sections 4, 5 and 6.3)."""

import pytest

from proxy.wire.refusal import BadAnswer
from proxy.wire.response import MAX_HEAD_BYTES, Body, ResponseParser


def parse(*lines, first=b"HTTP/1.1 200 OK"):
    return ResponseParser().parse(b"\r\n".join((first, *lines)))


@pytest.mark.parametrize(
    ("line", "status", "sent_on"),
    [
        (b"HTTP/1.1 200 OK", 200, b"HTTP/1.1 200 OK"),
        (b"HTTP/1.0 404 Not Found", 404, b"HTTP/1.1 404 Not Found"),
        (b"HTTP/1.1 200 ", 200, b"HTTP/1.1 200 "),
        (b"HTTP/1.1 200", 200, b"HTTP/1.1 200 "),
        (b"HTTP/1.1 299 \xe9t\xe9 \t!", 299, b"HTTP/1.1 299 \xe9t\xe9 \t!"),
        (b"HTTP/1.1 599 X", 599, b"HTTP/1.1 599 X"),
    ],
)
def test_a_status_line_is_sent_on_as_http_1_1(line, status, sent_on):
    parsed = parse(first=line)
    assert (parsed.status, parsed.status_line) == (status, sent_on)
    assert parsed.http11 is line.startswith(b"HTTP/1.1")


@pytest.mark.parametrize(
    "line",
    [
        b"", b"HTTP/1.1", b"HTTP/1.1 20", b"HTTP/1.1 2000 OK", b"HTTP/1.1 200OK", b"HTTP/1.1  200 OK",
        b"http/1.1 200 OK",
        b"HTTP/2.0 200 OK", b"HTTP/1.2 200 OK", b"HTTP/0.9 200 OK", b"ICY 200 OK", b" HTTP/1.1 200 OK",
        b"HTTP/1.1 099 X",
        b"HTTP/1.1 -20 X", b"HTTP/1.1 200 a\x00b", b"HTTP/1.1 200 a\rb", b"HTTP/1.1 200 a\nb", b"HTTP/1.1 2x0 OK",
        b"200 OK",
        b"HTTP/1.1\t200 OK", b"GET / HTTP/1.1",
    ],
)  # fmt: skip
def test_what_is_no_status_line_is_a_bad_answer(line):
    with pytest.raises(BadAnswer):
        parse(first=line)


@pytest.mark.parametrize("line", [b"HTTP/1.1 000 X", b"HTTP/1.1 0200 OK"])
def test_a_status_begins_with_a_digit_from_1_to_9(line):
    with pytest.raises(BadAnswer):
        parse(first=line)


def test_lines_keep_their_order_and_spelling():
    lines = (b"server: x", b"Set-Cookie: a=1", b"X_any:  2", b"Set-Cookie: a=1", b"set-cookie: b=2", b"Date: now")
    parsed = parse(*lines)
    assert parsed.lines == list(lines)
    assert parsed.block == b"\r\n".join((b"HTTP/1.1 200 OK", *lines))
    assert parsed.dated


def test_what_is_for_one_hop_or_only_ours_to_say_is_dropped():
    lines = (
        b"Connection: keep-alive", b"Keep-Alive: timeout=5", b"Proxy-Authenticate: Basic", b"TE: x",
        b"Trailer: X-Sum", b"Upgrade: h2c",
        b"X-Strangler-Decision: route=x", b"X-Request-Id: theirs", b"Transfer-Encoding: chunked",
        b"Proxy-Connection: close",
    )  # fmt: skip
    assert parse(*lines, b"A: 1").lines == [b"A: 1"]


def test_what_connection_names_goes_no_further():
    parsed = parse(
        b"Connection: close, X-Hop, Location, Cache-Control", b"x-hop: 1", b"Location: /", b"Cache-Control: x", b"B: 1"
    )
    assert parsed.lines == [b"B: 1"]
    assert (parsed.location, parsed.cache_control) == (b"", ())


@pytest.mark.parametrize("name", [b"Content-Length", b"Set-Cookie"])
def test_naming_what_framing_or_sessions_rest_on_takes_nothing_away(name):
    lines = (b"Content-Length: 5", b"Set-Cookie: a=1")
    assert parse(b"Connection: " + name, *lines).lines == list(lines)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"X",
        b": a",
        b" folded",
        b"\tfolded",
        b"X : a",
        b"X@: a",
        b"X: \x00",
        b"X: a\rb",
        b"X: a\nSet-Cookie: b=c",
        b"\xe9: a",
    ],
)
def test_a_bad_field_line_is_a_bad_answer(line):
    with pytest.raises(BadAnswer):
        parse(b"A: 1", line, b"B: 2")


def test_a_head_has_a_largest_size():
    at_most = b"X: ".ljust(MAX_HEAD_BYTES - len(b"HTTP/1.1 200 OK\r\n"), b"x")
    assert parse(at_most).lines == [at_most]
    with pytest.raises(BadAnswer, match="too large"):
        parse(at_most + b"x")


CHUNKED = b"Transfer-Encoding: chunked"


@pytest.mark.parametrize(
    ("first", "lines", "body"),
    [
        (b"HTTP/1.1 200 OK", (b"Content-Length: 5",), Body.LENGTH),
        (b"HTTP/1.1 200 OK", (b"Content-Length: 0",), Body.NONE),
        (b"HTTP/1.1 200 OK", (CHUNKED,), Body.CHUNKED),
        (b"HTTP/1.1 200 OK", (b"transfer-encoding:Chunked",), Body.CHUNKED),
        (b"HTTP/1.1 200 OK", (), Body.CLOSE),
        (b"HTTP/1.0 200 OK", (), Body.CLOSE),
        (b"HTTP/1.0 200 OK", (b"Content-Length: 5",), Body.LENGTH),
        (b"HTTP/1.1 204 No Content", (b"Content-Length: 5",), Body.NONE),
        (b"HTTP/1.1 304 Not Modified", (b"Content-Length: 5",), Body.NONE),
        (b"HTTP/1.1 304 Not Modified", (CHUNKED,), Body.NONE),
        (b"HTTP/1.1 103 Early Hints", (), Body.NONE),
    ],
)
def test_how_the_body_ends_unless_it_answers_head(first, lines, body):
    assert parse(*lines, first=first).body is body


@pytest.mark.parametrize(
    ("first", "lines"),
    [
        (b"HTTP/1.1 200 OK", (b"Transfer-Encoding: gzip",)),
        (b"HTTP/1.1 200 OK", (b"Transfer-Encoding: gzip, chunked",)),
        (b"HTTP/1.1 200 OK", (CHUNKED, CHUNKED)),
        (b"HTTP/1.1 200 OK", (b"Transfer-Encoding: chunked, identity",)),
        (b"HTTP/1.0 200 OK", (CHUNKED,)),
        (b"HTTP/1.1 200 OK", (CHUNKED, b"Content-Length: 5")),
        (b"HTTP/1.1 200 OK", (b"Content-Length: 5", CHUNKED)),
        (b"HTTP/1.1 204 No Content", (b"Transfer-Encoding: gzip",)),
    ],
)
def test_framing_that_can_be_read_in_two_ways_is_a_bad_answer(first, lines):
    with pytest.raises(BadAnswer):
        parse(*lines, first=first)


@pytest.mark.parametrize("value", [b"", b"+5", b"-1", b"5,5", b"0x5", b"5 5", b"1" * 19])
def test_a_length_that_is_no_number_is_a_bad_answer(value):
    with pytest.raises(BadAnswer):
        parse(b"Content-Length: " + value)


def test_two_lengths_that_differ_are_a_bad_answer():
    with pytest.raises(BadAnswer):
        parse(b"Content-Length: 5", b"content-length: 6")


@pytest.mark.parametrize("second", [b"content-length: 5", b"Content-Length: 5", b"Content-Length: 05"])
def test_a_length_that_is_said_twice_is_passed_on_once(second):
    head = parse(b"Content-Length: 5", second, b"A: b")
    assert head.content_length == 5
    assert [line.lower()[:15] for line in head.lines].count(b"content-length:") == 1


@pytest.mark.parametrize("value", [b"", b" ", b",", b", ,"])
@pytest.mark.parametrize("others", [(), (b"Content-Length: 5",)])
def test_a_transfer_encoding_that_names_no_coding_is_a_bad_answer(value, others):
    # RFC 9110 section 5.6.1: a list of codings has at least one member; another reader may take the field for there.
    with pytest.raises(BadAnswer):
        parse(b"Transfer-Encoding:" + value, *others)


@pytest.mark.parametrize("first", [b"HTTP/1.1 204 No Content", b"HTTP/1.1 103 Early Hints"])
def test_answers_that_may_not_have_a_length_lose_it(first):
    # RFC 9110 section 8.6
    assert parse(b"A: 1", b"Content-Length: 0", first=first).lines == [b"A: 1"]


@pytest.mark.parametrize(
    ("first", "lines", "stays"),
    [
        (b"HTTP/1.1 200 OK", (), True),
        (b"HTTP/1.1 200 OK", (b"Connection: close",), False),
        (b"HTTP/1.1 200 OK", (b"Connection: x", b"Connection: Close"), False),
        (b"HTTP/1.1 200 OK", (b"Connection: keep-alive",), True),
        (b"HTTP/1.0 200 OK", (b"Connection: keep-alive",), False),
        (b"HTTP/1.0 200 OK", (), False),
    ],
)
def test_whether_the_upstream_reads_on(first, lines, stays):
    assert parse(*lines, first=first).keep_alive is stays


def test_a_switch_of_protocols_says_to_which():
    parsed = parse(b"Upgrade: WebSocket", b"Connection: Upgrade", b"Sec-WebSocket-Accept: x", first=b"HTTP/1.1 101 S")
    assert (parsed.upgrade, parsed.connection) == (b"websocket", (b"upgrade",))
    assert parsed.lines == [b"Sec-WebSocket-Accept: x"]


def test_location_and_caching_are_noted_and_stay():
    lines = (b"location: /a", b"Cache-Control: a", b"cache-control: b")
    parsed = parse(*lines)
    assert (parsed.location, parsed.cache_control) == (lines[0], lines[1:])
    assert parsed.lines == list(lines)


def test_an_evolved_answer_leaves_the_first_as_it_was():
    first = parse(b"Date: now", b"Cache-Control: a", b"Content-Length: 5")
    changed = first.evolve(b"HTTP/1.1 302 Found", [b"B: 1"])
    assert changed.block == b"HTTP/1.1 302 Found\r\nB: 1"
    assert (changed.dated, changed.status) == (True, 200)
    assert first.block == b"HTTP/1.1 200 OK\r\nDate: now\r\nCache-Control: a\r\nContent-Length: 5"


def test_many_different_status_lines_are_all_read():
    parser = ResponseParser()
    for number in range(600):
        assert parser.parse(b"HTTP/1.1 200 reason-%d" % number).status_line == b"HTTP/1.1 200 reason-%d" % number


def test_a_head_means_the_same_to_a_parser_that_has_seen_it():
    parser = ResponseParser()
    block = b"\r\n".join(
        (b"HTTP/1.1 200 OK", b"TE: x", b"A: 1", b"Set-Cookie: a=b", b"Connection: X", b"X: 1", b"Content-Length: 2")
    )
    first, second = parser.parse(block), parser.parse(block)
    assert first.lines == second.lines == [b"A: 1", b"Set-Cookie: a=b", b"Content-Length: 2"]
    assert b"Set-Cookie: a=b" not in parser.table.verdicts
    assert parser.table.unusual([b"Set-Cookie: a=b"]) == [b"Set-Cookie: a=b"]
