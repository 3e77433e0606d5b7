"""Refusals on the way up, reloads, counts, and the access log."""

import logging
from dataclasses import replace

import pytest

from proxy.config.model import AccessLog, Endpoint, Listen, Upstream
from proxy.config.policy import Balance, BalanceBy
from tests.support.fakes import World
from tests.support.routing import route, snapshot
from tests.support.wire_text import answer, get, read, request

ALL = snapshot(route("svc", "/svc/**"), access_log=AccessLog.ON)


@pytest.fixture
def world():
    with World(ALL) as made:
        yield made


@pytest.mark.parametrize(
    ("sent", "status", "outcome"),
    [
        (get("/internal"), 404, "internal"),
        (get("/internal/sync"), 404, "internal"),
        (get("/%69nternal/sync"), 404, "internal"),
        (request("POST /a", "Content-Type: application/grpc"), 415, "grpc"),
        (request("OPTIONS /a", "Max-Forwards: x"), 400, "bad_request"),
        (request("TRACE /a"), 405, "trace"),
        (request("CONNECT a:443"), 501, "connect"),
        (request("GET /a", version="2.0"), 505, "version"),
        (get("/a/../b"), 400, "bad_request"),
    ],
)
def test_what_is_not_served_is_refused_counted_and_never_forwarded(world, sent, status, outcome):
    client = world.client()
    client.sends(sent)
    got = read(client.received)
    assert (got.status, got.outcome) == (status, outcome)
    assert world.upstreams == []
    assert world.counted("strangler_refusals_total") == 1
    assert world.requests() == []


def test_what_was_understood_of_a_refused_request_is_logged(world):
    for sent in (
        get("/internal/sync?token=s3cret"),
        request("POST /a", "Content-Type: application/grpc"),
        get("/a/../b"),
    ):
        world.client().sends(sent)
    logged = [(line["method"], line["host"], line["path"], line["outcome"]) for line in world.logged()]
    assert logged == [
        ("GET", "shop.example", "/internal/sync", "internal"),
        ("POST", "shop.example", "/a", "grpc"),
        ("-", "-", "-", "bad_request"),
    ]


@pytest.mark.parametrize("path", ["/internals", "/Internal", "/a/internal"])
def test_only_paths_under_internal_are_internal(world, path):
    world.client().sends(get(path))
    assert len(world.upstreams) == 1


def test_options_is_answered_where_it_may_go_no_further(world):
    # RFC 9110 section 7.6.2
    client = world.client()
    client.sends(request("OPTIONS /a", "Max-Forwards: 0"))
    assert read(client.received).status == 200
    assert "GET" in read(client.received).value("allow")
    assert world.upstreams == []


def test_options_goes_on_with_one_forward_less(world):
    client = world.client()
    for _ in range(2):  # the second head is equal to the first
        client.sends(request("OPTIONS /a", "Max-Forwards: 5"))
        assert read(world.upstream.take()).values("max-forwards") == ["4"]
        world.upstream.sends(answer())


# reload


def test_a_reload_counts_from_the_next_request_on(world):
    client = world.client()
    client.sends(get("/svc/x"))
    world.swaps(replace(snapshot(route("svc", "/svc/**", stage="legacy"), access_log=AccessLog.ON), revision="r2"))
    world.upstream.sends(answer())
    client.sends(get("/svc/x"))
    world.upstreams[1].sends(answer())
    assert world.network.asked == [("127.0.0.1", 8103), ("127.0.0.1", 8000)]
    assert [(line["side"], line["revision"]) for line in world.logged()] == [("service", "r1"), ("legacy", "r2")]


def test_a_reload_keeps_connections_of_endpoints_that_stay_and_closes_the_rest(world):
    client = world.client()
    client.sends(get("/svc/x"))
    world.upstreams[0].sends(answer())
    client.sends(get("/a"))
    world.upstreams[1].sends(answer())
    moved = dict(ALL.upstreams, service=Upstream("service", (Endpoint("http", "127.0.0.1", 9999),)))
    world.swaps(replace(ALL, upstreams=moved, revision="r2"))
    assert [upstream.closed for upstream in world.upstreams] == [True, False]
    client.sends(get("/a"))
    assert len(world.upstreams) == 2
    world.upstreams[1].sends(answer())
    client.sends(get("/svc/x"))
    assert world.network.asked[-1] == ("127.0.0.1", 9999)


def test_an_answer_under_way_outlives_its_endpoint(world):
    client = world.client()
    client.sends(get("/svc/x"))
    world.upstream.sends(answer(body=b"0123")[:-2])
    moved = dict(ALL.upstreams, service=Upstream("service", (Endpoint("http", "127.0.0.1", 9999),)))
    world.swaps(replace(ALL, upstreams=moved, revision="r2"))
    world.upstream.sends(b"23")
    assert read(client.received).body == b"0123"
    assert world.upstream.closed, "and its connection is not kept"


def test_counts_go_on_across_a_reload(world):
    client = world.client()
    for revision in ("r2", "r3"):
        client.sends(get("/a"))
        world.upstream.sends(answer())
        world.swaps(replace(ALL, revision=revision))
    assert world.requests() == [["default", "legacy", "default", "2xx", 2]]


def test_endpoints_of_one_upstream_are_asked_in_turn():
    service = Upstream(
        "service", tuple(Endpoint("http", "h", port) for port in (1, 2, 3)), balance=Balance(BalanceBy.ROUND_ROBIN)
    )
    upstreams = dict(ALL.upstreams, service=service)
    with World(replace(ALL, upstreams=upstreams)) as world:
        for _ in range(6):
            world.client().sends(get("/svc/x"))
        asked = [port for _, port in world.network.asked]
    assert sorted(asked) == [1, 1, 2, 2, 3, 3]
    assert asked[:3] == asked[3:]


# counts


def test_gauges_tell_what_there_is_right_now(world):
    clients = [world.client(), world.client(), world.client()]
    for client in clients[:2]:
        client.sends(get())
    world.upstreams[0].sends(answer())
    assert world.counted("strangler_connections") == 3
    assert world.counted("strangler_requests_in_flight") == 1
    assert world.counted("strangler_upstream_connections") == 2
    assert world.counted("strangler_upstream_connections_idle") == 1
    for client in clients:
        client.vanishes()
    assert world.counted("strangler_connections") == 0
    assert world.counted("strangler_requests_in_flight") == 0
    assert world.counted("strangler_upstream_connections") == 1


# the access log


def test_a_line_says_what_was_asked_decided_and_answered(world):
    client = world.client()
    client.sends(get("/svc/x?token=s3cret", "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"))
    world.passes(0.5)
    world.upstream.sends(answer(body=b"01234")[:-1])
    world.passes(1)
    world.upstream.sends(b"4")
    (line,) = world.logged()
    expected = {
        "method": "GET", "host": "shop.example", "path": "/svc/x", "status": 200, "route": "svc", "side": "service",
        "reason": "stage", "upstream": "service", "endpoint": "http://127.0.0.1:8103", "outcome": "answered",
        "client": "192.0.2.7", "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "bytes_sent": 5, "revision": "r1",
        "request_id": read(client.received).value("x-request-id"),
    }  # fmt: skip
    assert {key: line[key] for key in expected} == expected
    assert line["duration_ms"] == pytest.approx(1500)
    assert line["upstream_ms"] == pytest.approx(500)


SECRETS = (
    "Authorization: Bearer s3cret", "Cookie: session=s3cret", "X-Api-Key: s3cret", "Proxy-Authorization: Basic s3cret",
    "X-Forwarded-For: s3cret",
)  # fmt: skip


def test_no_secret_reaches_a_log_however_the_request_ends(world, caplog):
    caplog.set_level(logging.DEBUG)
    for ending in (
        answer("200 OK", "Set-Cookie: session=s3cret"),
        b"HTTP/1.1 200 s3cret\x00\r\n\r\n",
        answer()[:-1],
        b"",
    ):
        client = world.client()
        client.sends(get("/a?password=s3cret", *SECRETS))
        upstream = world.upstreams[-1]
        if ending:
            upstream.sends(ending)
        upstream.vanishes()
    for refused in (get("/a/../s?password=s3cret", *SECRETS), request("POST /a?s3cret", "Content-Length: s3cret")):
        world.client().sends(refused)
    world.network.refusal = OSError("no route")
    world.client().sends(request("POST /a?s3cret", *SECRETS))
    assert len(world.logged()) >= 5
    assert "s3cret" not in world.log_text
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize(
    ("which", "paths"), [(AccessLog.ON, ["/ok", "/broken"]), (AccessLog.ERRORS, ["/broken"]), (AccessLog.OFF, [])]
)
def test_which_requests_leave_a_line(which, paths):
    with World(replace(ALL, access_log=which)) as world:
        client = world.client()
        client.sends(get("/ok"))
        world.upstream.sends(answer("404 Not Found"))
        client.sends(get("/broken"))
        world.upstream.sends(answer("503 Down"))
        assert [line["path"] for line in world.logged()] == paths


def test_a_failing_upstream_is_told_of_once_and_then_at_a_bounded_rate(world, caplog):
    world.network.refusal = ConnectionRefusedError(111, "refused")
    client = world.client()
    for _ in range(50):
        client.sends(get())
    assert len(caplog.records) == 1
    world.passes(6)
    client.sends(get())
    assert len(caplog.records) == 2
    assert "49 more" in caplog.text
    failures = [row for row in world.forwarder.export()["counters"] if row[0] == "strangler_upstream_failures_total"]
    assert failures == [["strangler_upstream_failures_total", {"upstream": "monolith", "outcome": "connect_error"}, 51]]


def test_the_connection_limit_follows_a_reload(world):
    world.swaps(replace(ALL, listen=Listen(limits=replace(ALL.listen.limits, connections=1)), revision="r2"))
    world.client()
    second = world.client()
    assert read(second.received).outcome == "connection_limit"


def test_a_request_that_cannot_be_ended_takes_no_time_limit_from_the_others(world, caplog):
    def fail():
        raise RuntimeError("a defect")

    clients = [world.client() for _ in range(3)]
    for client in clients:
        client.sends(get("/svc/x"))
    next(iter(world.forwarder.in_flight)).expire = fail
    world.passes(31)
    assert sorted(bool(client.received) for client in clients) == [False, True, True]
    assert caplog.text.count("could not be ended in time") == 1
    world.passes(1)
    assert caplog.text.count("could not be ended in time") == 1
