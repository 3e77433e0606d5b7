"""Writes that wait while writing moves: what is read, what is sent, and what becomes of each, as transcripts."""

from dataclasses import replace

import pytest

from proxy.config.model import Listen
from proxy.config.moving import Moving, Writes
from proxy.forwarding.holding import Hold, count_writes, hold_from
from tests.support.fakes import World
from tests.support.routing import route, snapshot
from tests.support.wire_text import answer, get, read, read_answers, request

WRITES = Moving(writes=Writes(("order", "stock")))
OLD = snapshot(route("orders", "/orders/**", stage="legacy", moving=WRITES))
NEW = replace(snapshot(route("orders", "/orders/**", stage="cutover", moving=WRITES)), revision="r2")
POST = request("POST /orders", "Content-Length: 4", body=b"mug!")
CHUNKED = request("POST /orders", "Transfer-Encoding: chunked", body=b"4\r\nmug!\r\n0\r\n\r\n")
DELETE = request("DELETE /orders/7")


@pytest.fixture
def world():
    with World(OLD) as made:
        yield made


def hold(world, *, queue=10, timeout=5.0, lasts=60.0, routes=("orders",), name="h1"):
    told = []
    wanted = Hold(name, routes, timeout, queue, world.time + lasts)
    world.act(lambda: told.append(world.forwarder.hold([wanted])))
    return told[0][name]


def release(world):
    told = []
    world.act(lambda: told.append(world.forwarder.hold([])))
    return told[0]


def outcomes(world):
    exported = world.forwarder.export()
    return {labels["outcome"]: n for name, labels, n in exported["counters"] if name == "strangler_held_total"}


@pytest.mark.parametrize("sent", [POST, CHUNKED, DELETE], ids=["length", "chunked", "no body"])
def test_a_write_waits_and_goes_where_the_routes_lead_when_it_is_let_go(world, sent):
    hold(world)
    client = world.client()
    client.sends(sent)
    assert (world.upstreams, client.received, client.reading_paused) == ([], b"", True)
    assert world.counted("strangler_held") == 1
    world.swaps(NEW)
    told = release(world)
    asked = read(world.upstream.received)
    assert asked.first == sent.split(b"\r\n")[0].decode()
    assert asked.body == sent.partition(b"\r\n\r\n")[2]
    assert world.network.asked[0][1] == NEW.upstreams["service"].endpoints[0].port
    world.upstream.sends(answer("201 Created"))
    assert read(client.received).status == 201
    assert not client.reading_paused
    assert (told["h1"]["released"], outcomes(world), world.counted("strangler_held")) == (1, {"released": 1}, 0)
    assert [row[:4] for row in world.requests()] == [["orders", "service", "stage", "2xx"]]


def test_what_reads_and_what_other_routes_write_is_not_held(world):
    hold(world)
    for sent in (get("/orders/7"), request("OPTIONS /orders"), request("POST /cart", "Content-Length: 0")):
        world.client().sends(sent)
    assert len(world.upstreams) == 3
    assert world.counted("strangler_held") == 0


def test_only_the_head_is_read_and_nobody_is_told_to_continue(world):
    hold(world)
    client = world.client()
    head = request("POST /orders", "Content-Length: 4", "Expect: 100-continue")
    client.sends(head)
    client.sends(b"mug!")
    assert (client.received, world.upstreams) == (b"", [])
    assert client.reading_paused
    release(world)
    assert read(world.upstream.received).body == b"mug!"


def test_the_expectation_is_the_upstreams_to_answer_once_the_request_was_let_go(world):
    hold(world)
    client = world.client()
    client.sends(request("POST /orders", "Content-Length: 4", "Expect: 100-continue"))
    release(world)
    assert read(world.upstream.received).value("expect") == "100-continue"
    world.upstream.sends(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert client.take() == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.sends(b"mug!")
    world.upstream.sends(answer("201 Created"))
    assert read(client.received).status == 201


def test_pipelined_requests_wait_behind_it_and_are_answered_in_order(world):
    hold(world)
    client = world.client()
    client.sends(get("/a") + POST + get("/b"))
    world.upstream.sends(answer(body=b"a"))
    assert len(read_answers(client.received)) == 1
    release(world)
    world.upstream.sends(answer("201 Created", body=b"placed"))
    world.upstream.sends(answer(body=b"b"))
    assert [message.body for message in read_answers(client.received)] == [b"a", b"placed", b"b"]


def test_the_connection_serves_on_and_the_next_write_is_held_by_the_next_hold(world):
    client = world.client()
    for number in range(3):
        hold(world, name=f"h{number}")
        client.sends(POST)
        assert world.counted("strangler_held") == 1
        release(world)
        world.upstream.sends(answer("201 Created"))
    assert [message.status for message in read_answers(client.received)] == [201] * 3


def test_the_same_write_again_and_again_on_one_connection_is_seen_to_be_held(world):
    client = world.client()
    client.sends(DELETE)
    world.upstream.sends(answer())
    client.sends(DELETE)
    world.upstream.sends(answer())
    hold(world)
    client.sends(DELETE)
    assert (len(read_answers(client.received)), world.counted("strangler_held")) == (2, 1)


def test_who_waited_too_long_is_told_to_come_again_and_nothing_was_forwarded(world):
    hold(world, timeout=5)
    client = world.client()
    client.sends(POST + get("/never"))
    world.passes(4.9)
    assert client.received == b""
    world.passes(0.2)
    got = read(client.received)
    assert (got.status, got.outcome, got.value("retry-after")) == (503, "hold_expired", "1")
    assert (got.value("connection"), client.eof_written) == ("close", True)
    release(world)
    assert world.upstreams == []
    assert outcomes(world) == {"expired": 1}
    assert world.requests() == [["orders", "none", "handover", "5xx", 1]]


def test_a_write_without_a_body_that_waited_too_long_leaves_its_connection_usable(world):
    hold(world, timeout=1)
    client = world.client()
    client.sends(DELETE + get("/a"))
    world.passes(1.1)
    world.upstream.sends(answer())
    assert [message.status for message in read_answers(client.received)] == [503, 200]


def test_above_the_queue_writes_are_refused_at_once(world):
    hold(world, queue=2)
    clients = [world.client() for _ in range(3)]
    for client in clients:
        client.sends(POST)
    got = read(clients[2].received)
    assert (got.status, got.outcome, got.value("retry-after")) == (503, "hold_full", "1")
    assert [client.received for client in clients[:2]] == [b"", b""]
    release(world)
    assert sum(upstream.received.count(b"POST") for upstream in world.upstreams) == 2
    assert outcomes(world) == {"released": 2, "full": 1}


def test_a_queue_of_nothing_refuses_all(world):
    hold(world, queue=0)
    client = world.client()
    client.sends(POST)
    assert read(client.received).outcome == "hold_full"


def test_every_worker_has_its_part_of_the_queue():
    with World(OLD, workers=3) as world:
        hold(world, queue=4)
        clients = [world.client() for _ in range(3)]
        for client in clients:
            client.sends(POST)
        assert [bool(client.received) for client in clients] == [False, False, True]


@pytest.mark.parametrize("moment", ["looked at", "let go"])
def test_a_client_that_leaves_is_dropped_and_never_forwarded(world, moment):
    hold(world)
    client = world.client()
    client.sends(POST)
    client.leaves()
    if moment == "looked at":
        world.passes(0.05)
        assert outcomes(world) == {"client_gone": 1}
        assert world.counted("strangler_held") == 0
    release(world)
    assert client.aborted
    assert world.upstreams == []
    assert world.counted("strangler_connections") == 0


def test_a_connection_that_is_lost_leaves_the_line(world):
    hold(world)
    client = world.client()
    client.sends(POST)
    client.vanishes()
    assert (outcomes(world), world.counted("strangler_held")) == ({"client_gone": 1}, 0)
    release(world)
    assert world.upstreams == []


def test_a_connection_that_is_lost_in_the_turn_in_which_it_is_let_go_is_not_forwarded(world):
    hold(world)
    client = world.client()
    client.sends(POST)

    def both():
        world.forwarder.hold([])
        client.get_protocol().connection_lost(None)

    world.act(both)
    assert world.upstreams == []


def test_a_hold_that_nobody_renews_ends_by_itself_and_its_line_is_refused_in_time(world):
    hold(world, timeout=5, lasts=2)
    waiting, later = world.client(), world.client()
    waiting.sends(POST)
    world.passes(2.1)
    later.sends(POST)
    assert read(world.upstream.received).first == "POST /orders HTTP/1.1"
    assert waiting.received == b""
    world.passes(3)
    assert read(waiting.received).outcome == "hold_expired"
    world.passes(0.05)
    assert world.forwarder.holding is None


def test_a_hold_that_is_renewed_goes_on(world):
    hold(world, lasts=2)
    world.passes(1)
    assert hold(world, lasts=2)["waiting"] == 0
    world.passes(1.5)
    client = world.client()
    client.sends(POST)
    assert (client.received, world.upstreams) == (b"", [])


def test_two_holds_are_released_apart(world):
    world.swaps(snapshot(*OLD.routes, route("carts", "/carts/**", stage="legacy")))
    one, two = (Hold(name, (name,), 5, 10, world.time + 9) for name in ("orders", "carts"))
    world.act(lambda: world.forwarder.hold([one, two]))
    world.client().sends(POST)
    world.client().sends(request("POST /carts", "Content-Length: 0"))
    assert world.counted("strangler_held") == 2
    world.act(lambda: world.forwarder.hold([two]))
    assert read(world.upstream.received).first == "POST /orders HTTP/1.1"
    assert world.counted("strangler_held") == 1


def test_what_is_under_way_is_told_so_that_the_old_side_can_finish_it(world):
    client = world.client()
    client.sends(POST)
    reader = world.client()
    reader.sends(get("/orders/7"))
    assert hold(world)["under_way"] == 1
    world.upstreams[0].sends(answer("201 Created"))
    assert hold(world)["under_way"] == 0


def test_how_long_the_longest_waited_is_told(world):
    hold(world)
    for _ in range(2):
        world.client().sends(POST)
        world.passes(0.5)
    assert release(world)["h1"]["longest"] == pytest.approx(1.0)
    assert world.counted("strangler_held_seconds_total") == pytest.approx(1.5)


def test_a_draining_server_lets_go_and_answers_what_it_held(world):
    hold(world)
    client = world.client()
    client.sends(POST)
    world.drains()
    release(world)
    world.upstream.sends(answer("201 Created"))
    got = read(client.received)
    assert (got.status, got.value("connection")) == (201, "close")


def test_a_body_that_is_too_large_is_refused_when_the_request_is_let_go(world):
    world.swaps(snapshot(route("orders", "/orders/**", stage="legacy", body_bytes=3)))
    hold(world)
    client = world.client()
    client.sends(POST)
    release(world)
    assert read(client.received).outcome == "body_too_large"
    assert world.upstreams == []


def test_a_trusted_caller_is_told_why_it_was_refused():
    with World(snapshot(*OLD.routes, listen=Listen(trusted_callers=("192.0.2.7/32",)))) as world:
        hold(world, queue=0)
        client = world.client()
        client.sends(POST)
        assert "reason=handover" in (read(client.received).value("x-strangler-decision") or "")


def test_a_refused_write_is_logged_with_its_reason(world):
    hold(world, queue=0)
    world.client().sends(POST)
    (line,) = world.logged()
    assert (line["status"], line["reason"], line["outcome"], line["upstream"]) == (503, "handover", "hold_full", None)


def test_accepted_writes_are_counted_by_entity_and_side(world):
    client = world.client()
    for sent, status in ((POST, "201 Created"), (POST, "409 Conflict"), (get("/orders/7"), "200 OK")):
        client.sends(sent)
        world.upstream.sends(answer(status))
    world.swaps(NEW)
    client.sends(POST)
    world.upstreams[1].sends(answer("201 Created"))
    counted = [row for row in world.forwarder.export()["counters"] if row[0] == "strangler_writes_total"]
    assert sorted((labels["entity"], labels["side"], n) for _, labels, n in counted if n) == [
        ("order", "legacy", 1),
        ("order", "service", 1),
        ("stock", "legacy", 1),
        ("stock", "service", 1),
    ]


def test_a_hold_crosses_processes_as_json():
    one = Hold("h", ("a", "b"), 1.5, 3, 99.0)
    assert hold_from(one.as_json()) == one
    with pytest.raises((KeyError, TypeError, ValueError)):
        hold_from({"id": "h"})


def test_writes_are_told_from_reads_by_their_method():
    under_way = [("a", "GET"), ("a", "POST"), ("a", "PATCH"), ("b", "PUT"), ("a", "HEAD")]
    assert count_writes(under_way, frozenset({"a"})) == 2
