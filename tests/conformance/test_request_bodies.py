"""Bodies of requests: one length, agreed by everyone on the way, or no request at all."""

import asyncio

import pytest

from tests.conformance.case import Gateway, assert_closed, ours, requires, wire
from tests.conformance.engines import BODY_LIMIT
from tests.support.messages import DEADLINE, EndedError
from tests.support.raw_upstream import UpstreamConnection

CHUNKED = "Transfer-Encoding: chunked"


@requires("RFC 9112 §6.2")
async def test_body_with_a_length_arrives(gateway: Gateway) -> None:
    _, received = await gateway.passes(gateway.request("POST", "", "Content-Length: 5", body=b"hello"))
    assert received.body == b"hello"


@requires("RFC 9110 §8.6")
async def test_empty_post_keeps_its_length(gateway: Gateway) -> None:
    _, received = await gateway.passes(gateway.request("POST", "", "Content-Length: 0"))
    assert received.values("content-length") == ["0"]


@requires("RFC 9112 §6.3")
async def test_post_without_length_has_no_body(gateway: Gateway) -> None:
    client = await gateway.connect()
    await client.send(gateway.request("POST") + gateway.request())
    assert (await client.read_answer()).status == 200
    assert (await client.read_answer()).status == 200
    assert [received.method for received in gateway.upstream.requests] == ["POST", "GET"]
    assert gateway.upstream.requests[0].body == b""


@requires("RFC 9110 §9.3.1", "RFC 9110 §9.3.5")
@pytest.mark.parametrize("method", ["GET", "DELETE", "OPTIONS", "PATCH", "PROPFIND"])
async def test_body_of_any_method_arrives(gateway: Gateway, method: str) -> None:
    _, received = await gateway.passes(gateway.request(method, "", "Content-Length: 5", body=b"hello"))
    assert received.body == b"hello"


@requires("CL.0 desync", "RFC 9112 §11.2")
async def test_request_hidden_in_a_body_stays_a_body(gateway: Gateway) -> None:
    hidden = gateway.request("GET", "/hidden")
    raw = gateway.request("GET", "", f"Content-Length: {len(hidden)}", body=hidden)
    _, received = await gateway.passes(raw)
    assert received.body == hidden


CHUNKED_BODIES = {
    "plain": b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
    "hexadecimal, upper case": b"B\r\nhello world\r\n0\r\n\r\n",
    "hexadecimal, lower case": b"b\r\nhello world\r\n0\r\n\r\n",
    "leading zeros": b"000b\r\nhello world\r\n000\r\n\r\n",
    "extension": b"b;name=value\r\nhello world\r\n0\r\n\r\n",
    "quoted extension": b'b;name="va;lue"\r\nhello world\r\n0;last\r\n\r\n',
    "trailer": b"b\r\nhello world\r\n0\r\nX-Trailer: 1\r\n\r\n",
}


@requires("RFC 9112 §7.1", "RFC 9112 §7.1.1", "RFC 9112 §7.1.2")
@pytest.mark.parametrize("body", CHUNKED_BODIES.values(), ids=CHUNKED_BODIES)
async def test_chunked_body_arrives(gateway: Gateway, body: bytes) -> None:
    client = await gateway.connect()
    await client.send(gateway.request("POST", "", CHUNKED, body=body) + gateway.request("GET", "/next"))
    assert (await client.read_answer()).status == 200
    assert (await client.read_answer()).status == 200
    first, second = gateway.upstream.requests
    assert first.body == b"hello world"
    assert first.values("host") == second.values("host")
    assert second.target == gateway.target("/next")


@wire
@requires("RFC 9110 §6.5.1", "RFC 9112 §7.1.2")
async def test_trailers_never_become_fields(gateway: Gateway) -> None:
    """The parser of uvicorn takes them for fields of the head; behind it we refuse the second Host."""
    client = await gateway.connect()
    trailers = b"Content-Length: 3\r\nHost: other\r\nX-Trailer: 1\r\nX-Forwarded-For: 6.6.6.6\r\n"
    await client.send(gateway.request("POST", "", CHUNKED, body=b"2\r\nab\r\n0\r\n" + trailers + b"\r\n"))
    await client.send(gateway.request("GET", "/next"))
    assert (await client.read_answer()).status == 200
    assert (await client.read_answer()).status == 200
    first, second = gateway.upstream.requests
    assert first.body == b"ab"
    assert first.values("host") == second.values("host")
    assert not first.values("x-trailer")
    assert "6.6.6.6" not in first.values("x-forwarded-for")


@requires("RFC 9112 §7.1")
async def test_empty_chunked_body_arrives(gateway: Gateway) -> None:
    _, received = await gateway.passes(gateway.request("POST", "", CHUNKED, body=b"0\r\n\r\n"))
    assert received.body == b""


@requires("RFC 9110 §10.1", "RFC 9112 §6.1")
@pytest.mark.parametrize(
    "field", ["Transfer-Encoding: Chunked", "TRANSFER-ENCODING: CHUNKED", "transfer-encoding:  chunked "]
)
async def test_coding_name_is_read_without_regard_to_case(gateway: Gateway, field: str) -> None:
    _, received = await gateway.passes(gateway.request("POST", "", field, body=b"5\r\nhello\r\n0\r\n\r\n"))
    assert received.body == b"hello"


@requires("RFC 9112 §7.1")
async def test_chunked_body_may_come_byte_by_byte(gateway: Gateway) -> None:
    client = await gateway.connect()
    await client.send(gateway.request("POST", "", CHUNKED))
    for byte in b"5;x=y\r\nhello\r\n06\r\n world\r\n0\r\nX-T: 1\r\n\r\n":
        await client.send(bytes([byte]))
    answer = await client.read_answer()
    assert answer.status == 200, answer
    assert gateway.upstream.requests[0].body == b"hello world"


CONFLICTS = {
    "length and chunked": "Content-Length: 5\r\nTransfer-Encoding: chunked",
    "chunked and length": "Transfer-Encoding: chunked\r\nContent-Length: 5",
    "length 0 and chunked": "Content-Length: 0\r\nTransfer-Encoding: chunked",
    "length and identity": "Content-Length: 5\r\nTransfer-Encoding: identity",
    "length and an empty coding": "Content-Length: 5\r\nTransfer-Encoding:",
    "length and an obscured coding": "Content-Length: 5\r\nTransfer-Encoding: \x0bchunked",
}


@wire
@requires("RFC 9112 §6.1", "RFC 9112 §6.3", "CL.TE and TE.CL desync")
@pytest.mark.parametrize("fields", CONFLICTS.values(), ids=CONFLICTS)
async def test_length_together_with_coding_is_refused(gateway: Gateway, fields: str) -> None:
    """HAProxy drops the length and forwards, which RFC 9112 §6.3 allows with a close; we refuse (its first choice)."""
    raw = gateway.request("POST", "", *fields.split("\r\n"), body=b"0\r\n\r\n")
    if gateway.engine.ours:
        await gateway.refuses(raw, 400, 501, closes=True)
    else:
        assert (await gateway.ask(raw)).status  # and what goes upstream has one framing: the fixture checks it


LENGTHS_REFUSED = {
    "two, different": "Content-Length: 3\r\nContent-Length: 4",
    "two, different in length of digits": "Content-Length: 3\r\nContent-Length: 03",
    "a list, different": "Content-Length: 3, 4",
    "signed": "Content-Length: +3",
    "negative": "Content-Length: -3",
    "hexadecimal": "Content-Length: 0x3",
    "with a space inside": "Content-Length: 3 3",
    "fraction": "Content-Length: 3.0",
    "exponent": "Content-Length: 3e0",
    "empty": "Content-Length:",
    "a word": "Content-Length: three",
    "with an underscore": "Content-Length: 1_0",
    "8-bit digits": "Content-Length: \xb3",
    "with a vertical tab": "Content-Length: \x0b3",
    "with a semicolon": "Content-Length: 3;",
    "ending in a comma": "Content-Length: 3,",
    "too many digits": "Content-Length: 99999999999999999999999",
    "one over 64 bits": "Content-Length: 18446744073709551619",
}


@wire
@requires("RFC 9112 §6.3", "RFC 9110 §8.6")
@pytest.mark.parametrize("fields", LENGTHS_REFUSED.values(), ids=LENGTHS_REFUSED)
async def test_invalid_length_is_refused(gateway: Gateway, fields: str) -> None:
    await gateway.refuses(gateway.request("POST", "", *fields.split("\r\n"), body=b"abc"), 400, 413, closes=True)


@wire
@requires("RFC 9112 §6.3", "RFC 9110 §8.6")
@pytest.mark.parametrize("fields", ["Content-Length: 3\r\nContent-Length: 3", "Content-Length: 3, 3"])
async def test_equal_lengths_are_refused_or_made_one(gateway: Gateway, fields: str) -> None:
    answer = await gateway.ask(gateway.request("POST", "", *fields.split("\r\n"), body=b"abc"))
    assert answer.status in (200, 400), answer
    for received in gateway.upstream.requests:
        assert received.body == b"abc"


CODINGS_REFUSED = {
    "unknown": "xchunked",
    "known, but not chunked": "gzip",
    "identity": "identity",
    "compressed, then chunked": "gzip, chunked",
    "chunked, then compressed": "chunked, gzip",
    "chunked twice": "chunked, chunked",
    "chunked, then identity": "chunked, identity",
    "empty": "",
    "with a parameter": "chunked;q=1",
    "quoted": '"chunked"',
    "cut short": "chunke",
    "with a vertical tab": "\x0bchunked",
    "with a form feed": "chunked\x0c",
    "with a no-break space": "\xa0chunked",
    "with a tab inside": "chun\tked",
    "two fields, chunked last": "identity\r\nTransfer-Encoding: chunked",
    "two fields, chunked first": "chunked\r\nTransfer-Encoding: identity",
    "two fields, both chunked": "chunked\r\nTransfer-Encoding: chunked",
}


@wire
@requires("RFC 9112 §6.1", "RFC 9112 §7", "TE.TE desync")
@pytest.mark.parametrize("value", CODINGS_REFUSED.values(), ids=CODINGS_REFUSED)
async def test_coding_other_than_one_chunked_is_refused(gateway: Gateway, value: str) -> None:
    """Peers let some through, re-framed; nobody may forward a body whose end the next one sees elsewhere."""
    fields = f"Transfer-Encoding: {value}".split("\r\n")
    raw = gateway.request("POST", "", *fields, body=b"5\r\nhello\r\n0\r\n\r\n")
    if gateway.engine.ours or value == "xchunked":
        await gateway.refuses(raw, 400, 501, closes=True)
    else:
        assert (await gateway.ask(raw)).status


@wire
@requires("RFC 9110 §5.6.1.2", "RFC 9112 §6.1")
@pytest.mark.parametrize("value", ["chunked,", ",chunked", ", chunked ,"])
async def test_coding_with_empty_list_elements_is_refused_or_plain_chunked(gateway: Gateway, value: str) -> None:
    """Empty elements are to be ignored. HAProxy forwards such a field as it is; the next one may read it otherwise."""
    raw = gateway.request("POST", "", f"Transfer-Encoding: {value}", body=b"5\r\nhello\r\n0\r\n\r\n")
    answer = await gateway.ask(raw)
    assert answer.status in (200, 400, 501), answer
    for received in gateway.upstream.requests:
        assert received.body == b"hello"


@wire
@requires("RFC 9112 §6.1", "TE.0 desync")
@pytest.mark.parametrize("length", ["", "Content-Length: 5"])
async def test_coding_in_http_1_0_is_refused(gateway: Gateway, length: str) -> None:
    fields = [CHUNKED, *([length] if length else [])]
    raw = gateway.request("POST", "", *fields, body=b"5\r\nhello\r\n0\r\n\r\n", version="HTTP/1.0")
    if gateway.engine.ours:
        await gateway.refuses(raw, 400, closes=True)
        return
    client = await gateway.connect()
    await client.send(raw)
    assert (await client.read_answer()).status
    assert await client.ended() != "timeout"


BAD_CHUNKS = {
    "no size": b"\r\nhello\r\n0\r\n\r\n",
    "a word": b"five\r\nhello\r\n0\r\n\r\n",
    "negative": b"-5\r\nhello\r\n0\r\n\r\n",
    "signed": b"+5\r\nhello\r\n0\r\n\r\n",
    "with 0x": b"0x5\r\nhello\r\n0\r\n\r\n",
    "with an underscore": b"0_5\r\nhello\r\n0\r\n\r\n",
    "space before the size": b" 5\r\nhello\r\n0\r\n\r\n",
    "one over 64 bits": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "as large as 64 bits": b"ffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    "data longer than the size": b"5\r\nhello!\r\n0\r\n\r\n",
    "data shorter than the size": b"6\r\nhello\r\n0\r\n\r\n",
    "data without its line end": b"5\r\nhello0\r\n\r\n",
    "data ending in a bare LF": b"5\r\nhello\n0\r\n\r\n",
    "data ending in CR and a letter": b"5\r\nhello\rX0\r\n\r\n",
    "size line ending in a bare LF": b"5\nhello\r\n0\r\n\r\n",
    "size line ending in a bare CR": b"5\rhello\r\n0\r\n\r\n",
    "bare LF in an extension": b"5;a\nhello\r\n0\r\n\r\n",
    "bare CR in an extension": b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    "NUL in an extension": b"5;a\x00\r\nhello\r\n0\r\n\r\n",
    "extension of 64 KiB": b"5;" + b"a" * 65_536 + b"\r\nhello\r\n0\r\n\r\n",
    "last chunk ending in a bare LF": b"5\r\nhello\r\n0\n\n",
    "trailer with a space before the colon": b"5\r\nhello\r\n0\r\nX-A : 1\r\n\r\n",
    "trailer with a fold": b"5\r\nhello\r\n0\r\nX-A: 1\r\n 2\r\n\r\n",
    "trailer with a bare LF": b"5\r\nhello\r\n0\r\nX-A: 1\n\r\n",
    "trailer without a colon": b"5\r\nhello\r\n0\r\nGET / HTTP/1.1\r\n\r\n",
    "trailers of 128 KiB": b"5\r\nhello\r\n0\r\n" + b"X-A: aaaaaaaa\r\n" * 8_738 + b"\r\n",
}
REPAIRED_BY_PEERS = {"size line ending in a bare LF", "bare LF in an extension", "last chunk ending in a bare LF",
                     "data ending in a bare LF"}  # fmt: skip


@wire
@requires("RFC 9112 §7.1", "RFC 9112 §7.1.1", "RFC 9112 §11.2")
@pytest.mark.parametrize("name", BAD_CHUNKS)
async def test_bad_chunk_never_completes_a_request(gateway: Gateway, name: str) -> None:
    """The head may be with the upstream already; then the upstream must see the body cut off, never ended."""
    client = await gateway.connect()
    await client.send(gateway.request("POST", "", CHUNKED, body=BAD_CHUNKS[name]))
    answer = await client.read_answer()
    if not gateway.engine.ours:
        assert answer.status or answer.end != "timeout" or "shorter" in name
        return
    gateway.assert_refused(answer, 400)
    await assert_closed(client)
    assert [received for received in gateway.upstream.requests if received.complete] == []


@wire
@requires("RFC 9112 §7.1")
async def test_bad_chunk_after_good_ones_cuts_the_request_off(gateway: Gateway) -> None:
    client = await gateway.connect()
    await client.send(gateway.request("POST", "", CHUNKED, body=b"5\r\nhello\r\n"))
    received = await gateway.upstream.received()
    await client.send(b"zz\r\nhello\r\n0\r\n\r\n")
    answer = await client.read_answer()
    gateway.assert_refused(answer, 400)
    assert await client.ended() != "timeout"
    assert not received.complete


@requires("RFC 9112 §8", "RFC 9112 §6.3")
@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("framing", ["Content-Length: 100", CHUNKED])
async def test_request_cut_off_by_the_client_is_cut_off_upstream(gateway: Gateway, framing: str, how: str) -> None:
    ends: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def script(upstream: UpstreamConnection) -> None:
        try:
            await upstream.read_request()
            ends.set_result("complete")
        except EndedError as ended:
            ends.set_result(ended.end)
            raise

    gateway.upstream.runs(script)
    client = await gateway.connect()
    await client.send(gateway.request("POST", "", framing, body=b"5\r\nhello\r\n"))
    await gateway.upstream.received()
    if how == "reset":
        client.reset()
    else:
        await client.close()
    assert await asyncio.wait_for(ends, DEADLINE) in ("eof", "reset")


@ours
@requires("RFC 9110 §15.5.14")
async def test_body_over_the_limit_is_413_before_it_is_read(gateway: Gateway) -> None:
    client = await gateway.connect()
    await client.send(gateway.request("POST", "", f"Content-Length: {BODY_LIMIT + 1}"))
    answer = await client.read_answer()
    gateway.assert_refused(answer, 413)
    assert gateway.upstream.requests == []


@ours
@requires("RFC 9110 §15.5.14")
async def test_body_at_the_limit_passes(gateway: Gateway) -> None:
    body = bytes(BODY_LIMIT)
    _, received = await gateway.passes(gateway.request("POST", "", f"Content-Length: {BODY_LIMIT}", body=body))
    assert received.body == body


@ours
@requires("RFC 9110 §15.5.14", "RFC 9112 §9.6")
async def test_chunked_body_over_the_limit_is_413_and_never_complete(gateway: Gateway) -> None:
    client = await gateway.connect()
    await client.send(gateway.request("POST", "", CHUNKED))
    chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
    for _ in range(BODY_LIMIT // 0x10000 + 4):
        await client.send(chunk)
    await client.send(b"0\r\n\r\n")
    answer = await client.read_answer()
    gateway.assert_refused(answer, 413)
    assert [received for received in gateway.upstream.requests if received.complete] == []


@ours
@requires("RFC 9112 §9.6")
async def test_413_can_be_read_while_the_client_still_sends(gateway: Gateway) -> None:
    client = await gateway.connect()
    size = 4 * BODY_LIMIT
    await client.send(gateway.request("POST", "", f"Content-Length: {size}") + bytes(size // 2))
    gateway.assert_refused(await client.read_answer(), 413)


@ours
@requires("RFC 9110 §15.5.14")
async def test_route_may_have_a_limit_of_its_own(gateway: Gateway) -> None:
    body = bytes(2 * BODY_LIMIT)
    raw = gateway.request("POST", "", f"Content-Length: {len(body)}", body=body, via="/heavy")
    _, received = await gateway.passes(raw)
    assert len(received.body) == len(body)
