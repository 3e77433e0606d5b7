"""What is under way on a side that its route has left: what is ended, when, and what is let be."""

from dataclasses import replace
from datetime import timedelta

import pytest

from proxy.config.model import AccessLog, Listen
from proxy.config.moving import Canary, Moving
from proxy.config.policy import Fallback
from tests.support.fakes import World
from tests.support.routing import route, snapshot
from tests.support.wire_text import answer, get, read

DRAIN = 60.0
LISTEN = Listen(stream_drain=timedelta(seconds=DRAIN))
HANDSHAKE = get("/live", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: k")
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENT = b"9\r\ndata: 1\n\n\r\n"
DOWNLOAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/zip\r\nContent-Length: 1000\r\n\r\nPK"


def at(stage: str, **more):
    return snapshot(route("live", "/live", stage=stage, **more), listen=LISTEN, access_log=AccessLog.ON)


@pytest.fixture
def world():
    with World(at("cutover")) as made:
        yield made


def begin(world, sent=None, came=EVENTS + EVENT):
    """A request that is under way, and its upstream."""
    client = world.client()
    client.sends(sent or get("/live"))
    upstream = world.upstreams[-1]
    upstream.sends(came)
    client.take()
    return client, upstream


def on_left_side(world):
    return world.counted("strangler_on_left_side")


def test_an_event_stream_of_the_left_side_breaks_off_when_its_time_is_up(world):
    client, upstream = begin(world)
    world.swaps(at("legacy"))
    assert on_left_side(world) == 1
    world.passes(DRAIN - 1)
    upstream.sends(EVENT)
    assert client.received == EVENT
    world.passes(1)
    assert client.closed
    assert client.received == EVENT, "no last chunk: the client can tell"
    assert upstream.closed
    assert on_left_side(world) == 0
    (line,) = world.logged()
    assert (line["status"], line["side"], line["outcome"]) == (200, "service", "side_left")


def test_an_event_stream_that_only_its_connection_ends_is_reset(world):
    client = world.client()
    client.sends(get("/live").replace(b"HTTP/1.1", b"HTTP/1.0"))
    world.upstream.sends(EVENTS + EVENT)
    world.swaps(at("legacy"))
    world.passes(DRAIN)
    assert client.was_reset


def test_a_tunnel_of_the_left_side_is_closed_when_its_time_is_up(world):
    client, upstream = begin(world, HANDSHAKE, SWITCH)
    world.swaps(at("legacy"))
    world.passes(DRAIN - 1)
    assert not client.closed
    world.passes(1)
    assert client.closed
    assert upstream.closed
    assert not client.aborted, "in order: what is buffered is still delivered"
    assert world.counted("strangler_tunnels") == on_left_side(world) == 0


def test_an_ordinary_answer_finishes_however_long_it_takes(world):
    client, upstream = begin(world, came=DOWNLOAD)
    world.swaps(at("legacy"))
    for _ in range(10):
        world.passes(DRAIN / 2)
        upstream.sends(b"x")
    upstream.sends(b"x" * 988)
    assert len(client.received) == 998
    assert not client.closed


def test_what_is_at_the_side_that_answers_now_is_let_be():
    with World(at("canary", moving=Moving(canary=Canary(weight=0.5)))) as world:
        streams = [begin(world, get("/live", f"Authorization: {n}")) for n in range(12)]
        at_service = {port == 8103 for _, port in world.network.asked}
        assert at_service == {True, False}
        world.swaps(at("legacy"))
        world.passes(DRAIN)
        for (client, _), (_, port) in zip(streams, world.network.asked, strict=True):
            assert client.closed is (port == 8103)


def test_at_canary_both_sides_are_right(world):
    client, _ = begin(world)
    world.swaps(at("canary", moving=Moving(canary=Canary(weight=0.01))))
    assert on_left_side(world) == 0
    world.passes(DRAIN)
    assert not client.closed


def test_a_side_that_comes_back_lets_them_stay_and_no_reload_gives_more_time(world):
    client, _ = begin(world)
    world.swaps(at("legacy"))
    world.passes(DRAIN - 1)
    world.swaps(at("cutover"))
    world.passes(DRAIN / 2)
    assert not client.closed
    world.swaps(at("legacy"))
    world.passes(DRAIN - 1)
    world.swaps(replace(at("legacy"), revision="r2"))
    world.passes(1)
    assert client.closed


def test_a_promotion_leaves_the_monolith():
    with World(at("legacy")) as world:
        client, _ = begin(world)
        world.swaps(at("cutover"))
        world.passes(DRAIN)
        assert client.closed


@pytest.mark.parametrize("first", ["cutover", "legacy"])
def test_where_a_route_is_gone_its_requests_go_to_the_monolith(first):
    with World(at(first)) as world:
        client, _ = begin(world)
        world.swaps(snapshot(listen=LISTEN))
        world.passes(DRAIN)
        assert client.closed is (first == "cutover")


def test_a_route_that_has_only_another_name_is_not_gone(world):
    client, _ = begin(world)
    world.swaps(snapshot(route("events", "/live"), listen=LISTEN))
    world.passes(DRAIN)
    assert not client.closed


def test_a_retired_route_answers_nobody(world):
    client, _ = begin(world)
    world.swaps(at("retired"))
    world.passes(DRAIN)
    assert client.closed


def test_a_stream_that_begins_only_after_the_change_is_ended_too(world):
    client = world.client()
    client.sends(get("/live"))
    world.swaps(at("legacy"))
    world.passes(20)
    world.upstream.sends(EVENTS + EVENT)
    world.passes(DRAIN - 20)
    assert client.closed


def test_what_was_answered_before_its_time_is_forgotten(world):
    client = world.client()
    client.sends(get("/live"))
    world.swaps(at("legacy"))
    assert on_left_side(world) == 1
    world.upstream.sends(answer())
    assert read(client.received).status == 200
    world.passes(1)
    assert on_left_side(world) == 0


def test_a_stream_that_the_monolith_gave_in_the_services_place_is_let_be():
    with World(at("cutover", fallback=Fallback())) as world:
        client = world.client()
        client.sends(get("/live"))
        world.upstream.sends(answer("503 Service Unavailable"))
        world.upstreams[-1].sends(EVENTS + EVENT)
        world.swaps(replace(at("cutover", fallback=Fallback()), revision="r2"))
        world.passes(DRAIN)
        assert read(client.received).status == 200
        assert not client.closed


def test_on_demand_they_are_ended_at_once_for_the_routes_that_are_named(world):
    client, _ = begin(world)
    world.swaps(at("legacy"))
    world.act(lambda: world.forwarder.close_left(["other"]))
    world.passes(1)
    assert not client.closed
    world.act(lambda: world.forwarder.close_left(["live"]))
    world.passes(1)
    assert client.closed
