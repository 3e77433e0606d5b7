"""The request head: one reading of it, and no more of it than a gateway can afford."""

import contextlib

import pytest

from tests.conformance.case import Gateway, assert_closed, ours, requires, wire
from tests.support.messages import EndedError

MALFORMED = {
    "obs-fold with a space": b"X-A: 1\r\n 2\r\n",
    "obs-fold with a tab": b"X-A: 1\r\n\t2\r\n",
    "obs-fold into Transfer-Encoding": b"Transfer-Encoding:\r\n chunked\r\n",
    "space before the first field": b" X-A: 1\r\n",
    "bare LF after a field": b"X-A: 1\nX-B: 2\r\n",
    "bare LF hides a field": b"X-A: 1\nContent-Length: 5\r\n",
    "bare CR in a value": b"X-A: 1\rX-B: 2\r\n",
    "bare CR at the end of a value": b"X-A: 1\r\r\n",
    "bare CR in a name": b"X-\rA: 1\r\n",
    "space before the colon": b"X-A : 1\r\n",
    "tab before the colon": b"X-A\t: 1\r\n",
    "space before the colon of a framing field": b"Content-Length : 5\r\n",
    "empty name": b": 1\r\n",
    "no colon": b"X-A\r\n",
    "space in a name": b"X A: 1\r\n",
    "control byte in a name": b"X\x01A: 1\r\n",
    "NUL in a name": b"X\x00A: 1\r\n",
    "8-bit byte in a name": b"X-\xe9: 1\r\n",
    "slash in a name": b"X/A: 1\r\n",
    "quote in a name": b'X"A: 1\r\n',
    "bracket in a name": b"X[A]: 1\r\n",
    "at sign in a name": b"X@A: 1\r\n",
    "NUL in a value": b"X-A: 1\x002\r\n",
    "control byte in a value": b"X-A: 1\x012\r\n",
    "vertical tab in a value": b"X-A: 1\x0b2\r\n",
    "escape in a value": b"X-A: \x1b[2J\r\n",
    "delete byte in a value": b"X-A: 1\x7f2\r\n",
}


def _head(gateway: Gateway, fields: bytes) -> bytes:
    return gateway.request()[:-2] + fields + b"\r\n"


@wire
@requires("RFC 9112 §5.1", "RFC 9112 §5.2", "RFC 9112 §2.2", "RFC 9110 §5.5")
@pytest.mark.parametrize("fields", MALFORMED.values(), ids=MALFORMED)
async def test_malformed_field_line_is_refused(gateway: Gateway, fields: bytes) -> None:
    """Peers repair some: HAProxy and nginx accept bare LF, nginx drops odd names; RFC 9110 §5.5 lets them."""
    if not gateway.engine.ours and b"Content-Length" not in fields and b"Transfer-Encoding" not in fields:
        answer = await gateway.ask(_head(gateway, fields))
        assert answer.status, "neither refused nor repaired"  # what went upstream is checked to be well formed
        return
    await gateway.refuses(_head(gateway, fields), 400, closes=True)


@wire
@requires("RFC 9112 §5.1")
@pytest.mark.parametrize("line", [b"X-Knowns", b"Accepts", b"Hosts", b"Content-Lengths"])
async def test_line_without_a_colon_is_refused_though_it_begins_like_a_known_field(
    gateway: Gateway, line: bytes
) -> None:
    """A parser that remembers names must not find one where there is no colon to end it."""
    fields = ["X-Known: 1", "Accept: */*", "Content-Length: 0"]
    assert (await gateway.ask(gateway.request("GET", "", *fields))).status == 200
    gateway.upstream.requests.clear()
    await gateway.refuses(_head(gateway, line + b"\r\n"), 400, closes=True)


@ours
@wire
@requires("RFC 9112 §2.2")
async def test_head_with_bare_line_feeds_is_refused(gateway: Gateway) -> None:
    await gateway.refuses(gateway.request().replace(b"\r\n", b"\n"), 400, closes=True)


@ours
@wire
@requires("RFC 9112 §2.2")
@pytest.mark.parametrize("end", [b"\n\r\n", b"\r\n\n", b"\n\n", b"\r\n\r\r\n"])
async def test_head_that_ends_oddly_is_refused(short_of_heads: Gateway, end: bytes) -> None:
    client = await short_of_heads.connect()
    await client.send(short_of_heads.request()[:-4] + end)
    short_of_heads.assert_refused(await client.read_answer(), 400, 408)
    assert short_of_heads.upstream.requests == []
    await assert_closed(client)


@wire
@requires("RFC 9112 §5.2")
async def test_malformed_head_is_refused_however_it_is_split(gateway: Gateway) -> None:
    raw = _head(gateway, b"X-A: 1\r\n 2\r\n")
    for at in range(raw.index(b"X-A"), len(raw), 1):
        client = await gateway.connect()
        await client.send(raw[:at])
        await client.send(raw[at:])
        answer = await client.read_answer()
        if gateway.engine.ours:
            gateway.assert_refused(answer, 400)
            assert gateway.upstream.requests == [], f"split at {at}"
        else:
            assert answer.status


@requires("RFC 9112 §2.1")
async def test_head_may_come_byte_by_byte(gateway: Gateway) -> None:
    client = await gateway.connect()
    for byte in gateway.request("POST", "?q", "X-A: 1", "Content-Length: 3", body=b"abc"):
        await client.send(bytes([byte]))
    answer = await client.read_answer()
    assert answer.status == 200, answer
    assert gateway.upstream.requests[0].body == b"abc"
    assert gateway.upstream.requests[0].values("x-a") == ["1"]


HOSTS_REFUSED = {
    "missing": "",
    "twice, different": "Host: shop.example\r\nHost: other.example\r\n",
    "twice, equal": "Host: shop.example\r\nHost: shop.example\r\n",
    "twice, cases differ": "Host: shop.example\r\nhost: other.example\r\n",
    "a list": "Host: shop.example, other.example\r\n",
    "with a space": "Host: shop example\r\n",
    "with a path": "Host: shop.example/x\r\n",
    "with a query": "Host: shop.example?x\r\n",
    "with a fragment": "Host: shop.example#x\r\n",
    "with userinfo": "Host: user@shop.example\r\n",
    "with a backslash": "Host: shop.example\\x\r\n",
    "with two ports": "Host: shop.example:80:81\r\n",
    "with a port that is no number": "Host: shop.example:http\r\n",
    "with a port that is too large": "Host: shop.example:99999\r\n",
    "with a signed port": "Host: shop.example:+80\r\n",
    "an address without its bracket": "Host: [::1\r\n",
    "an address without brackets": "Host: ::1\r\n",
    "garbage in brackets": "Host: [x]\r\n",
    "a URL": "Host: http://shop.example\r\n",
}


@wire
@requires("RFC 9112 §3.2", "RFC 9110 §7.2", "RFC 9110 §4.2.3")
@pytest.mark.parametrize("field", HOSTS_REFUSED.values(), ids=HOSTS_REFUSED)
async def test_request_without_one_well_formed_host_is_refused(gateway: Gateway, field: str) -> None:
    """RFC 9112 §3.2 demands 400 for none, two, or an invalid one. Peers check the first two only."""
    raw = gateway.raw(f"GET {{target}} HTTP/1.1\r\n{field}\r\n")
    if gateway.engine.ours or field.count("ost:") != 1:
        await gateway.refuses(raw, 400)
    else:
        assert (await gateway.ask(raw)).status


HOSTS_KEPT = [
    *("shop.example", "shop.example:8080", "SHOP.Example", "shop.example.", "localhost"),
    *("xn--caf-dma.example", "under_score.example"),
    *("127.0.0.1", "127.0.0.1:80", "[::1]", "[2001:db8::1]:8443"),
]


@ours
@requires("RFC 9110 §7.2")
@pytest.mark.parametrize("host", HOSTS_KEPT)
async def test_well_formed_host_is_kept_as_it_came(gateway: Gateway, host: str) -> None:
    _, received = await gateway.passes(gateway.request(host=host))
    assert received.values("host") == [host]


@requires("RFC 9110 §7.2")
async def test_empty_host_is_refused_or_forwarded_as_one_host(gateway: Gateway) -> None:
    answer = await gateway.ask(gateway.request(host=""))
    assert answer.status in (200, 400), answer
    for received in gateway.upstream.requests:
        assert len(received.values("host")) == 1


@requires("RFC 9112 §3.2", "RFC 9112 §9.3")
async def test_http_1_0_without_host_is_refused_or_given_one(gateway: Gateway) -> None:
    answer = await gateway.ask(gateway.request(host=None, version="HTTP/1.0"))
    assert answer.status in (200, 400), answer
    for received in gateway.upstream.requests:
        assert received.version == "HTTP/1.0" or len(received.values("host")) == 1


@requires("RFC 9112 §5.1", "RFC 9110 §5.5")
@pytest.mark.parametrize("line", ["X-A:v", "X-A: v", "X-A:   v   ", "X-A:\tv\t", "X-A: \t v \t "])
async def test_whitespace_around_a_value_is_no_part_of_it(gateway: Gateway, line: str) -> None:
    _, received = await gateway.passes(gateway.request("GET", "", line))
    assert received.values("x-a") == ["v"]


@requires("RFC 9110 §5.5")
async def test_empty_and_inner_whitespace_values_are_kept(gateway: Gateway) -> None:
    _, received = await gateway.passes(gateway.request("GET", "", "X-Empty:", "X-Inner: a  b\tc"))
    assert received.values("x-empty") == [""]
    assert received.values("x-inner") == ["a  b\tc"]


@wire
@requires("RFC 9112 §2.2")
@pytest.mark.parametrize("lines", [1, 2])
async def test_empty_lines_before_a_request_are_ignored(gateway: Gateway, lines: int) -> None:
    """HAProxy tolerates one, as the RFC asks (SHOULD, at least one)."""
    client = await gateway.connect()
    await client.send(b"\r\n" * lines + gateway.request())
    answer = await client.read_answer()
    assert answer.status == 200 or (lines > 1 and answer.status == 400), answer


@wire
@requires("RFC 9112 §2.2")
async def test_empty_line_after_a_body_is_ignored(gateway: Gateway) -> None:
    client = await gateway.connect()
    await client.send(gateway.request("POST", "", "Content-Length: 2", body=b"ab") + b"\r\n" + gateway.request())
    assert (await client.read_answer()).status == 200
    assert (await client.read_answer()).status == 200
    assert gateway.upstream.requests[0].body == b"ab"


@requires("RFC 9110 §5.4")
async def test_head_of_ordinary_size_passes_whole(gateway: Gateway) -> None:
    """100 fields and an 8 KiB cookie: what real browsers and sites send."""
    fields = [f"X-{number}: {'v' * 50}" for number in range(90)]
    _, received = await gateway.passes(gateway.request("GET", "", f"Cookie: {'c' * 7900}", *fields))
    assert received.values("cookie") == ["c" * 7900]
    assert all(received.values(f"x-{number}") == ["v" * 50] for number in range(90))


TOO_LARGE = {
    "one long value": ["X-A: " + "a" * 300_000],
    "a little over the limit": ["X-A: " + "a" * 34_000],
    "one long name": ["X" * 40_000 + ": 1"],
    "many fields": [f"X-{number}: {'v' * 40}" for number in range(2_000)],
    "one long cookie": ["Cookie: " + "c" * 100_000],
}


@wire
@requires("RFC 9110 §5.4", "RFC 6585 §5")
@pytest.mark.parametrize("fields", TOO_LARGE.values(), ids=TOO_LARGE)
async def test_head_that_is_too_large_is_431_and_readable(gateway: Gateway, fields: list[str]) -> None:
    """Readable: what the client still sends is drained before the close (RFC 9112 §9.6), or a reset eats the answer."""
    await gateway.refuses(gateway.request("GET", "", *fields), 431, closes=True)


@wire
@requires("RFC 9110 §5.4", "CWE-770")
@pytest.mark.parametrize("filler", [b"X-A: 1\r\n", b"a", b"\r\n"], ids=["fields", "one name", "empty lines"])
async def test_head_that_never_ends_is_cut_off(gateway: Gateway, filler: bytes) -> None:
    client = await gateway.connect()
    piece = filler * (16_384 // len(filler))
    start = b"" if filler == b"\r\n" else gateway.request()[:-2]
    sent = 0
    with contextlib.suppress(EndedError):  # being torn down is one way to be cut off
        await client.send(start)
        while sent < 4 << 20 and not client.at_end:
            await client.send(piece)
            sent += len(piece)
    assert await client.ended() != "timeout"
    assert gateway.upstream.requests == []
