"""Interim answers and Expect: what comes before the answer, and who may ask for it."""

import asyncio

import pytest

from tests.conformance.case import Gateway, assert_problem, ours, requires, wire
from tests.support.messages import EndedError
from tests.support.raw_upstream import OK, UpstreamConnection

HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
EXPECT = "Expect: 100-continue"


@requires("RFC 9110 §15.2", "RFC 8297 §2")
@pytest.mark.parametrize(
    "interim",
    [
        HINTS,
        HINTS * 3,
        b"HTTP/1.1 102 Processing\r\n\r\n" + HINTS,
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 199 X\r\n\r\n",
    ],
    ids=["103", "103 three times", "102 and 103", "100 unasked", "unknown"],
)
async def test_final_answer_follows_interim_ones(gateway: Gateway, interim: bytes) -> None:
    gateway.upstream.answers(interim + OK)
    client = await gateway.connect()
    for _ in range(2):
        await client.send(gateway.request())
        answer = await client.read_answer()
        assert (answer.status, answer.body) == (200, b"ok")
        assert not answer.values("link"), "fields of an interim answer became those of the final one"


@ours
@wire
@requires("RFC 9110 §15.2", "RFC 8297 §2")
async def test_early_hints_are_forwarded_as_they_come(gateway: Gateway) -> None:
    """A proxy MUST forward 1xx; HAProxy does, nginx 1.22 drops them."""

    async def script(upstream: UpstreamConnection) -> None:
        await upstream.read_request()
        await upstream.send(HINTS)
        await hinted.wait()
        await upstream.send(OK)

    hinted = asyncio.Event()
    gateway.upstream.runs(script)
    client = await gateway.connect()
    await client.send(gateway.request())
    hints = await client.read_head()
    assert hints.first_line.startswith("HTTP/1.1 103")
    assert hints.values("link") == ["</a.css>; rel=preload"]
    hinted.set()
    assert (await client.read_answer()).status == 200


@ours
@wire
@requires("RFC 9110 §15.2")
async def test_several_interim_answers_are_forwarded_in_order(gateway: Gateway) -> None:
    gateway.upstream.answers(b"HTTP/1.1 102 Processing\r\n\r\n" + HINTS * 2 + OK)
    answer = await gateway.ask(gateway.request())
    assert answer.interim_statuses == [102, 103, 103]


@wire
@requires("RFC 9110 §7.6.1", "RFC 9110 §15.2")
async def test_hop_by_hop_fields_of_an_interim_answer_stay_behind(gateway: Gateway) -> None:
    gateway.upstream.answers(
        b"HTTP/1.1 103 Early Hints\r\nConnection: X-Private\r\nX-Private: 1\r\nKeep-Alive: timeout=1\r\n\r\n" + OK
    )
    answer = await gateway.ask(gateway.request())
    assert answer.status == 200
    for head in answer.interim:
        assert not head.has("x-private")
        assert not head.has("keep-alive")


@requires("RFC 9110 §15.2")
async def test_client_of_http_1_0_is_sent_no_interim_answer(gateway: Gateway) -> None:
    gateway.upstream.answers(HINTS + OK)
    answer = await gateway.ask(gateway.request(version="HTTP/1.0"))
    assert answer.interim == []
    assert (answer.status, answer.body) == (200, b"ok")


@ours
@requires("RFC 9110 §15.2", "CWE-770")
async def test_interim_answers_without_end_are_502(gateway: Gateway) -> None:
    async def script(upstream: UpstreamConnection) -> None:
        await upstream.read_request()
        for _ in range(2_000):
            await upstream.send(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100)
        raise AssertionError("200,000 interim answers were taken")

    gateway.upstream.runs(script)
    answer = await gateway.ask(gateway.request())
    assert answer.status == 502, answer
    assert_problem(answer)


@requires("RFC 9110 §15.2.2", "RFC 9110 §7.8")
@pytest.mark.parametrize(
    "fields", [(), ("Connection: Upgrade", "Upgrade: websocket")], ids=["plain", "upgrade without a key"]
)
async def test_101_to_a_request_that_did_not_ask_never_opens_a_tunnel(
    gateway: Gateway, fields: tuple[str, ...]
) -> None:
    payload = (
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\nHTTP/1.1 200 OK\r\n\r\nevil"
    )
    gateway.upstream.answers(payload)
    answer = await gateway.ask(gateway.request("GET", "", *fields))
    if gateway.engine.ours or not fields:
        assert answer.status in (400, 502), answer


@requires("RFC 9110 §15.6.3")
async def test_interim_answer_and_then_nothing_is_502(gateway: Gateway) -> None:
    gateway.upstream.answers(HINTS, then="close")
    answer = await gateway.ask(gateway.request())
    assert answer.status == 502, answer


@requires("RFC 9110 §10.1.1")
async def test_client_that_waits_for_100_gets_it(gateway: Gateway) -> None:
    async def script(upstream: UpstreamConnection) -> None:
        if upstream.request.values("expect"):
            await upstream.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        await upstream.read_request()
        await upstream.send(OK)

    gateway.upstream.runs(script)
    client = await gateway.connect()
    await client.send(gateway.request("POST", "", EXPECT, "Content-Length: 5"))
    assert (await client.read_head()).first_line.startswith("HTTP/1.1 100")
    await client.send(b"hello")
    answer = await client.read_answer()
    assert (answer.status, answer.interim_statuses) == (200, [])
    assert gateway.upstream.requests[0].body == b"hello"


@wire
@requires("RFC 9110 §10.1.1")
async def test_expectation_is_forwarded_and_the_upstream_decides(gateway: Gateway) -> None:
    """nginx answers 100 itself, at once; then an upload that the upstream would refuse is sent for nothing."""

    async def script(upstream: UpstreamConnection) -> None:
        await asked.wait()
        await upstream.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        await upstream.read_request()
        await upstream.send(OK)

    if not gateway.engine.ours:
        pytest.skip("the RFC leaves it to the proxy")
    asked = asyncio.Event()
    gateway.upstream.runs(script)
    client = await gateway.connect()
    await client.send(gateway.request("POST", "", EXPECT, "Content-Length: 5"))
    received = await gateway.upstream.received()
    assert received.values("expect") == ["100-continue"]
    with pytest.raises(EndedError, match="timeout"):
        await client.read_head(within=0.1)
    asked.set()
    assert (await client.read_head()).first_line.startswith("HTTP/1.1 100")
    await client.send(b"hello")
    assert (await client.read_answer()).status == 200


@wire
@requires("RFC 9110 §10.1.1")
@pytest.mark.parametrize("status", [b"417 Expectation Failed", b"401 Unauthorized", b"200 OK"])
async def test_final_answer_instead_of_100_arrives_without_the_body(gateway: Gateway, status: bytes) -> None:
    async def script(upstream: UpstreamConnection) -> None:
        await upstream.send(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
        await upstream.ended()

    gateway.upstream.runs(script)
    client = await gateway.connect()
    await client.send(gateway.request("POST", "", EXPECT, "Content-Length: 5"))
    answer = await client.read_answer()
    assert answer.status == int(status[:3]), answer
    assert answer.body == b"no"
    if gateway.engine.ours:
        assert answer.interim_statuses == []


@requires("RFC 9110 §10.1.1")
async def test_client_need_not_wait_for_100(gateway: Gateway) -> None:
    answer, received = await gateway.passes(gateway.request("POST", "", EXPECT, "Content-Length: 5", body=b"hello"))
    assert received.body == b"hello"
    assert answer.interim_statuses in ([], [100])


@requires("RFC 9110 §10.1.1")
async def test_client_that_is_tired_of_waiting_may_send_its_body(gateway: Gateway) -> None:
    """The upstream here never says 100."""
    client = await gateway.connect()
    await client.send(gateway.request("POST", "", EXPECT, "Content-Length: 5"))
    await gateway.upstream.received()
    await client.send(b"hello")
    answer = await client.read_answer()
    assert answer.status == 200
    assert gateway.upstream.requests[0].body == b"hello"


@requires("RFC 9110 §10.1.1")
async def test_chunked_body_after_100_arrives(gateway: Gateway) -> None:
    async def script(upstream: UpstreamConnection) -> None:
        if upstream.request.values("expect"):
            await upstream.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        await upstream.read_request()
        await upstream.send(OK)

    gateway.upstream.runs(script)
    client = await gateway.connect()
    await client.send(gateway.request("POST", "", EXPECT, "Transfer-Encoding: chunked"))
    assert (await client.read_head()).first_line.startswith("HTTP/1.1 100")
    await client.send(b"5\r\nhello\r\n0\r\n\r\n")
    assert (await client.read_answer()).status == 200
    assert gateway.upstream.requests[0].body == b"hello"


@wire
@requires("RFC 9110 §10.1.1")
async def test_expectation_of_an_http_1_0_client_is_ignored(gateway: Gateway) -> None:
    raw = gateway.request("POST", "", EXPECT, "Content-Length: 5", body=b"hello", version="HTTP/1.0")
    answer, received = await gateway.passes(raw)
    assert answer.interim == []
    assert received.body == b"hello"


@requires("RFC 9110 §10.1.1")
async def test_unknown_expectation_is_417_or_forwarded(gateway: Gateway) -> None:
    answer = await gateway.ask(gateway.request("POST", "", "Expect: miracles", "Content-Length: 2", body=b"ab"))
    assert answer.status in (200, 400, 417), answer


@requires("RFC 9110 §10.1.1")
async def test_expectation_without_a_body_does_not_wait(gateway: Gateway) -> None:
    await gateway.passes(gateway.request("GET", "", EXPECT))


@requires("RFC 9112 §9.3", "RFC 9110 §15.5.14")
async def test_early_answer_arrives_while_the_client_still_sends(gateway: Gateway) -> None:
    async def script(upstream: UpstreamConnection) -> None:
        await upstream.send(b"HTTP/1.1 413 Too Big\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")
        await answered.wait()

    answered = asyncio.Event()
    gateway.upstream.runs(script)
    client = await gateway.connect()
    await client.send(gateway.request("POST", "", "Content-Length: 500000", body=bytes(1000)))
    answer = await client.read_answer()
    answered.set()
    assert (answer.status, answer.body) == (413, b"big")


@requires("RFC 9112 §9.3", "RFC 9112 §9.6")
async def test_early_answer_of_an_upstream_that_closes_arrives_too(gateway: Gateway) -> None:
    async def script(upstream: UpstreamConnection) -> None:
        await upstream.read_some()
        await upstream.send(b"HTTP/1.1 413 Too Big\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")
        upstream.half_close()
        await upstream.ended()

    gateway.upstream.runs(script)
    client = await gateway.connect()
    await client.send(gateway.request("POST", "", "Content-Length: 500000", body=bytes(1000)))
    answer = await client.read_answer()
    assert (answer.status, answer.body) == (413, b"big")


@requires("RFC 9112 §9.3", "0.CL desync")
async def test_rest_of_a_body_behind_an_early_answer_is_no_request(gateway: Gateway) -> None:
    hidden = gateway.request("GET", "/hidden")

    async def script(upstream: UpstreamConnection) -> None:
        await upstream.send(OK)
        await upstream.ended()

    gateway.upstream.runs(script)
    client = await gateway.connect()
    await client.send(gateway.request("POST", "", f"Content-Length: {len(hidden) + 10}"))
    assert (await client.read_answer()).status == 200
    try:
        await client.send(hidden)
        await client.ended(within=0.3)
    except EndedError:
        pass
    assert [received.target for received in gateway.upstream.requests] == [gateway.target()]


@requires("RFC 9112 §9.3")
async def test_upstream_may_answer_early_and_read_on(gateway: Gateway) -> None:
    async def script(upstream: UpstreamConnection) -> None:
        await upstream.send(OK)
        await upstream.read_request()

    gateway.upstream.runs(script)
    client = await gateway.connect()
    await client.send(gateway.request("POST", "", "Content-Length: 10", body=b"01234"))
    answer = await client.read_answer()
    assert (answer.status, answer.body) == (200, b"ok")
