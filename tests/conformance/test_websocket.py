"""WebSocket: the handshake is a request like any other; after 101 the two ends speak past us, byte for byte."""

import asyncio
import struct

import pytest

from tests.conformance.case import Gateway, assert_problem, ours, requires, wire
from tests.conformance.engines import SHORT_OF_SILENCE
from tests.conformance.test_streaming import BUFFERED_AT_MOST, SENT, still
from tests.support.messages import DEADLINE, EndedError
from tests.support.raw_client import Answer, RawClient
from tests.support.raw_upstream import OK, Script, UpstreamConnection
from tests.support.websocket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Frame,
    accept_key,
    encode,
    encode_close,
    new_key,
    read_frame,
)

pytestmark = wire


def handshake(gateway: Gateway, *fields: str, key: str | None = None, via: str = "/up") -> bytes:
    return gateway.request(
        "GET",
        "",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {key or new_key()}",
        *fields,
        via=via,
    )


def accepts(then: Script, *fields: bytes) -> Script:
    """An upstream that takes the handshake and goes on with `then`; afterwards it closes."""

    async def script(upstream: UpstreamConnection) -> None:
        key = str(upstream.request.value("sec-websocket-key"))
        lines = [
            b"Upgrade: websocket",
            b"Connection: Upgrade",
            b"Sec-WebSocket-Accept: " + accept_key(key).encode(),
            *fields,
        ]
        await upstream.send(
            b"HTTP/1.1 101 Switching Protocols\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n"
        )
        await then(upstream)
        await upstream.close()

    return script


async def echo(upstream: UpstreamConnection) -> None:
    """Sends every frame back, unmasked, until a close frame has been echoed."""
    while True:
        frame = await read_frame(upstream)
        assert frame.masked, "the client's mask was taken off on the way"
        opcode = PONG if frame.opcode == PING else frame.opcode
        await upstream.send(encode(opcode, frame.payload, final=frame.final))
        if frame.opcode == CLOSE:
            return


async def opened(gateway: Gateway, *fields: str, early: bytes = b"") -> tuple[RawClient, Answer]:
    client = await gateway.connect()
    await client.send(handshake(gateway, *fields) + early)
    answer = await client.read_answer_head()
    assert answer.status == 101, answer
    return client, answer


@requires("RFC 6455 §4.1", "RFC 6455 §4.2.2", "RFC 9110 §7.8")
async def test_handshake_is_forwarded_both_ways(gateway: Gateway) -> None:
    gateway.upstream.runs(
        accepts(
            echo,
            b"Sec-WebSocket-Protocol: chat.v2",
            b"Sec-WebSocket-Extensions: permessage-deflate",
            b"Set-Cookie: a=1",
        )
    )
    key = new_key()
    client = await gateway.connect()
    fields = [
        "Sec-WebSocket-Protocol: chat.v2, chat",
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
        "Origin: https://shop.example",
        "Cookie: s=1",
    ]
    await client.send(handshake(gateway, *fields, key=key))
    answer = await client.read_answer_head()
    assert answer.status == 101, answer
    assert answer.values("sec-websocket-accept") == [accept_key(key)]
    assert str(answer.value("upgrade")).lower() == "websocket"
    assert str(answer.value("connection")).lower() == "upgrade"
    assert answer.values("sec-websocket-protocol") == ["chat.v2"]
    assert answer.values("sec-websocket-extensions") == ["permessage-deflate"]
    assert answer.values("set-cookie") == ["a=1"]
    received = gateway.upstream.requests[0]
    assert received.values("sec-websocket-key") == [key]
    assert received.values("sec-websocket-version") == ["13"]
    assert str(received.value("upgrade")).lower() == "websocket"
    assert str(received.value("connection")).lower() == "upgrade"
    for field in fields:
        name, _, value = field.partition(": ")
        assert received.values(name) == [value]


@requires("RFC 6455 §4.2.1", "RFC 9110 §7.8")
@pytest.mark.parametrize(
    ("upgrade", "connection"),
    [("WebSocket", "upgrade"), ("WEBSOCKET", "keep-alive, Upgrade"), ("websocket", "Upgrade, keep-alive")],
)
async def test_handshake_is_known_in_any_case_and_company(gateway: Gateway, upgrade: str, connection: str) -> None:
    """Firefox sends `keep-alive, Upgrade`."""
    gateway.upstream.runs(accepts(echo))
    raw = handshake(gateway).replace(b"Upgrade: websocket", f"Upgrade: {upgrade}".encode())
    client = await gateway.connect()
    await client.send(raw.replace(b"Connection: Upgrade", f"Connection: {connection}".encode()))
    assert (await client.read_answer_head()).status == 101


SIZES = [0, 1, 125, 126, 127, 65_535, 65_536, 1_000_000]


@requires("RFC 6455 §5.2")
async def test_messages_of_every_size_come_back(gateway: Gateway) -> None:
    gateway.upstream.runs(accepts(echo))
    client, _ = await opened(gateway)
    for size in SIZES:
        for opcode in (TEXT, BINARY):
            sending = asyncio.create_task(client.send(encode(opcode, b"x" * size, mask=True)))
            assert await read_frame(client) == Frame(opcode, b"x" * size)
            await sending


@requires("RFC 6455 §5.2", "Back-pressure")
async def test_message_of_16_mib_comes_back(gateway: Gateway) -> None:
    gateway.upstream.runs(accepts(echo))
    client, _ = await opened(gateway)
    client.keeps_transcript = False
    payload = bytes(range(256)) * 65_536
    sending = asyncio.create_task(client.send(encode(BINARY, payload, mask=True)))
    assert (await read_frame(client)).payload == payload
    await sending


@requires("RFC 6455 §5.4", "RFC 6455 §5.5.2")
async def test_fragments_and_pings_keep_their_order(gateway: Gateway) -> None:
    gateway.upstream.runs(accepts(echo))
    client, _ = await opened(gateway)
    frames = [
        (TEXT, b"one ", False),
        (PING, b"are you there", True),
        (CONTINUATION, b"two ", False),
        (PONG, b"unasked", True),
        (CONTINUATION, b"three", True),
    ]
    await client.send(b"".join(encode(opcode, payload, mask=True, final=final) for opcode, payload, final in frames))
    for opcode, payload, final in frames:
        assert await read_frame(client) == Frame(PONG if opcode == PING else opcode, payload, final)


@requires("RFC 6455 §5")
async def test_bytes_that_are_no_frames_pass_untouched(gateway: Gateway) -> None:
    """We are a tunnel: what the ends agreed on (extensions, reserved bits) is not ours to judge."""

    async def mirror(upstream: UpstreamConnection) -> None:
        await upstream.send(await upstream.read_exactly(256))

    gateway.upstream.runs(accepts(mirror))
    client, _ = await opened(gateway)
    await client.send(bytes(range(256)))
    assert await client.read_exactly(256) == bytes(range(256))


@requires("RFC 6455 §4.1", "RFC 9110 §7.8")
async def test_frames_sent_with_the_handshake_are_kept_until_101(gateway: Gateway) -> None:
    gateway.upstream.runs(accepts(echo))
    client, _ = await opened(gateway, early=encode(TEXT, b"early", mask=True))
    assert await read_frame(client) == Frame(TEXT, b"early")


@requires("RFC 9110 §7.8", "Request smuggling by a refused upgrade")
async def test_early_bytes_do_not_reach_an_upstream_that_refuses(gateway: Gateway) -> None:
    """Behind a refusal they are the client's next request, and judged as one."""
    gateway.upstream.answers(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", OK)
    client = await gateway.connect()
    await client.send(handshake(gateway) + gateway.request("GET", "/next"))
    assert (await client.read_answer()).status == 403
    answer = await client.read_answer()
    assert answer.status == 200 or answer.end in ("eof", "reset"), answer
    assert [received.target for received in gateway.upstream.requests] in (
        [gateway.target()],
        [gateway.target(), gateway.target("/next")],
    )
    assert len({received.connection for received in gateway.upstream.requests}) <= len(gateway.upstream.requests)


@requires("RFC 6455 §4.2.2", "RFC 9110 §7.8")
async def test_upstream_bytes_behind_101_arrive(gateway: Gateway) -> None:
    async def script(upstream: UpstreamConnection) -> None:
        key = str(upstream.request.value("sec-websocket-key"))
        head = b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n"
        await upstream.send(head % accept_key(key).encode() + encode(TEXT, b"welcome"))
        await upstream.ended()

    gateway.upstream.runs(script)
    client, _ = await opened(gateway)
    assert await read_frame(client) == Frame(TEXT, b"welcome")


@requires("RFC 6455 §4.2.2")
@pytest.mark.parametrize(
    "status",
    [
        b"400 Bad Request",
        b"401 Unauthorized",
        b"403 Forbidden",
        b"404 Not Found",
        b"426 Upgrade Required",
        b"200 OK",
        b"302 Found",
    ],
)
async def test_refused_handshake_passes_with_its_body(gateway: Gateway, status: bytes) -> None:
    fields = b"Sec-WebSocket-Version: 13\r\nX-Why: not you\r\nContent-Length: 7\r\n\r\nbecause"
    gateway.upstream.answers(b"HTTP/1.1 " + status + b"\r\n" + fields)
    client = await gateway.connect()
    await client.send(handshake(gateway))
    answer = await client.read_answer()
    assert (answer.status, answer.body) == (int(status[:3]), b"because")
    assert answer.values("x-why") == ["not you"]
    gateway.upstream.answers(OK)
    assert (await gateway.ask(gateway.request())).status == 200


@requires("RFC 6455 §7.1.2", "RFC 6455 §7.4")
@pytest.mark.parametrize("code", [1000, 1001, 1011, 3000, 4001])
async def test_close_of_the_client_reaches_the_upstream(gateway: Gateway, code: int) -> None:
    seen: list[Frame] = []

    async def script(upstream: UpstreamConnection) -> None:
        seen.append(await read_frame(upstream))
        await upstream.send(encode(CLOSE, seen[0].payload))

    gateway.upstream.runs(accepts(script))
    client, _ = await opened(gateway)
    await client.send(encode_close(code, b"bye", mask=True))
    assert await read_frame(client) == Frame(CLOSE, struct.pack("!H", code) + b"bye")
    assert seen[0].payload == struct.pack("!H", code) + b"bye"
    assert await client.ended() == "eof"


@requires("RFC 6455 §7.1.2", "RFC 6455 §7.4")
async def test_close_of_the_upstream_reaches_the_client(gateway: Gateway) -> None:
    async def script(upstream: UpstreamConnection) -> None:
        await upstream.send(encode_close(4321, b"bye"))
        assert (await read_frame(upstream)).payload == struct.pack("!H", 4321)

    gateway.upstream.runs(accepts(script))
    client, _ = await opened(gateway)
    assert await read_frame(client) == Frame(CLOSE, struct.pack("!H", 4321) + b"bye")
    await client.send(encode_close(4321, mask=True))
    assert await client.ended() == "eof"


@requires("RFC 6455 §7.1.1")
@pytest.mark.parametrize("how", ["close", "reset"])
async def test_upstream_that_dies_ends_the_clients_connection(gateway: Gateway, how: str) -> None:
    async def script(upstream: UpstreamConnection) -> None:
        await upstream.send(encode(TEXT, b"last words"))
        await heard.wait()
        if how == "reset":
            upstream.reset()

    heard = asyncio.Event()
    gateway.upstream.runs(accepts(script))
    client, _ = await opened(gateway)
    assert (await read_frame(client)).payload == b"last words"
    heard.set()
    assert await client.ended() in ("eof", "reset")


@requires("RFC 6455 §7.1.1")
@pytest.mark.parametrize("how", ["close", "reset"])
async def test_client_that_dies_ends_the_upstreams_connection(gateway: Gateway, how: str) -> None:
    over: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def script(upstream: UpstreamConnection) -> None:
        over.set_result(await upstream.ended())

    gateway.upstream.runs(accepts(script))
    client, _ = await opened(gateway)
    if how == "reset":
        client.reset()
    else:
        await client.close()
    assert await asyncio.wait_for(over, DEADLINE) in ("eof", "reset")


@requires("RFC 6455 §7.1.1", "RFC 9112 §9.6")
async def test_what_was_sent_before_a_close_still_arrives(gateway: Gateway) -> None:
    payload = b"x" * 3_000_000

    async def script(upstream: UpstreamConnection) -> None:
        await upstream.send(encode(BINARY, payload) + encode_close(1000))

    gateway.upstream.runs(accepts(script))
    client, _ = await opened(gateway)
    assert (await read_frame(client)).payload == payload
    assert (await read_frame(client)).opcode == CLOSE
    assert await client.ended() == "eof"


@ours
@requires("RFC 6455 §4.2.1", "RFC 9110 §7.8")
async def test_handshake_with_a_body_is_refused_or_forwarded_plainly(gateway: Gateway) -> None:
    raw = handshake(gateway, "Content-Length: 5") + b"hello"
    answer = await gateway.ask(raw)
    assert answer.status in (200, 400), answer
    for received in gateway.upstream.requests:
        assert received.body == b"hello"


@ours
@requires("RFC 6455 §4.1", "RFC 9110 §7.8")
@pytest.mark.parametrize("method", ["POST", "HEAD", "OPTIONS"])
async def test_upgrade_of_another_method_is_dropped(gateway: Gateway, method: str) -> None:
    raw = handshake(gateway).replace(b"GET ", method.encode() + b" ", 1)
    _, received = await gateway.passes(raw)
    assert not received.values("upgrade")
    assert "upgrade" not in str(received.value("connection")).lower()


@ours
@requires("RFC 9110 §7.8")
async def test_upgrade_of_an_http_1_0_client_is_dropped(gateway: Gateway) -> None:
    """A server MUST ignore an Upgrade field received in HTTP/1.0."""
    raw = handshake(gateway).replace(b"HTTP/1.1", b"HTTP/1.0", 1)
    _, received = await gateway.passes(raw)
    assert not received.values("upgrade")


@ours
@requires("RFC 9110 §7.8")
@pytest.mark.parametrize("connection", ["keep-alive", "close", "Upgraded", "X-Upgrade"])
async def test_upgrade_that_connection_does_not_name_is_dropped(gateway: Gateway, connection: str) -> None:
    raw = handshake(gateway).replace(b"Connection: Upgrade", f"Connection: {connection}".encode())
    _, received = await gateway.passes(raw)
    assert not received.values("upgrade")


UPGRADES = {
    "h2c": ["Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"],
    "h2c unnamed settings": ["Upgrade: h2c", "Connection: Upgrade", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"],
    "TLS": ["Upgrade: TLS/1.2", "Connection: Upgrade"],
    "another": ["Upgrade: chat", "Connection: Upgrade"],
    "two": ["Upgrade: h2c, chat", "Connection: Upgrade"],
    "in two fields": ["Upgrade: h2c", "Upgrade: chat", "Connection: Upgrade"],
}


@ours
@requires("RFC 9110 §7.8", "RFC 9113 §3.1", "h2c smuggling")
@pytest.mark.parametrize("name", UPGRADES)
async def test_other_upgrades_are_dropped_and_the_request_forwarded(gateway: Gateway, name: str) -> None:
    _, received = await gateway.passes(gateway.request("GET", "", *UPGRADES[name]))
    assert not received.values("upgrade")
    assert not received.values("http2-settings")
    assert "upgrade" not in str(received.value("connection")).lower()


@ours
@requires("RFC 9110 §7.8", "h2c smuggling")
async def test_websocket_beside_h2c_is_offered_alone_or_not_at_all(gateway: Gateway) -> None:
    raw = handshake(gateway).replace(b"Upgrade: websocket", b"Upgrade: websocket, h2c")
    answer = await gateway.ask(raw)
    assert answer.status in (200, 400), answer
    for received in gateway.upstream.requests:
        assert "h2c" not in str(received.value("upgrade"))


@ours
@requires("RFC 9110 §7.8")
async def test_upgrade_that_the_route_names_is_tunnelled(gateway: Gateway) -> None:
    async def script(upstream: UpstreamConnection) -> None:
        await upstream.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: chat\r\nConnection: Upgrade\r\n\r\n")
        await upstream.send(await upstream.read_exactly(5))
        await upstream.close()

    gateway.upstream.runs(script)
    client = await gateway.connect()
    await client.send(gateway.request("GET", "", "Upgrade: chat", "Connection: Upgrade", via="/named"))
    assert (await client.read_answer_head()).status == 101
    await client.send(b"hello")
    assert await client.read_exactly(5) == b"hello"


@ours
@requires("RFC 9110 §7.8", "RFC 6455 §4.1")
@pytest.mark.parametrize(
    "fields", [b"", b"Upgrade: h2c\r\nConnection: Upgrade\r\n", b"Upgrade: websocket, h2c\r\nConnection: Upgrade\r\n"]
)
async def test_101_that_does_not_echo_the_upgrade_is_502(gateway: Gateway, fields: bytes) -> None:
    gateway.upstream.answers(b"HTTP/1.1 101 Switching Protocols\r\n" + fields + b"\r\nsmuggled")
    answer = await gateway.ask(handshake(gateway))
    assert answer.status == 502, answer
    assert_problem(answer)


@ours
@requires("RFC 9110 §15.6.3")
async def test_handshake_to_nobody_is_502(gateway: Gateway) -> None:
    answer = await gateway.ask(handshake(gateway, via="/refusing"))
    assert answer.status == 502, answer
    assert_problem(answer)


@requires("RFC 6455 §4.2.2", "RFC 8297 §2")
async def test_interim_answer_before_101_does_no_harm(gateway: Gateway) -> None:
    async def script(upstream: UpstreamConnection) -> None:
        await upstream.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n")
        await accepts(echo)(upstream)

    if gateway.engine.name == "nginx":
        pytest.skip("nginx 1.22 does not know interim answers")
    gateway.upstream.runs(script)
    client, _ = await opened(gateway)
    await client.send(encode(TEXT, b"hello", mask=True))
    assert await read_frame(client) == Frame(TEXT, b"hello")


@ours
@requires("Back-pressure")
async def test_slow_end_of_a_tunnel_holds_the_other_back(gateway: Gateway) -> None:
    sent = [0]

    async def script(upstream: UpstreamConnection) -> None:
        for _ in range(SENT // 65_536):
            await upstream.send(bytes(65_536))
            sent[0] += 65_536

    gateway.upstream.runs(accepts(script))
    client = await gateway.connect(receive_buffer=65_536)
    client.keeps_transcript = False
    await client.send(handshake(gateway))
    assert (await client.read_answer_head()).status == 101
    assert 0 < await still(sent) < BUFFERED_AT_MOST
    client.reset()


@requires("RFC 6455 §5.5.2")
async def test_tunnel_outlives_the_timeouts_of_requests(short_of_silence: Gateway) -> None:
    short_of_silence.upstream.runs(accepts(echo))
    client, _ = await opened(short_of_silence)
    with pytest.raises(EndedError, match="timeout"):
        await client.read_until(b"never", within=SHORT_OF_SILENCE.idle + 0.5)
    await client.send(encode(TEXT, b"still here", mask=True))
    assert await read_frame(client) == Frame(TEXT, b"still here")
