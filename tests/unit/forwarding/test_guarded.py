"""Upstreams that fail: other tries, breakers, bulkheads, the monolith in a service's place, rates, and their limits."""

from dataclasses import replace
from datetime import timedelta

import pytest

from proxy.config.model import AccessLog, Endpoint, Timeouts, Upstream
from proxy.config.policy import (
    Balance,
    BalanceBy,
    Breaker,
    Bulkhead,
    Conditions,
    Eject,
    ErrorCondition,
    Fallback,
    Key,
    KeyKind,
    RateLimit,
    Retry,
)
from tests.support.fakes import World
from tests.support.routing import route, snapshot
from tests.support.wire_text import answer, get, read, request

AT_ONCE = Retry(backoff=timedelta(0))
LEGACY = ("127.0.0.1", 8000)


def shop(ports=(1, 2), *, rate_limit=None, fallback=None, **settings):
    """A service at these ports, asked in turn, with a route to it."""
    upstream = Upstream(
        "service",
        tuple(Endpoint("http", "h", port) for port in ports),
        **{"retry": AT_ONCE, "balance": Balance(BalanceBy.ROUND_ROBIN), **settings},
    )
    one = replace(route("svc", "/svc/**"), rate_limit=rate_limit, fallback=fallback)
    made = snapshot(one, access_log=AccessLog.ON)
    return replace(made, upstreams=dict(made.upstreams, service=upstream))


def asked(world):
    return [port for _, port in world.network.asked]


# other tries


def test_an_endpoint_that_refuses_is_followed_by_another():
    with World(shop()) as world:
        world.network.refusal = ConnectionRefusedError("no")
        client = world.client()
        client.sends(get("/svc/x"))
        assert len(set(asked(world))) == 2
        assert read(client.received).outcome == "connect_error"
        assert world.counted("strangler_retries_total") == 1


@pytest.mark.parametrize("status", ["502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout"])
def test_an_endpoint_that_is_unable_is_followed_by_another(status):
    with World(shop()) as world:
        client = world.client()
        client.sends(get("/svc/x"))
        world.upstreams[0].sends(answer(status, body=b"away"))
        assert client.received == b""
        world.upstreams[1].sends(answer(body=b"here"))
        assert read(client.received).body == b"here"
        assert len(set(asked(world))) == 2


@pytest.mark.parametrize("sent", [get("/svc/x"), request("POST /svc/x", "Content-Length: 2", body=b"hi")])
def test_an_endpoint_that_takes_no_connection_in_time_is_followed_by_another(sent):
    with World(shop()) as world:
        world.network.silent = True
        client = world.client()
        client.sends(sent)
        world.passes(2.1)
        assert len(set(asked(world))) == 2
        world.passes(2.1)
        assert (read(client.received).status, read(client.received).outcome) == (504, "connect_timeout")


def test_the_last_answer_is_passed_on_as_it_is():
    with World(shop()) as world:
        client = world.client()
        client.sends(get("/svc/x"))
        world.upstreams[0].sends(answer("503 Service Unavailable", body=b"first"))
        world.upstreams[1].sends(answer("503 Service Unavailable", "X-From: second", body=b"second"))
        got = read(client.received)
        assert (got.status, got.body, got.value("x-from")) == (503, b"second", "second")


def test_an_application_error_is_nobody_elses_to_answer():
    with World(shop()) as world:
        client = world.client()
        client.sends(get("/svc/x"))
        world.upstreams[0].sends(answer("500 Internal Server Error"))
        assert read(client.received).status == 500
        assert len(world.upstreams) == 1


def test_one_that_breaks_off_before_its_answer_is_followed_by_another_and_inside_it_by_none():
    with World(shop()) as world:
        client = world.client()
        client.sends(get("/svc/x"))
        world.upstreams[0].vanishes(ConnectionResetError())
        world.upstreams[1].sends(answer(body=b"0123")[:-2])
        world.upstreams[1].vanishes(ConnectionResetError())
        assert client.closed
        assert len(world.upstreams) == 2


@pytest.mark.parametrize(
    ("sent", "again"),
    [
        (request("POST /svc/x", "Content-Length: 2", body=b"hi"), False),
        (request("POST /svc/x", "Content-Length: 2", "Idempotency-Key: k", body=b"hi"), True),
        (request("PUT /svc/x", "Content-Length: 2", body=b"hi"), True),
        (request("PATCH /svc/x", "Content-Length: 2", body=b"hi"), False),
        (request("DELETE /svc/x"), True),
    ],
)
def test_what_may_have_been_done_is_done_again_only_where_that_changes_nothing(sent, again):
    with World(shop()) as world:
        client = world.client()
        client.sends(sent)
        world.upstreams[0].vanishes(ConnectionResetError())
        assert len(world.upstreams) == (2 if again else 1)
        if again:
            assert read(world.upstreams[1].received).body == read(world.upstreams[0].received).body
            world.upstreams[1].sends(answer())
        assert read(client.received).status == (200 if again else 502)


def test_a_write_that_nobody_got_goes_to_another_endpoint_whole():
    with World(shop(eject=Eject(max_share=0))) as world:
        world.network.closed_ports = {1}
        for _ in range(2):  # one of them begins at the one that refuses
            client = world.client()
            client.sends(request("POST /svc/x", "Content-Length: 4", body=b"01"), b"23")
            assert read(world.upstreams[-1].take()).body == b"0123"
            world.upstreams[-1].sends(answer())
            assert read(client.received).status == 200
        assert 1 in asked(world)


def test_a_write_whose_body_is_not_kept_is_not_sent_again():
    with World(shop()) as world:
        client = world.client()
        client.sends(request("PUT /svc/x", "Content-Length: 4", body=b"01"), b"23")
        world.upstreams[0].vanishes(ConnectionResetError())
        assert read(client.received).outcome == "reset"
        assert len(world.upstreams) == 1


def test_retries_stay_within_their_budget():
    with World(shop(retry=replace(AT_ONCE, budget=0.0))) as world:
        world.network.refusal = ConnectionRefusedError("no")
        client = world.client()
        for _ in range(150):
            client.sends(get("/svc/x"))
        assert len(asked(world)) == 150 + 100  # the floor of 10 a second, for the ten seconds that are looked at


def test_retry_after_is_waited_for_or_the_answer_passed_on():
    with World(shop((1,), retry=Retry())) as world:
        client = world.client()
        client.sends(get("/svc/x"))
        world.upstreams[0].sends(answer("503 Service Unavailable", "Retry-After: 60"))
        assert read(client.received).status == 503
        assert len(world.upstreams) == 1
    with World(shop()) as world:
        client = world.client()
        client.sends(get("/svc/x"))
        world.upstreams[0].sends(answer("503 Service Unavailable", "Retry-After: 60"))
        world.upstreams[1].sends(answer(body=b"here"))
        assert read(client.received).body == b"here"


def test_the_whole_has_a_limit_whatever_its_tries_do():
    timeouts = Timeouts(response=timedelta(seconds=2), total=timedelta(seconds=3))
    on = Conditions((ErrorCondition.TIMEOUT,))
    with World(shop(timeouts=timeouts, retry=replace(AT_ONCE, on=on))) as world:
        client = world.client()
        client.sends(get("/svc/x"))
        world.passes(2.1)
        assert len(world.upstreams) == 2
        world.passes(1)
        assert read(client.received).outcome == "total_timeout"


# ejection


def test_an_endpoint_that_keeps_failing_is_left_out_for_a_while():
    with World(shop(eject=Eject(after=2, base=timedelta(seconds=5)))) as world:
        world.network.closed_ports = {1}
        client = world.client()

        def ask():
            client.sends(get("/svc/x"))
            world.upstream.sends(answer())
            assert read(client.take()).status == 200

        for _ in range(6):
            ask()
        failing, other = world.forwarder.export()["upstreams"][1]["endpoints"]
        assert (failing["ejected_total"], failing["usable"], other["usable"]) == (1, False, True)
        assert world.counted("strangler_ejections_total") == 1
        assert asked(world).count(1) == 2
        world.passes(5.1)
        for _ in range(2):
            ask()
        assert asked(world).count(1) > 2


# breaker


BREAKER = Breaker(min_requests=4, try_again_after=timedelta(seconds=5))


def test_an_upstream_that_fails_is_left_alone_then_asked_once():
    with World(shop((1,), breaker=BREAKER, retry=Retry(attempts=1))) as world:
        client = world.client()
        for _ in range(4):
            client.sends(get("/svc/x"))
            world.upstream.sends(answer("500 Internal Server Error"))
        client.take()
        client.sends(get("/svc/x"))
        refused = read(client.take())
        assert (refused.outcome, refused.value("retry-after")) == ("breaker_open", "5")
        world.passes(5)
        others = [world.client() for _ in range(3)]
        for other in others:
            other.sends(get("/svc/x"))
        assert [read(one.received).outcome for one in others if one.received] == ["breaker_open"] * 2
        assert len(world.forwarder.in_flight) == 1


def test_a_probe_whose_client_leaves_makes_room_for_another():
    with World(shop((1,), breaker=BREAKER, retry=Retry(attempts=1))) as world:
        client = world.client()
        for _ in range(4):
            client.sends(get("/svc/x"))
            world.upstream.sends(answer("500 Internal Server Error"))
        world.passes(5)
        client.take()
        client.sends(get("/svc/x"))
        client.vanishes()
        other = world.client()
        other.sends(get("/svc/x"))
        world.upstreams[-1].sends(answer())
        assert read(other.received).status == 200


def test_what_was_never_asked_does_not_count_against_it():
    settings = {"bulkhead": Bulkhead(1, 1, timedelta(seconds=5)), "breaker": replace(BREAKER, min_requests=1)}
    timeouts = Timeouts(total=timedelta(seconds=1))
    with World(shop((1,), timeouts=timeouts, retry=Retry(attempts=1), **settings)) as world:
        answered, queued = world.client(), world.client()
        answered.sends(get("/svc/x"))
        queued.sends(get("/svc/x"))
        world.upstream.sends(answer(body=b"0123")[:-2])
        world.passes(1.1)
        assert read(queued.received).outcome == "total_timeout"
        assert len(world.upstreams) == 1
        breaker = world.forwarder.export()["upstreams"][1]["breaker"]
        assert (breaker["requests"], breaker["failures"]) == (1, 0)


# bulkhead


def full(**more):
    return shop((1,), retry=Retry(attempts=1), bulkhead=Bulkhead(1, **more))


def test_more_than_an_upstream_may_have_is_refused_at_once():
    with World(full()) as world:
        first, second = world.client(), world.client()
        first.sends(get("/svc/x"))
        second.sends(get("/svc/x"))
        refused = read(second.received)
        assert (refused.outcome, refused.value("retry-after")) == ("bulkhead_full", "1")
        assert world.counted("strangler_upstream_held_off_total") == 1
        world.upstream.sends(answer())
        assert read(first.received).status == 200


def test_who_waits_is_served_in_turn_and_not_for_ever():
    with World(full(queue=2, max_wait=timedelta(seconds=1))) as world:
        clients = [world.client() for _ in range(4)]
        for number, client in enumerate(clients):
            client.sends(get(f"/svc/{number}"))
        assert read(clients[3].received).outcome == "bulkhead_full"
        world.upstream.sends(answer())
        assert [bool(client.received) for client in clients] == [True, False, False, True]
        assert b"GET /svc/1 " in world.upstream.received
        world.passes(1.1)
        assert read(clients[2].received).outcome == "bulkhead_timeout"
        world.upstream.sends(answer())
        assert read(clients[1].received).status == 200
        assert world.forwarder.export()["upstreams"][1]["bulkhead"]["in_flight"] == 0


def test_a_waiting_client_that_leaves_takes_no_place():
    with World(full(queue=2)) as world:
        clients = [world.client() for _ in range(3)]
        for number, client in enumerate(clients):
            client.sends(get(f"/svc/{number}"))
        clients[1].vanishes()
        world.upstream.sends(answer())
        assert b"GET /svc/2 " in world.upstream.received
        world.upstream.sends(answer())
        assert world.forwarder.export()["upstreams"][1]["bulkhead"]["in_flight"] == 0


def test_a_waiting_write_is_sent_whole():
    with World(full(queue=1)) as world:
        first, second = world.client(), world.client()
        first.sends(get("/svc/x"))
        second.sends(request("POST /svc/y", "Content-Length: 4", body=b"01"), b"23")
        world.upstream.take()
        world.upstream.sends(answer())
        assert read(world.upstream.take()).body == b"0123"
        world.upstream.sends(answer())
        assert read(second.received).status == 200


def test_guards_keep_their_state_over_a_reload():
    made = full(queue=1)
    with World(made) as world:
        first, second = world.client(), world.client()
        first.sends(get("/svc/x"))
        world.swaps(replace(made, revision="r2"))
        second.sends(get("/svc/x"))
        assert second.received == b""
        assert len(world.upstreams) == 1
        world.upstream.sends(answer())
        world.upstream.sends(answer())
        assert read(second.received).status == 200


def test_limits_are_shared_by_the_workers():
    made = shop((1,), retry=Retry(attempts=1), bulkhead=Bulkhead(3))
    with World(made, workers=2) as world:
        clients = [world.client() for _ in range(3)]
        for client in clients:
            client.sends(get("/svc/x"))
        assert [bool(client.received) for client in clients] == [False, False, True]


# fallback


def test_the_monolith_answers_for_a_service_that_does_not():
    with World(shop((1,), fallback=Fallback())) as world:
        client = world.client()
        client.sends(get("/svc/x"))
        world.upstreams[0].vanishes(ConnectionResetError())
        assert world.network.asked[-1] == ("h", 1), "one more try first"
        world.upstreams[1].vanishes(ConnectionResetError())
        assert world.network.asked[-1] == LEGACY
        world.upstreams[2].sends(answer(body=b"legacy"))
        assert read(client.received).body == b"legacy"
        assert [(line["side"], line["reason"], line["upstream"]) for line in world.logged()] == [
            ("legacy", "fallback", "monolith")
        ]
        assert world.counted("strangler_fallback_total") == 1


@pytest.mark.parametrize(("status", "falls"), [("404 Not Found", True), ("503 Service Unavailable", False)])
def test_only_listed_statuses_fall_back(status, falls):
    fallback = Fallback(on=Conditions(statuses=(404,)))
    with World(shop((1,), retry=Retry(attempts=1), fallback=fallback)) as world:
        client = world.client()
        client.sends(get("/svc/x"))
        world.upstreams[0].sends(answer(status, body=b"service"))
        if falls:
            world.upstreams[1].sends(answer(body=b"legacy"))
        assert read(client.received).body == (b"legacy" if falls else b"service")


def test_a_write_never_falls_back():
    with World(shop((1,), fallback=Fallback())) as world:
        world.network.refusal = ConnectionRefusedError("no")
        client = world.client()
        client.sends(request("POST /svc/x", "Content-Length: 2", body=b"hi"))
        assert read(client.received).outcome == "connect_error"
        assert LEGACY not in world.network.asked


def test_an_open_breaker_falls_back_at_once():
    with World(shop((1,), breaker=BREAKER, retry=Retry(attempts=1), fallback=Fallback())) as world:
        client = world.client()
        for _ in range(4):
            client.sends(get("/svc/x"))
            world.upstreams[0].sends(answer("500 Internal Server Error"))
        client.take()
        client.sends(get("/svc/x"))
        world.upstreams[1].sends(answer(body=b"legacy"))
        assert read(client.received).body == b"legacy"
        assert world.logged()[-1]["reason"] == "breaker"
        client.take()
        client.sends(request("POST /svc/x", "Content-Length: 0"))
        assert read(client.received).outcome == "breaker_open"


def test_a_monolith_that_fails_too_is_told_as_it_is():
    with World(shop((1,), retry=Retry(attempts=1), fallback=Fallback())) as world:
        world.network.refusal = ConnectionRefusedError("no")
        client = world.client()
        client.sends(get("/svc/x"))
        assert read(client.received).outcome == "connect_error"
        assert world.network.asked == [("h", 1), LEGACY]


def refused(world, requests):
    """How many of so many requests, all of which the service refuses, went on to the monolith."""
    world.network.refusal = ConnectionRefusedError("no")
    client = world.client()
    for _ in range(requests):
        client.sends(get("/svc/x"))
    return asked(world).count(LEGACY[1])


def test_what_falls_back_stays_a_share_of_the_requests():
    with World(shop((1,), retry=Retry(attempts=1), fallback=Fallback(budget=0.5))) as world:
        assert refused(world, 300) == 150
        world.swaps(replace(world.forwarder.active.snapshot, revision="r2"))
        assert refused(world, 10) == 155, "a reload forgets nothing"


def test_of_few_requests_as_many_fall_back_as_all_workers_together_may():
    with World(shop((1,), retry=Retry(attempts=1), fallback=Fallback(budget=0.01)), workers=2) as world:
        assert refused(world, 60) == 50


# rates


def test_a_client_that_asks_too_often_is_told_when_to_come_again():
    with World(shop((1,), rate_limit=RateLimit(rate=0.5, burst=2))) as world:
        client, other = world.client(), world.client("192.0.2.8")
        for _ in range(2):
            client.sends(get("/svc/x"))
            world.upstream.sends(answer())
        client.take()
        client.sends(get("/svc/x"))
        refused = read(client.take())
        assert (refused.status, refused.outcome, refused.value("retry-after")) == (429, "rate_limited", "2")
        assert world.counted("strangler_refusals_total") == 1
        assert not client.closed
        other.sends(get("/svc/x"))
        assert b"GET /svc/x" in world.upstream.take()
        world.passes(2)
        client.sends(get("/svc/x"))
        assert len(world.forwarder.in_flight) == 2


def test_a_refusal_of_ours_is_an_answer_of_no_side():
    with World(shop((1,), rate_limit=RateLimit(rate=0.5, burst=2))) as world:
        client = world.client()
        client.sends(get("/svc/x"))
        world.upstream.sends(answer())
        client.take()
        client.sends(request("POST /svc/x", f"Content-Length: {2**40}"))
        assert read(client.received).status == 413
        world.client().sends(get("/svc/x"))
        world.client().sends(get("/svc/x"))
        world.client().sends(request("OPTIONS /", "Max-Forwards: 0"))
        assert {(side, reason, code, count) for _, side, reason, code, count in world.requests()} == {
            ("service", "stage", "2xx", 1),
            ("none", "stage", "4xx", 2),
            ("none", "default", "2xx", 1),
        }
        assert [(row[1], sum(row[5:])) for row in world.forwarder.traffic.export()] == [("service", 1)]


def test_clients_may_be_told_apart_by_a_header():
    limit = RateLimit(rate=0.5, burst=1, key=Key(KeyKind.HEADER, "x-api-client"))
    with World(shop((1,), rate_limit=limit)) as world:
        client = world.client()
        for name in ("a", "b"):
            client.sends(get("/svc/x", f"X-Api-Client: {name}"))
            world.upstream.sends(answer())
        client.take()
        client.sends(get("/svc/x", "X-Api-Client: a"))
        assert read(client.received).status == 429


# discovery


def test_endpoints_come_and_go_while_requests_are_under_way():
    made = shop(())
    with World(made) as world:
        client = world.client()
        client.sends(get("/svc/x"))
        assert read(client.take()).outcome == "no_endpoint"
        found = {"service": ((Endpoint("http", "h", 7),), frozenset())}
        world.act(lambda: world.forwarder.apply_endpoints(found))
        client.sends(get("/svc/x"))
        world.act(lambda: world.forwarder.apply_endpoints({"service": ((Endpoint("http", "h", 8),), frozenset())}))
        world.upstream.sends(answer())
        assert read(client.take()).status == 200
        client.sends(get("/svc/x"))
        assert asked(world) == [7, 8]
