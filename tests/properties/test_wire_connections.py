"""Byte streams cut anywhere: how a message was cut into segments never changes what it means.

Pipelined requests into a client connection, and answers into an upstream connection, on a network in memory.
"""

import re
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.wire.framing import BadChunk, ChunkedDecoder
from tests.support.fakes import World
from tests.support.routing import route, snapshot
from tests.support.wire_text import answer, get, read, request

SERVED = snapshot(route("svc", "/svc/**"), route("old", "/old", stage="retired", to=None))
CHUNKED = "Transfer-Encoding: chunked"

# Not among them: a body for a retired route, which is answered before the body is there, if that comes late.
GOOD = [
    get("/a?b=1", "Cookie: a=b"),
    get("/a?b=1", "Cookie: a=b"),
    get("/svc/%61", "TE: trailers"),
    get("/old"),
    request("HEAD /a"),
    request("OPTIONS *"),
    request("POST /a", "Content-Length: 5", body=b"\r\n\r\n!"),
    request("PUT /svc/x", "Content-Length: 3", "Expect: 100-continue", body=b"GET"),
    request("POST /a", CHUNKED, body=b"3;x=y\r\nabc\r\n1\r\nd\r\n0\r\nX: 1\r\n\r\n"),
    b"\r\n" + get("/after-an-empty-line"),
]
LAST = [
    b"",
    get("/a", "Connection: close"),
    request("GET /a", version="1.0"),
    b"BAD\r\n\r\n",
    get("/a/../b"),
    get("/a", "X : y"),
    request("POST /a", "Content-Length: 1", CHUNKED, body=b"0\r\n\r\n"),
    get("/never-ends")[:-2],
]
PIPELINES = st.builds(
    lambda good, last: b"".join([*good, last]), st.lists(st.sampled_from(GOOD), max_size=4), st.sampled_from(LAST)
)
CUTS = st.lists(st.integers(0, 100_000), max_size=10) | st.none()


def cut(data, cuts):
    """`None` cuts into many pieces of a few bytes."""
    if not data:
        return []
    if cuts is None:
        size = 1 + len(data) // 50
        return [data[at : at + size] for at in range(0, len(data), size)]
    at = sorted({0, len(data), *(one % (len(data) + 1) for one in cuts)})
    return [data[start:end] for start, end in pairwise(at)]


def masked(data):
    """Without what is drawn by chance."""
    data = re.sub(rb"(?i)(x-request-id|traceparent|date): [^\r]*", rb"\1: any", data)
    return re.sub(rb'"request_id": "[0-9a-f]+"', b"", data)


def unchunked(data):
    """Content and rest of a chunked body, or None while it is not complete."""
    decoder = ChunkedDecoder()
    content = decoder.feed(data) if data else b""
    return (content, decoder.rest) if decoder.done else None


def take_request(data):
    """The first whole request in `data` as (head, content), and the rest."""
    if b"\r\n\r\n" not in data:
        return None, data
    message = read(data)
    head = masked(data[: len(data) - len(message.body)])
    if message.value("transfer-encoding"):
        body = unchunked(message.body)
        return (None, data) if body is None else ((head, body[0]), body[1])
    length = int(message.value("content-length") or 0)
    if len(message.body) < length:
        return None, data
    return (head, message.body[:length]), message.body[length:]


def converse(segments):
    """What upstreams were asked, what the client got, and whether its connection was ended."""
    asked, left = [], {}
    with World(SERVED) as world:

        def answer_all():
            busy = True
            while busy:
                busy = False
                for at, upstream in enumerate(world.upstreams):
                    found, left[at] = take_request(left.get(at, b"") + upstream.take())
                    if found is not None:
                        busy = True
                        asked.append((world.network.asked[at], *found))
                        method = found[0].split(b" ")[0]
                        upstream.sends(answer(body=b"%d" % len(asked) if method != b"HEAD" else None))

        client = world.client()
        for segment in segments:
            client.sends(segment)
            answer_all()
        world.passes(0)
        return asked, masked(client.received), client.eof_written or client.closed


@settings(max_examples=50)
@given(PIPELINES, CUTS)
def test_requests_mean_the_same_however_their_bytes_are_cut(data, cuts):
    assert converse(cut(data, cuts)) == converse([data] if data else [])


ANSWERS = [
    answer(body=b"0123456789"),
    answer("404 Not Found", "Set-Cookie: a=b", body=b""),
    answer("204 No Content", body=None),
    answer("304 Not Modified", "Content-Length: 5", body=None),
    answer("200 OK", CHUNKED, body=None) + b"3;x\r\nabc\r\n2\r\nde\r\n0\r\nX: 1\r\n\r\n",
    answer("200 OK", body=None) + b"until the end",
    b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + answer(),
    answer("200 OK", "Connection: close"),
    answer(version="1.0"),
    answer() + b"HTTP/1.1 200 Smuggled\r\n\r\n",
]


def get_answer(sent, segments):
    """What a client makes of an answer that comes in these segments, until its connection ends."""
    with World(SERVED) as world:
        client = world.client()
        client.sends(sent)
        for segment in segments:
            world.upstream.sends(segment)
        world.upstream.ends()
        received, ended = masked(client.received), client.closed
        idle = world.counted("strangler_upstream_connections_idle")
    if not received:
        return "nothing", b"", ended, idle
    interim = b""
    while re.match(rb"HTTP/1.1 1", received):
        head, _, received = received.partition(b"\r\n\r\n")
        interim += head
    if b"transfer-encoding: chunked" not in received.lower():
        return interim, received, ended, idle
    message = read(received)
    try:
        whole = unchunked(message.body)
    except BadChunk:
        raise AssertionError(f"the client was sent bad chunks: {message.body!r}") from None
    return interim, message.fields, whole or "broken off", ended, idle


ASKING = st.sampled_from([get(), request("GET /a", version="1.0"), get("/svc/x"), get("/a", "Connection: close")])


@settings(max_examples=50)
@given(ASKING, st.sampled_from(ANSWERS), CUTS)
def test_an_answer_means_the_same_however_its_bytes_are_cut(sent, data, cuts):
    assert get_answer(sent, cut(data, cuts)) == get_answer(sent, [data])


@settings(max_examples=50)
@given(st.sampled_from(ANSWERS), CUTS, st.data())
def test_an_answer_that_breaks_off_or_breaks_http_never_ends_well(data, cuts, drawn):
    """Cut short anywhere, the client gets an error of ours, or sees that the answer is not whole."""
    head = data.index(b"\r\n\r\n") + 4
    if b"\r\nContent-Length: 0" in data[:head] or b" 204 " in data[:head] or b" 304 " in data[:head]:
        head -= 1
    whole = len(data)
    if data.endswith(b"until the end"):
        whole = head  # its end is the connection's
    if data.endswith(b"Smuggled\r\n\r\n"):
        whole = len(answer())
    short = data[: drawn.draw(st.integers(0, whole - 1))]
    with World(SERVED) as world:
        client = world.client()
        client.sends(get())
        for segment in cut(short, cuts) if short else []:
            world.upstream.sends(segment)
        world.upstream.ends()
        last = client.received[client.received.rfind(b"HTTP/1.1 ") :]
        message = read(last)
        if message.status == 502:
            assert message.outcome in ("reset", "bad_answer")
        else:
            assert client.closed
            length = message.value("content-length")
            assert unchunked(message.body) is None if length is None else len(message.body) < int(length)
