"""Answers of an upstream: forwarded as they are, framed anew, for every client that HTTP/1.x knows."""

import asyncio
import gzip

import pytest

from tests.conformance.case import Gateway, ours, requires, wire
from tests.support.raw_upstream import UpstreamConnection

STATUSES = [
    *(200, 201, 202, 203, 206, 226, 299, 300, 301, 302, 303, 307, 308),
    *(400, 401, 402, 403, 404, 405, 409, 410, 412, 413, 416, 418, 421, 422, 426, 428, 429, 431, 451, 499),
    *(500, 501, 502, 503, 504, 505, 507, 511, 599),
]


@requires("RFC 9110 §15")
async def test_every_status_passes_with_its_body(gateway: Gateway) -> None:
    client = await gateway.connect()
    for status in STATUSES:
        gateway.upstream.answers(b"HTTP/1.1 %d Custom\r\nContent-Length: 4\r\nX-Up: 1\r\n\r\nbody" % status)
        await client.send(gateway.request())
        answer = await client.read_answer()
        assert (answer.status, answer.body, answer.value("x-up")) == (status, b"body", "1")


@wire
@requires("RFC 9112 §4")
@pytest.mark.parametrize("reason", [b"Custom Reason", b"", b"caf\xe9", b"a  b"])
async def test_reason_phrase_of_any_kind_is_accepted(gateway: Gateway, reason: bytes) -> None:
    """Clients ignore it; it may be kept or replaced, but never make the answer fail."""
    gateway.upstream.answers(b"HTTP/1.1 200 " + reason + b"\r\nContent-Length: 2\r\n\r\nok")
    answer = await gateway.ask(gateway.request())
    assert (answer.status, answer.body) == (200, b"ok")


@requires("RFC 9112 §4")
async def test_status_line_without_the_space_before_an_empty_reason_is_accepted_or_502(gateway: Gateway) -> None:
    gateway.upstream.answers(b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", then="close")
    answer = await gateway.ask(gateway.request())
    assert answer.status in (200, 502), answer
    assert answer.complete


BODILESS = {
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "304": b'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n',
    "304 with the length of the 200": b'HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\nETag: "a"\r\n\r\n',
    "304 that says chunked": b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
}


@requires("RFC 9112 §6.3", "RFC 9110 §8.6", "RFC 9110 §15.3.5", "RFC 9110 §15.4.5")
@pytest.mark.parametrize("payload", BODILESS.values(), ids=BODILESS)
async def test_answer_that_has_no_body_ends_with_its_head(gateway: Gateway, payload: bytes) -> None:
    gateway.upstream.answers(payload, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext")
    client = await gateway.connect()
    await client.send(gateway.request() + gateway.request())
    answer = await client.read_answer()
    assert answer.status == int(payload[9:12])
    if answer.status == 204:
        assert not answer.values("content-length")
        assert not answer.values("transfer-encoding")
    assert answer.value("etag") == ('"a"' if b"ETag" in payload else None)
    assert (await client.read_answer()).body == b"next"


@requires("RFC 9110 §8.6", "RFC 9112 §6.3")
@pytest.mark.parametrize(
    "payload",
    [
        b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nbody",
        b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nbody",
    ],
)
async def test_body_behind_a_bodiless_status_is_never_taken_for_an_answer(gateway: Gateway, payload: bytes) -> None:
    """The stray bytes neither reach the client nor are read as the next answer: that connection is not used again."""
    gateway.upstream.answers(payload, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext")
    client = await gateway.connect()
    await client.send(gateway.request())
    assert (await client.read_answer()).status in (204, 304, 502)
    await client.send(gateway.request())
    answer = await client.read_answer()
    if answer.status == 0:  # closed instead: as good
        answer = await gateway.ask(gateway.request())
    assert answer.body == b"next", answer


HEADS = {
    "with a length": b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nX-Up: 1\r\n\r\n",
    "without a length": b"HTTP/1.1 200 OK\r\nX-Up: 1\r\n\r\n",
    "that says chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Up: 1\r\n\r\n",
    "404": b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\nX-Up: 1\r\n\r\n",
}


@requires("RFC 9110 §9.3.2", "RFC 9112 §6.3")
@pytest.mark.parametrize("payload", HEADS.values(), ids=HEADS)
async def test_answer_to_head_ends_with_its_head(gateway: Gateway, payload: bytes) -> None:
    gateway.upstream.answers(payload, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext")
    client = await gateway.connect()
    await client.send(gateway.request("HEAD"))
    answer = await client.read_answer("HEAD")
    assert answer.status == int(payload[9:12])
    assert answer.value("x-up") == "1"
    if b"Content-Length" in payload:
        assert answer.values("content-length") == [payload.split(b"Content-Length: ")[1].split(b"\r")[0].decode()]
    else:
        assert not answer.values("content-length"), "a length was invented"
    await client.send(gateway.request())
    assert (await client.read_answer()).body == b"next"


@requires("RFC 9110 §9.3.2", "Response queue poisoning")
async def test_body_sent_in_answer_to_head_is_never_taken_for_an_answer(gateway: Gateway) -> None:
    evil = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(evil)
    gateway.upstream.answers(head + evil, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext")
    client = await gateway.connect()
    await client.send(gateway.request("HEAD"))
    assert (await client.read_answer("HEAD")).status == 200
    for _ in range(3):
        assert (await gateway.ask(gateway.request())).body == b"next"


CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKED_BODIES = {
    "plain": b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
    "one chunk": b"b\r\nhello world\r\n0\r\n\r\n",
    "upper case, zeros": b"00B\r\nhello world\r\n000\r\n\r\n",
    "extension": b"b;x=y\r\nhello world\r\n0;z\r\n\r\n",
    "trailer": b"b\r\nhello world\r\n0\r\nX-Trailer: 1\r\n\r\n",
    "trailers that name framing": b"b\r\nhello world\r\n0\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
}


@requires("RFC 9112 §7.1")
@pytest.mark.parametrize("body", CHUNKED_BODIES.values(), ids=CHUNKED_BODIES)
async def test_chunked_answer_arrives_and_the_connection_goes_on(gateway: Gateway, body: bytes) -> None:
    gateway.upstream.answers(CHUNKED + body, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext")
    client = await gateway.connect()
    await client.send(gateway.request() + gateway.request())
    answer = await client.read_answer()
    assert answer.complete, answer
    assert answer.body == b"hello world"
    assert not answer.values("content-length") or answer.value("content-length") == "11"
    assert (await client.read_answer()).body == b"next"


@requires("RFC 9112 §7.1")
async def test_empty_chunked_answer_arrives(gateway: Gateway) -> None:
    gateway.upstream.answers(CHUNKED + b"0\r\n\r\n")
    answer = await gateway.ask(gateway.request())
    assert answer.complete
    assert answer.body == b""


@requires("RFC 9112 §7.1")
async def test_chunked_answer_may_come_byte_by_byte(gateway: Gateway) -> None:
    async def script(upstream: UpstreamConnection) -> None:
        await upstream.read_request()
        for byte in CHUNKED + b"5;x=y\r\nhello\r\n06\r\n world\r\n0\r\nX-T: 1\r\n\r\n":
            await upstream.send(bytes([byte]))
            await asyncio.sleep(0)

    gateway.upstream.runs(script)
    answer = await gateway.ask(gateway.request())
    assert answer.complete, answer
    assert answer.body == b"hello world"


@requires("RFC 9112 §7.1")
async def test_many_small_chunks_arrive(gateway: Gateway) -> None:
    gateway.upstream.answers(CHUNKED + b"1\r\nx\r\n" * 50_000 + b"0\r\n\r\n")
    answer = await gateway.ask(gateway.request())
    assert answer.complete
    assert answer.body == b"x" * 50_000


@requires("RFC 9110 §6.5.1", "RFC 9112 §7.1.2")
async def test_trailers_are_forwarded_or_dropped_never_made_fields(gateway: Gateway) -> None:
    body = b"2\r\nok\r\n0\r\nX-Trailer: 1\r\nSet-Cookie: evil=1\r\n\r\n"
    gateway.upstream.answers(CHUNKED.replace(b"\r\n\r\n", b"\r\nTrailer: X-Trailer\r\n\r\n") + body)
    answer = await gateway.ask(gateway.request("GET", "", "TE: trailers", "Connection: TE"))
    assert answer.complete, answer
    assert not answer.values("x-trailer")
    assert not answer.values("set-cookie")


@requires("RFC 9112 §6.3", "RFC 9112 §9.8")
@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
async def test_answer_delimited_by_close_arrives_whole(gateway: Gateway, version: bytes) -> None:
    payload = b"HTTP/%s 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the end" % version
    gateway.upstream.answers(payload, then="close")
    answer = await gateway.ask(gateway.request())
    assert answer.complete, answer
    assert answer.body == b"until the end"
    assert answer.version == "HTTP/1.1"


@ours
@requires("RFC 9112 §6.1", "RFC 9112 §9.3")
async def test_answer_delimited_by_close_is_chunked_for_a_client_that_can(gateway: Gateway) -> None:
    """So that the client can tell a whole answer from a cut one, and its connection stays."""
    gateway.upstream.answers(b"HTTP/1.1 200 OK\r\n\r\nuntil the end", then="close")
    client = await gateway.connect()
    await client.send(gateway.request())
    answer = await client.read_answer()
    assert answer.framing.kind == "chunked"
    gateway.upstream.answers(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext")
    await client.send(gateway.request())
    assert (await client.read_answer()).body == b"next"


@requires("RFC 9112 §2.3", "RFC 9110 §6.2")
async def test_client_is_told_our_version_not_the_upstreams(gateway: Gateway) -> None:
    gateway.upstream.answers(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", then="close")
    answer = await gateway.ask(gateway.request())
    assert (answer.version, answer.body) == ("HTTP/1.1", b"ok")


@wire
@requires("RFC 9112 §6.1", "RFC 9112 §7.1")
@pytest.mark.parametrize("keep", [(), ("Connection: keep-alive",)], ids=["close", "keep-alive"])
async def test_client_of_http_1_0_is_sent_no_chunks(gateway: Gateway, keep: tuple[str, ...]) -> None:
    """HAProxy 2.6 and uvicorn send chunks all the same."""
    gateway.upstream.answers(CHUNKED + b"5\r\nhello\r\n0\r\n\r\n")
    client = await gateway.connect()
    await client.send(gateway.request("GET", "", *keep, version="HTTP/1.0"))
    answer = await client.read_answer()
    assert answer.status == 200
    assert not answer.values("transfer-encoding")
    assert answer.body == b"hello"
    assert answer.complete


@requires("RFC 9112 §9.3")
async def test_client_of_http_1_0_with_a_length_gets_it_and_a_close(gateway: Gateway) -> None:
    client = await gateway.connect()
    await client.send(gateway.request(version="HTTP/1.0"))
    answer = await client.read_answer()
    assert (answer.status, answer.body) == (200, b"ok")
    assert await client.ended() == "eof"


@requires("RFC 9112 §9.3", "RFC 9112 §C.2.2")
async def test_client_of_http_1_0_that_asks_to_stay_is_told_whether_it_may(gateway: Gateway) -> None:
    client = await gateway.connect()
    await client.send(gateway.request("GET", "", "Connection: keep-alive", version="HTTP/1.0"))
    answer = await client.read_answer()
    assert answer.status == 200
    if str(answer.value("connection")).lower() == "keep-alive":
        await client.send(gateway.request("GET", "", "Connection: keep-alive", version="HTTP/1.0"))
        assert (await client.read_answer()).status == 200
    else:
        assert await client.ended() == "eof"


@requires("RFC 9110 §8.4", "RFC 9110 §7.7")
async def test_encoded_body_passes_byte_for_byte(gateway: Gateway) -> None:
    body = gzip.compress(b"hello " * 200, mtime=0)
    fields = b'Content-Encoding: gzip\r\nContent-Type: text/html\r\nETag: "x"\r\nVary: Accept-Encoding\r\n'
    gateway.upstream.answers(b"HTTP/1.1 200 OK\r\n" + fields + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    answer = await gateway.ask(gateway.request("GET", "", "Accept-Encoding: gzip"))
    assert answer.body == body
    assert answer.values("content-encoding") == ["gzip"]
    assert answer.values("etag") == ['"x"']
    assert answer.values("content-length") == [str(len(body))]


@requires("RFC 9110 §8.6")
async def test_length_of_an_answer_is_kept(gateway: Gateway) -> None:
    answer, _ = await gateway.passes(gateway.request())
    assert answer.values("content-length") == ["2"]
    assert not answer.values("transfer-encoding")


@requires("RFC 9110 §14.4")
async def test_partial_answer_passes(gateway: Gateway) -> None:
    payload = b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-5/10\r\nContent-Length: 4\r\n\r\n2345"
    gateway.upstream.answers(payload)
    answer = await gateway.ask(gateway.request("GET", "", "Range: bytes=2-5", 'If-Range: "x"'))
    assert (answer.status, answer.body) == (206, b"2345")
    assert answer.values("content-range") == ["bytes 2-5/10"]
    assert gateway.upstream.requests[0].values("range") == ["bytes=2-5"]
    assert gateway.upstream.requests[0].values("if-range") == ['"x"']


@requires("RFC 9110 §15.4")
@pytest.mark.parametrize("location", ["/elsewhere", "https://shop.example/x?y#z", "//other.example/", "../up"])
async def test_redirect_is_passed_on_and_not_followed(gateway: Gateway, location: str) -> None:
    gateway.upstream.answers(b"HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % location.encode())
    answer = await gateway.ask(gateway.request())
    assert answer.status == 302
    if location != "/elsewhere" or gateway.engine.ours:
        assert answer.values("location") == [location]
    assert len(gateway.upstream.requests) == 1


@requires("RFC 9110 §5.4")
async def test_large_answer_head_passes(gateway: Gateway) -> None:
    fields = b"".join(b"X-H%d: %s\r\n" % (number, b"v" * 100) for number in range(60))
    cookie = b"Set-Cookie: a=%s\r\n" % (b"c" * 4000)
    gateway.upstream.answers(b"HTTP/1.1 200 OK\r\n" + fields + cookie + b"Content-Length: 2\r\n\r\nok")
    answer = await gateway.ask(gateway.request())
    assert answer.status in ((200,) if gateway.engine.ours else (200, 502)), "nginx allows 4 KiB unless told otherwise"
    if answer.status == 200:
        assert answer.values("x-h59") == ["v" * 100]
        assert answer.body == b"ok"


@requires("RFC 9112 §2.2")
async def test_answer_head_may_come_byte_by_byte(gateway: Gateway) -> None:
    async def script(upstream: UpstreamConnection) -> None:
        await upstream.read_request()
        for byte in b"HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 2\r\n\r\nok":
            await upstream.send(bytes([byte]))
            await asyncio.sleep(0)

    gateway.upstream.runs(script)
    answer = await gateway.ask(gateway.request())
    assert (answer.status, answer.body, answer.value("x-a")) == (200, b"ok", "1")
