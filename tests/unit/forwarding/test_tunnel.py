"""WebSocket tunnels: the handshake, then bytes (RFC 6455 section 4, RFC 9110 section 7.8)."""

import pytest

from proxy.config.model import AccessLog
from tests.support.fakes import World
from tests.support.routing import route, snapshot
from tests.support.wire_text import answer, get, read, request

HANDSHAKE = get("/ws", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: k", "Sec-WebSocket-Version: 13")
SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: a\r\n\r\n"
)


@pytest.fixture
def world():
    with World(snapshot(route("named", "/ipp/**", upgrades=("ipp",)), access_log=AccessLog.ON)) as made:
        yield made


@pytest.fixture
def joined(world):
    client = world.client()
    client.sends(HANDSHAKE)
    world.upstream.sends(SWITCH)
    client.take()
    world.upstream.take()
    return client, world.upstream


def test_a_handshake_is_forwarded_as_a_request_with_its_upgrade(world):
    client = world.client()
    client.sends(HANDSHAKE)
    asked = read(world.upstream.received)
    assert (asked.value("connection"), asked.value("upgrade")) == ("Upgrade", "websocket")
    assert asked.value("sec-websocket-key") == "k"
    world.upstream.sends(SWITCH)
    got = read(client.received)
    assert (got.status, got.value("connection"), got.value("upgrade")) == (101, "Upgrade", "websocket")
    assert got.value("sec-websocket-accept") == "a"
    assert got.value("x-request-id") == asked.value("x-request-id")
    assert world.counted("strangler_tunnels") == 1


def test_bytes_pass_both_ways_untouched(joined):
    client, upstream = joined
    client.sends(b"\x81\x85\x00\r\n\r\nGET / HTTP/1.1\r\n\r\n")
    upstream.sends(b"HTTP/1.1 500 no\r\n\r\n\x00\xff")
    assert upstream.received == b"\x81\x85\x00\r\n\r\nGET / HTTP/1.1\r\n\r\n"
    assert client.received == b"HTTP/1.1 500 no\r\n\r\n\x00\xff"


def test_bytes_behind_either_head_come_first(world):
    client = world.client()
    client.sends(HANDSHAKE + b"early")
    assert not world.upstream.received.endswith(b"early")
    world.upstream.sends(SWITCH + b"hello")
    assert read(client.received).body == b"hello"
    assert world.upstream.received.endswith(b"early")


def test_bytes_behind_a_handshake_never_overtake_it(world):
    client = world.client()
    client.sends(get("/1"))
    world.upstream.sends(answer())
    world.upstream.take()

    def in_one_turn():
        world.connection(client).data_received(HANDSHAKE + b"early")
        world.upstream.get_protocol().data_received(SWITCH)

    world.act(in_one_turn)
    asked, _, early = world.upstream.received.partition(b"\r\n\r\n")
    assert asked.startswith(b"GET /")
    assert early == b"early"


@pytest.mark.parametrize("size", [1_000, 60_000, 200_000, 1_000_000])
def test_many_bytes_behind_the_handshake_arrive_whole_and_first(world, size):
    early = bytes(number % 251 for number in range(size))
    client = world.client()
    client.sends(HANDSHAKE + early)
    world.upstream.take()
    world.upstream.sends(SWITCH)
    client.sends(b"later")
    assert world.upstream.received == early + b"later"
    assert not client.reading_paused


def test_early_bytes_never_reach_an_upstream_that_did_not_switch(world):
    client = world.client()
    client.sends(HANDSHAKE + get("/next"))
    world.upstream.sends(answer("403 Forbidden", body=b"no"))
    assert read(client.received).body.startswith(b"no")
    assert world.upstream.received.count(b"GET /next HTTP/1.1") == 1, "as a request of its own"


@pytest.mark.parametrize(
    "switch",
    [
        SWITCH.replace(b"websocket", b"h2c"),
        SWITCH.replace(b"Upgrade: websocket\r\n", b""),
        SWITCH.replace(b"Connection: Upgrade\r\n", b""),
    ],
)
def test_a_switch_to_anything_else_is_a_502(world, switch):
    client = world.client()
    client.sends(HANDSHAKE)
    world.upstream.sends(switch)
    assert read(client.received).outcome == "bad_answer"
    assert world.upstream.aborted


def test_a_switch_that_was_not_asked_for_is_a_502(world):
    client = world.client()
    client.sends(get())
    world.upstream.sends(SWITCH)
    assert read(client.received).outcome == "bad_answer"


@pytest.mark.parametrize(
    "asking",
    [
        get("/ws", "Connection: Upgrade", "Upgrade: h2c"),
        get("/ws", "Connection: Upgrade", "Upgrade: websocket, h2c"),
        get("/ws", "Upgrade: websocket"),
        get("/ws", "Connection: close", "Upgrade: websocket"),
        get("/ws", "Connection: Upgrade", "Upgrade: ipp"),
        request("POST /ws", "Connection: Upgrade", "Upgrade: websocket", "Content-Length: 0"),
        request("GET /ws", "Connection: Upgrade", "Upgrade: websocket", "Content-Length: 1", body=b"x"),
        request("GET /ws", "Connection: Upgrade", "Upgrade: websocket", version="1.0"),
    ],
)
def test_any_other_wish_is_dropped_and_the_request_forwarded_plainly(world, asking):
    world.client().sends(asking)
    asked = read(world.upstream.received)
    assert asked.value("upgrade") is None
    assert asked.value("connection") is None


def test_a_route_may_name_another_protocol(world):
    client = world.client()
    client.sends(get("/ipp/x", "Connection: upgrade", "Upgrade: IPP"))
    assert read(world.upstream.received).value("upgrade") == "ipp"
    world.upstream.sends(b"HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: IPP\r\n\r\n")
    assert read(client.received).status == 101


def test_a_slow_end_stops_the_other(joined):
    client, upstream = joined
    client.clogs()
    upstream.sends(b"x" * 100_000)
    assert upstream.reading_paused
    client.drains()
    assert not upstream.reading_paused
    upstream.clogs()
    client.sends(b"y" * 100_000)
    assert client.reading_paused
    upstream.drains()
    assert not client.reading_paused
    assert len(client.received) == len(upstream.received) == 100_000


@pytest.mark.parametrize("first", ["client", "upstream"])
def test_when_one_side_ends_the_other_may_finish(world, joined, first):
    client, upstream = joined
    one, other = (client, upstream) if first == "client" else (upstream, client)
    one.sends(b"bye")
    one.ends()
    assert other.received == b"bye"
    assert other.eof_written
    assert not other.closed
    other.sends(b"too")
    assert one.received == b"too"
    other.ends()
    assert one.closed
    assert other.closed
    assert world.counted("strangler_tunnels") == 0


@pytest.mark.parametrize("first", ["client", "upstream"])
@pytest.mark.parametrize("error", [None, ConnectionResetError()])
def test_when_one_side_is_gone_so_is_the_other(world, joined, first, error):
    client, upstream = joined
    one, other = (client, upstream) if first == "client" else (upstream, client)
    one.vanishes(error)
    assert other.closed
    assert other.aborted is (error is not None), "a reset goes on as a reset"
    assert world.counted("strangler_tunnels") == 0
    assert world.counted("strangler_connections") == 0
    assert world.counted("strangler_upstream_connections") == 0
    assert world.counted("strangler_requests_in_flight") == 0


def test_a_tunnel_has_no_time_limit(world, joined):
    client, upstream = joined
    world.passes(100_000)
    assert not client.closed
    assert not upstream.closed


def test_a_tunnel_is_one_request_in_the_counts_and_in_the_log(world, joined):
    client, _ = joined
    assert world.requests() == []
    assert world.counted("strangler_requests_in_flight") == 1
    world.passes(60)
    client.vanishes()
    assert world.requests() == [["default", "legacy", "default", "1xx", 1]]
    (line,) = world.logged()
    assert (line["status"], line["outcome"], line["duration_ms"]) == (101, "answered", 60000.0)


def test_a_drain_leaves_a_tunnel_until_it_is_told_to_close(world):
    client = world.client()
    client.sends(HANDSHAKE)
    end = world.connection(client)
    world.upstream.sends(SWITCH)
    world.drains()
    world.passes(10)
    assert not client.closed
    world.act(end.close_tunnel)
    assert client.closed
    assert world.upstream.closed
    assert world.counted("strangler_tunnels") == 0


def test_a_tunnels_upstream_connection_never_serves_another(world, joined):
    client, upstream = joined
    client.vanishes()
    world.client().sends(get())
    assert len(world.upstreams) == 2
    assert upstream.closed
