"""Heads made to be misread, with llhttp in its strict mode as referee.

Whatever we accept, llhttp accepts, with the same method, target, version, fields and keep-alive. Ours is stricter in
places that llhttp leaves to its user: one Host in HTTP/1.1 and a well-formed one, no versions but 1.0 and 1.1, the
target's form, `chunked` as the only coding, sizes. It is wider in two: any token is a method, and bytes above 127 may
stand in a target. Where HTTP/1.0 asks for both `close` and `keep-alive`, we close and llhttp would not.
"""

import httptools
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from proxy.wire.fields import split_line
from proxy.wire.refusal import BadAnswer, Refusal
from proxy.wire.request import RequestParser
from proxy.wire.response import Body, ResponseParser

METHODS = st.sampled_from([b"GET", b"HEAD", b"POST", b"PUT", b"OPTIONS", b"DELETE", b"PATCH"])
TARGETS = st.sampled_from(
    [
        b"/",
        b"/a/b?c=d",
        b"/%61",
        b"/a;b",
        b"//",
        b"/?",
        b"/?a?b",
        b"http://b/x",
        b"http://b:81?x",
        b"*",
        b"/a%2fb",
        b"/..",
        b"a",
    ]
)
VERSIONS = st.sampled_from(
    [b"HTTP/1.1"] * 6 + [b"HTTP/1.0"] * 3 + [b"HTTP/2.0", b"HTTP/1.2", b"http/1.1", b"HTTP/1.10"]
)
FRAMING = [
    b"Content-Length: 5", b"content-length:0", b"Content-Length: 05", b"Content-Length: +5", b"Content-Length: 5, 5",
    b"Content-Length: 6 ", b"Content-Length:\t7", b"Transfer-Encoding: chunked", b"transfer-encoding:Chunked ",
    b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: chunked, chunked", b"Transfer-Encoding: identity",
    b"Transfer-Encoding:", b"Transfer-Encoding: x", b"Content-Length:",
]  # fmt: skip
OTHERS = [
    b"Accept: */*", b"Connection: close", b"Connection: keep-alive", b"Connection: Keep-Alive, x",
    b"connection: x, CLOSE",
    b"Connection: Upgrade", b"Upgrade: websocket", b"Cookie: a=b", b"X: \xe9", b"Y:", b"Z:  a  b ",
    b"Expect: 100-continue",
    b"TE: trailers", b"x-forwarded-for: 1", b"Keep-Alive: 5", b"A_b.c: 1", b"Max-Forwards: 3",
    b"traceparent: 00-1", b"Date: x",
    b"Location: /x", b"Cache-Control: no-store", b"Set-Cookie: a=b",
]  # fmt: skip
FIELDS = st.lists(st.sampled_from(OTHERS) | st.sampled_from(FRAMING), max_size=6)
HOSTS = st.sampled_from([[b"Host: a"]] * 8 + [[b"host:A:81 "], [], [b"Host: a", b"Host: a"], [b"Host: a b"]])


@st.composite
def mutated(draw, blocks):
    """A head, in half of the cases with one byte changed, put in or taken out."""
    block = draw(blocks)
    kind = draw(st.sampled_from(["whole", "whole", "change", "insert", "delete"]))
    at = draw(st.integers(0, len(block) - 1))
    byte = bytes([draw(st.sampled_from(b"\r\n\t :,;\x00\x7f/?#%0\xff") | st.integers(0, 255))])
    if kind == "change":
        block = block[:at] + byte + block[at + 1 :]
    elif kind == "insert":
        block = block[:at] + byte + block[at:]
    elif kind == "delete":
        block = block[:at] + block[at + 1 :]
    return block.partition(b"\r\n\r\n")[0]


@st.composite
def requests(draw):
    line = b" ".join((draw(METHODS), draw(TARGETS), draw(VERSIONS)))
    fields = draw(HOSTS) + draw(FIELDS)
    return b"\r\n".join((line, *draw(st.permutations(fields))))


@st.composite
def answers(draw):
    status = draw(
        st.sampled_from([b"200 OK", b"204 No Content", b"304 Not Modified", b"404 ", b"301 M", b"103 E", b"200"])
    )
    version = draw(st.sampled_from([b"HTTP/1.1"] * 4 + [b"HTTP/1.0", b"HTTP/2.0", b"ICY"]))
    return b"\r\n".join((version + b" " + status, *draw(FIELDS)))


class Referee:
    """What llhttp makes of a message's head."""

    def __init__(self):
        self.target = b""
        self.fields = []
        self.headers_done = False

    def on_url(self, url):
        self.target += url

    def on_header(self, name, value):
        self.fields.append((name.lower(), value.strip(b" \t")))

    def on_headers_complete(self):
        self.headers_done = True
        self.keep_alive = self.parser.should_keep_alive()  # at a message's end it is forgotten


def refereed(make, block):
    referee = Referee()
    parser = referee.parser = make(referee)
    try:
        parser.feed_data(block + b"\r\n\r\n")
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserError as error:
        raise AssertionError(f"llhttp refuses what we accept: {block!r}: {error}") from error
    assert referee.headers_done
    return referee, parser


def fields_of(block):
    return [split_line(line) for line in block.split(b"\r\n")[1:]]


KNOWN_METHODS = frozenset(b"GET HEAD POST PUT OPTIONS DELETE PATCH".split())


@given(mutated(requests()))
def test_a_request_we_accept_means_the_same_to_llhttp(block):
    try:
        head = RequestParser(allow_encoded_slash=True).parse(block)
    except Refusal:
        return
    assume(head.method.encode() in KNOWN_METHODS)
    assume(block.split(b" ")[1].isascii())
    referee, parser = refereed(httptools.HttpRequestParser, block)
    assert parser.get_method() == head.method.encode()
    assert referee.target == block.split(b" ")[1]
    assert parser.get_http_version() == ("1.1" if head.http11 else "1.0")
    assert referee.fields == fields_of(block)
    named = head.extras.connection
    both = b"close" in named and b"keep-alive" in named  # RFC 9112 section 9.3: close wins, but not with llhttp in 1.0
    if not head.extras.upgrade and not both:
        assert referee.keep_alive == head.keep_alive


@given(mutated(answers()))
def test_an_answer_we_accept_means_the_same_to_llhttp(block):
    try:
        head = ResponseParser().parse(block)
    except BadAnswer:
        return
    if len([name for name, _ in fields_of(block) if name == b"content-length"]) > 1:
        return  # llhttp takes none that is said twice
    referee, parser = refereed(httptools.HttpResponseParser, block)
    assert parser.get_status_code() == head.status
    assert parser.get_http_version() == ("1.1" if head.http11 else "1.0")
    assert referee.fields == fields_of(block)
    if head.body is not Body.CLOSE and head.http11 and head.status >= 200 and not head.upgrade:
        assert referee.keep_alive == head.keep_alive


STRICTER = [
    b"GET / HTTP/1.1\r\nA: 1",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b",
    b"GET / HTTP/1.1\r\nHost: a b",
    b"GET / HTTP/0.9\r\nHost: a",
    b"GET / HTTP/2.0\r\nHost: a",
    b"GET /../a HTTP/1.1\r\nHost: a",
    b"GET /a#b HTTP/1.1\r\nHost: a",
    b"GET /a%00 HTTP/1.1\r\nHost: a",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked",
    b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked",
]


@pytest.mark.parametrize("block", STRICTER)
def test_we_refuse_some_requests_that_llhttp_takes(block):
    refereed(httptools.HttpRequestParser, block)
    with pytest.raises(Refusal):
        RequestParser().parse(block)


@pytest.mark.parametrize(
    "block",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked",
        b"HTTP/2.0 200 OK",
    ],
)
def test_we_refuse_some_answers_that_llhttp_takes(block):
    refereed(httptools.HttpResponseParser, block)
    with pytest.raises(BadAnswer):
        ResponseParser().parse(block)


@pytest.mark.parametrize("method", [b"get", b"X-CUSTOM", b"M~1"])
def test_we_take_methods_that_llhttp_does_not_know(method):
    block = method + b" / HTTP/1.1\r\nHost: a"
    assert RequestParser().parse(block).method == method.decode()
    with pytest.raises(httptools.HttpParserError):
        httptools.HttpRequestParser(Referee()).feed_data(block + b"\r\n\r\n")


def test_we_take_bytes_above_127_in_a_target_as_browsers_and_old_clients_send_them():
    block = b"GET /caf\xe9 HTTP/1.1\r\nHost: a"
    assert RequestParser().parse(block).path == "/café"
    with pytest.raises(httptools.HttpParserError):
        httptools.HttpRequestParser(Referee()).feed_data(block + b"\r\n\r\n")


# heads one after the other


def meaning(parse):
    try:
        head = parse()
    except Refusal as refusal:
        return refusal.status, refusal.outcome, refusal.detail
    fields = head.fields
    return (
        head.method, head.path, head.raw_query, head.http11, head.host, head.keep_alive, head.has_body, head.plain_line,
        fields.block, list(fields.lines), fields.host_value, fields.content_length, fields.chunked, fields.traceparent,
        repr(fields.extras),
    )  # fmt: skip


SHARED = RequestParser()  # its table has seen whatever came before


@given(mutated(requests()), st.data())
@example(b"GET / HTTP/1.0\r\nExpect: 1\r\nHost: a", None)
def test_a_head_means_the_same_whatever_came_before_it_on_the_connection(first, data):
    try:
        previous = SHARED.parse(first)
    except Refusal:
        previous = None
    if data is None:
        following = first.replace(b"1.0", b"1.1")
    elif not data.draw(st.integers(0, 4)):
        following = first
    elif data.draw(st.booleans()):
        following = data.draw(requests()).partition(b"\r\n")[0] + b"".join(first.partition(b"\r\n")[1:])
    else:
        following = data.draw(mutated(requests()))
    before = previous and meaning(lambda: previous)
    assert meaning(lambda: SHARED.parse(following, previous)) == meaning(lambda: RequestParser().parse(following))
    assert (previous and meaning(lambda: previous)) == before


@given(st.lists(mutated(answers()), min_size=1, max_size=3))
def test_an_answers_head_means_the_same_to_a_parser_that_has_seen_others(blocks):
    def told(parser, block):
        try:
            head = parser.parse(block)
        except BadAnswer as error:
            return str(error)
        return head.status, head.block, head.body, head.keep_alive, head.upgrade, head.content_length

    shared = ResponseParser()
    for block in [*blocks, *blocks]:
        assert told(shared, block) == told(ResponseParser(), block)
