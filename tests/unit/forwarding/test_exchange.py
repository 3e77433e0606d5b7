"""One request from its decision to the end of its answer, told as transcripts.

RFC 9110 sections 9.2 (methods), 10.1.1 (Expect), 15.6 (5xx); RFC 9112 sections 6, 7 and 9.
"""

import socket

import pytest

from proxy.config.model import AccessLog
from tests.support.fakes import World
from tests.support.routing import route, snapshot
from tests.support.wire_text import answer, get, read, read_answers, request

PLAIN = snapshot(route("svc", "/svc/**"), access_log=AccessLog.ON)


@pytest.fixture
def world():
    with World(PLAIN) as made:
        yield made


def outcomes(world):
    return [(line["status"], line["outcome"]) for line in world.logged()]


def failures(world):
    return {
        labels["outcome"]: count for name, labels, count in world.forwarder.export()["counters"] if "outcome" in labels
    }


# requests without a body


def test_a_get_is_asked_upstream_and_its_answer_given_back(world):
    client = world.client()
    client.sends(get("/a?b=1", "Accept: */*"))
    asked = read(world.upstream.received)
    assert asked.first == "GET /a?b=1 HTTP/1.1"
    assert asked.value("host") == "shop.example"
    assert asked.value("accept") == "*/*"
    assert world.network.asked == [("127.0.0.1", 8000)]
    world.upstream.sends(answer("200 OK", "Server: x"))
    got = read(client.received)
    assert (got.first, got.value("server"), got.body) == ("HTTP/1.1 200 OK", "x", b"ok")
    assert got.value("x-request-id") == asked.value("x-request-id")
    assert world.requests() == [["default", "legacy", "default", "2xx", 1]]
    assert outcomes(world) == [(200, "answered")]


def test_both_connections_are_used_again(world):
    client = world.client()
    for _ in range(3):
        client.sends(get())
        world.upstream.sends(answer())
    assert len(read_answers(client.received)) == 3
    assert not client.closed
    assert world.counted("strangler_upstream_connects_total") == 1
    assert world.counted("strangler_upstream_connections_idle") == 1


def test_a_route_at_cutover_is_asked_of_its_service(world):
    world.client().sends(get("/svc/x"))
    assert world.network.asked == [("127.0.0.1", 8103)]
    world.upstream.sends(answer())
    assert world.requests() == [["svc", "service", "stage", "2xx", 1]]


def test_an_answer_to_head_has_no_body(world):
    client = world.client()
    client.sends(request("HEAD /a"))
    world.upstream.sends(answer(body=None)[:-2] + b"Content-Length: 5\r\n\r\n")
    got = read(client.received)
    assert (got.value("content-length"), got.body) == ("5", b"")
    client.sends(get())
    assert len(world.upstreams) == 1


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_answers_without_a_body_leave_the_connection_to_the_next(world, status):
    client = world.client()
    client.sends(get(), get("/b"))
    world.upstream.sends(answer(status, body=None))
    assert read(client.received).status == int(status[:3])
    assert read(client.received).value("transfer-encoding") is None
    assert world.upstream.received.count(b"GET /b") == 1


def test_an_answer_comes_on_as_it_comes_in(world):
    client = world.client()
    client.sends(get())
    whole = answer(body=b"0123456789")
    for at in range(len(whole)):
        world.upstream.sends(whole[at : at + 1])
    assert read(client.received).body == b"0123456789"
    assert world.counted("strangler_upstream_connections_idle") == 1


def test_an_upstream_hears_at_once_that_the_first_piece_of_an_answer_has_come(world):
    client = world.client()
    client.sends(get())
    world.upstream.sends(answer())
    client.sends(get())
    assert world.upstream.socket.options == {}
    world.upstream.sends(answer()[:-1])
    assert world.upstream.socket.options == {socket.TCP_QUICKACK: 1}


def test_a_chunked_answer_is_chunked_anew(world):
    client = world.client()
    client.sends(get())
    world.upstream.sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n", b"3;ext=1\r\nabc")
    got = read(client.received)
    assert (got.value("transfer-encoding"), got.value("trailer"), got.body) == ("chunked", None, b"3\r\nabc\r\n")
    world.upstream.sends(b"\r\n0\r\nX: 1\r\n\r\n")
    assert read(client.received).body == b"3\r\nabc\r\n0\r\n\r\n"
    assert not client.closed


def test_an_http_1_0_client_gets_no_chunks(world):
    # RFC 9112 section 7.1
    client = world.client()
    client.sends(request("GET /a", "Connection: keep-alive", version="1.0"))
    assert read(world.upstream.received).first == "GET /a HTTP/1.1"
    assert read(world.upstream.received).value("via") == "1.0 strangler"
    world.upstream.sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
    got = read(client.received)
    assert (got.value("transfer-encoding"), got.value("connection"), got.body) == (None, "close", b"abc")
    assert client.closed


def test_an_http_1_0_client_without_a_host_has_one_made_for_it(world):
    client = world.client()
    client.sends(b"GET /a HTTP/1.0\r\n\r\n")
    assert read(world.upstream.received).value("host") == "127.0.0.1:8000"
    world.upstream.sends(answer())
    assert client.closed


def test_an_answer_that_ends_with_its_connection_is_chunked_for_the_client(world):
    client = world.client()
    client.sends(get())
    world.upstream.sends(b"HTTP/1.1 200 OK\r\n\r\nabc", b"def")
    world.upstream.ends()
    assert read(client.received).body == b"3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"
    assert not client.closed
    assert outcomes(world) == [(200, "answered")]


def test_interim_answers_are_passed_on_to_clients_that_know_them(world):
    # RFC 9110 section 15.2
    client = world.client()
    client.sends(get())
    world.upstream.sends(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + answer())
    assert client.received.startswith(
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200"
    )


def test_interim_answers_are_kept_from_http_1_0_clients(world):
    client = world.client()
    client.sends(request("GET /a", version="1.0"))
    world.upstream.sends(b"HTTP/1.1 103 Early Hints\r\n\r\n" + answer())
    assert client.received.startswith(b"HTTP/1.1 200 OK")


# bodies on their way up


def test_a_body_is_sent_on_in_the_pieces_it_comes_in(world):
    client = world.client()
    client.sends(request("POST /a", "Content-Length: 10", body=b"012"))
    assert read(world.upstream.received).body == b"012"
    client.sends(b"3456")
    assert read(world.upstream.received).body == b"0123456"
    client.sends(b"789")
    asked = read(world.upstream.received)
    assert (asked.value("content-length"), asked.body) == ("10", b"0123456789")
    world.upstream.sends(answer())
    assert not client.closed
    assert world.counted("strangler_upstream_connections_idle") == 1


def test_a_chunked_body_is_chunked_anew(world):
    client = world.client()
    client.sends(request("POST /a", "Transfer-Encoding: chunked"), b"3;x\r\nabc\r\n2", b"\r\nde\r\n0\r\nX: 1\r\n\r\n")
    asked = read(world.upstream.received)
    assert (asked.value("transfer-encoding"), asked.body) == ("chunked", b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    world.upstream.sends(answer())
    client.sends(get())
    assert len(world.upstreams) == 1


def test_while_a_connection_is_made_the_body_waits_at_the_client(world):
    world.network.silent = True
    client = world.client()
    client.sends(request("POST /a", "Content-Length: 6", body=b"ab"), b"cd")
    assert client.reading_paused
    world.network.admits()
    client.sends(b"ef")
    assert read(world.upstream.received).body == b"abcdef"
    assert not client.reading_paused


def test_what_stands_behind_a_body_is_the_next_request(world):
    client = world.client()
    client.sends(request("POST /a", "Content-Length: 2", body=b"ab" + get("/next")))
    assert read(world.upstream.received).body == b"ab"
    world.upstream.sends(answer())
    assert b"GET /next HTTP/1.1" in world.upstream.received


def test_an_expectation_is_the_upstreams_to_meet(world):
    # RFC 9110 section 10.1.1
    client = world.client()
    client.sends(request("POST /a", "Content-Length: 2", "Expect: 100-continue"))
    assert read(world.upstream.received).value("expect") == "100-continue"
    world.upstream.sends(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert client.take() == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.sends(b"ab")
    world.upstream.sends(answer())
    assert read(client.received).status == 200


def test_an_early_answer_ends_the_connection_and_reads_past_the_rest(world):
    # RFC 9112 section 9.6
    client = world.client()
    client.sends(request("POST /a", "Content-Length: 1000", body=b"ab"))
    world.upstream.sends(answer("403 Forbidden", body=b"no"))
    got = read(client.received)
    assert (got.status, got.value("connection"), got.body) == (403, "close", b"no")
    assert world.upstream.closed
    assert client.eof_written
    client.sends(b"c" * 500, get("/smuggled"))
    assert len(world.upstreams) == 1
    assert len(read_answers(client.received)) == 1


def test_an_early_answer_may_go_on_while_the_body_does(world):
    client = world.client()
    client.sends(request("POST /a", "Content-Length: 4", body=b"ab"))
    world.upstream.sends(answer(body=b"0123")[:-2])
    client.sends(b"cd")
    world.upstream.sends(b"23")
    assert read(world.upstream.received).body == b"abcd"
    assert read(client.received).body == b"0123"


def test_a_body_larger_than_its_route_allows_is_refused_before_it_is_read(world):
    with World(snapshot(route("up", "/up/**", body_bytes=10), access_log=AccessLog.ON)) as small:
        client = small.client()
        client.sends(request("POST /up/x", "Content-Length: 11", body=b"0" * 11))
        assert read(client.received).outcome == "body_too_large"
        assert read(client.received).value("connection") == "close"
        assert small.upstreams == []


def test_a_chunked_body_that_grows_too_large_is_refused_then():
    with World(snapshot(route("up", "/up/**", body_bytes=10), access_log=AccessLog.ON)) as small:
        client = small.client()
        client.sends(request("POST /up/x", "Transfer-Encoding: chunked", body=b"8\r\n01234567\r\n"))
        assert read(small.upstream.received).body == b"8\r\n01234567\r\n"
        client.sends(b"3\r\n012\r\n")
        assert read(client.received).outcome == "body_too_large"
        assert small.upstream.aborted
        assert outcomes(small) == [(413, "body_too_large")]


def test_a_badly_chunked_body_is_refused_and_the_upstreams_request_broken_off(world):
    client = world.client()
    client.sends(request("POST /a", "Transfer-Encoding: chunked"), b"1\r\nab\r\n")
    assert read(client.received).outcome == "bad_request"
    assert world.upstream.aborted
    assert not world.upstream.received.endswith(b"0\r\n\r\n")


# connections that turn out to be dead


def with_idle_connection(world):
    """A client, and a pooled upstream connection that has served once."""
    client = world.client()
    client.sends(get("/first"))
    world.upstream.sends(answer())
    client.take()
    return client, world.upstream


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
@pytest.mark.parametrize("error", [None, ConnectionResetError()])
def test_a_dead_pooled_connection_is_replaced_once_for_what_may_be_repeated(world, method, error):
    client, old = with_idle_connection(world)
    body = "3" if method == "PUT" else "0"
    client.sends(request(f"{method} /again", f"Content-Length: {body}", body=b"x" * int(body)))
    old.vanishes(error)
    fresh = world.upstreams[1]
    assert old.received.endswith(fresh.received)
    fresh.sends(answer("204 No Content", body=None))
    assert read(client.received).status == 204
    assert world.counted("strangler_stale_retries_total") == 1
    assert failures(world) == {}


def test_the_second_connection_is_the_last(world):
    client, old = with_idle_connection(world)
    client.sends(get())
    old.vanishes()
    world.upstreams[1].vanishes()
    assert read(client.received).outcome == "reset"
    assert len(world.upstreams) == 2
    assert failures(world) == {"reset": 1}


def test_all_dead_connections_cost_one_retry(world):
    clients = [world.client() for _ in range(3)]
    for client in clients:
        client.sends(get())
    for upstream in world.upstreams:
        upstream.sends(answer())
    clients[0].take()
    clients[0].sends(get("/again"))
    world.upstreams[2].vanishes()
    assert len(world.upstreams) == 4, "a connection that is surely new, not another old one"


@pytest.mark.parametrize("method", ["POST", "PATCH", "PROPFIND"])
def test_what_may_not_be_repeated_is_not(world, method):
    client, old = with_idle_connection(world)
    client.sends(request(f"{method} /write", "Content-Length: 2", body=b"ab"))
    assert b"/write" in old.received
    old.vanishes()
    assert read(client.received).outcome == "reset"
    assert len(world.upstreams) == 1
    assert world.counted("strangler_stale_retries_total") == 0


def test_a_new_connection_that_dies_is_not_tried_again(world):
    client = world.client()
    client.sends(get())
    world.upstream.vanishes(ConnectionResetError())
    assert read(client.received).outcome == "reset"
    assert len(world.upstreams) == 1


def test_nothing_is_repeated_once_an_answer_has_begun(world):
    client, old = with_idle_connection(world)
    client.sends(get())
    old.sends(b"HTTP/1.1 2")
    old.vanishes()
    assert read(client.received).outcome == "reset"
    assert len(world.upstreams) == 1


def test_nothing_is_repeated_behind_an_interim_answer(world):
    client, old = with_idle_connection(world)
    client.sends(get())
    old.sends(b"HTTP/1.1 103 Early Hints\r\n\r\n")
    client.take()
    old.vanishes()
    assert read(client.received).outcome == "reset"
    assert len(world.upstreams) == 1


def test_nothing_is_repeated_of_which_more_was_sent_than_is_kept(world):
    client, old = with_idle_connection(world)
    client.sends(request("PUT /a", "Content-Length: 4", body=b"ab"), b"cd")
    old.vanishes()
    assert read(client.received).outcome == "reset"
    assert len(world.upstreams) == 1


def test_a_put_whose_body_is_not_all_there_is_not_repeated(world):
    client, old = with_idle_connection(world)
    client.sends(request("PUT /a", "Content-Length: 4", body=b"ab"))
    old.vanishes()
    assert read(client.received).outcome == "reset"
    assert client.eof_written


def test_a_request_that_broke_off_in_a_new_connection_leaves_its_client_served(world):
    client = world.client()
    client.sends(get())
    world.upstream.vanishes()
    client.take()
    client.sends(get())
    world.upstreams[1].sends(answer())
    assert read(client.received).status == 200


# upstreams that fail


def test_a_refused_connection_is_a_502(world):
    world.network.refusal = ConnectionRefusedError(111, "refused")
    client = world.client()
    client.sends(get())
    got = read(client.received)
    assert (got.status, got.outcome) == (502, "connect_error")
    for inside in (b"refused", b"127.0.0.1", b"monolith"):
        assert inside not in got.body
    assert not client.closed
    assert failures(world) == {"connect_error": 1}
    assert outcomes(world) == [(502, "connect_error")]


@pytest.mark.parametrize(
    "garbage",
    [
        b"220 smtp.example ready\r\n", b"HTTP/2 200\r\n\r\n", b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
        b"\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", b"HTTP/1.1 103 Hints\r\n\r\n" * 65,
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 140_000,
    ],
)  # fmt: skip
def test_an_answer_that_is_no_http_is_a_502(world, garbage):
    client = world.client()
    client.sends(get())
    world.upstream.sends(garbage)
    last = client.received.rpartition(b"HTTP/1.1 502")
    assert read(last[1] + last[2]).outcome == "bad_answer"
    assert world.upstream.aborted
    assert failures(world) == {"bad_answer": 1}


@pytest.mark.parametrize(
    "begun",
    [answer(body=b"0123456789")[:-3], b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n"],
)
def test_an_answer_that_breaks_off_never_ends_well(world, begun):
    client = world.client()
    client.sends(get())
    world.upstream.sends(begun)
    world.upstream.vanishes()
    assert client.closed
    assert not client.received.endswith(b"0\r\n\r\n")
    assert client.received.count(b"HTTP/1.1") == 1
    assert failures(world) == {"truncated": 1}
    assert outcomes(world) == [(200, "truncated")]


def test_a_reset_is_no_good_end_of_an_answer_that_ends_with_its_connection(world):
    client = world.client()
    client.sends(get())
    world.upstream.sends(b"HTTP/1.1 200 OK\r\n\r\nabc")
    world.upstream.vanishes(ConnectionResetError())
    assert client.closed
    assert not client.received.endswith(b"0\r\n\r\n")


def test_a_client_that_takes_the_connections_end_for_the_answers_is_reset(world):
    client = world.client()
    client.sends(request("GET /a", version="1.0"))
    world.upstream.sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n")
    world.upstream.vanishes()
    assert client.was_reset


def test_a_bad_chunk_inside_an_answer_breaks_it(world):
    client = world.client()
    client.sends(get())
    world.upstream.sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n", b"zz\r\n")
    assert client.closed
    assert not client.received.endswith(b"0\r\n\r\n")
    assert failures(world) == {"bad_answer": 1}


def test_what_an_upstream_says_behind_its_answer_is_never_an_answer(world):
    client = world.client()
    client.sends(get())
    world.upstream.sends(answer() + answer("200 Smuggled", body=b"xx"))
    assert len(read_answers(client.received)) == 1
    assert world.upstream.closed
    client.sends(get())
    world.upstreams[1].sends(answer())
    assert [message.first for message in read_answers(client.received)] == ["HTTP/1.1 200 OK"] * 2


def test_what_an_idle_upstream_says_unasked_closes_it(world):
    client, old = with_idle_connection(world)
    old.sends(answer("200 Smuggled"))
    assert old.closed
    client.sends(get())
    assert len(world.upstreams) == 2
    assert client.received == b""


# time


def test_a_connection_that_is_not_made_in_time_is_a_504(world):
    world.network.silent = True
    client = world.client()
    client.sends(get())
    world.passes(1.9)
    assert client.received == b""
    world.passes(0.2)
    assert read(client.received).outcome == "connect_timeout"
    assert read(client.received).status == 504
    world.network.admits()
    assert world.upstreams == []
    assert failures(world) == {"connect_timeout": 1}


def test_an_answer_that_does_not_begin_in_time_is_a_504(world):
    client = world.client()
    client.sends(get())
    world.passes(29)
    assert client.received == b""
    world.passes(2)
    assert read(client.received).outcome == "response_timeout"
    assert world.upstream.aborted
    assert outcomes(world) == [(504, "response_timeout")]


def test_an_answer_that_falls_silent_is_broken_off(world):
    client = world.client()
    client.sends(get())
    world.upstream.sends(answer(body=b"0123")[:-2])
    world.passes(90)
    world.upstream.sends(b"2")
    world.passes(90)
    assert not client.closed
    world.passes(20)
    assert client.closed
    assert world.upstream.aborted
    assert outcomes(world) == [(200, "idle_timeout")]


def test_a_body_that_falls_silent_is_a_408(world):
    client = world.client()
    client.sends(request("POST /a", "Content-Length: 10", body=b"0"))
    world.passes(70)
    client.sends(b"1")
    world.passes(70)
    assert client.received == b""
    world.passes(10)
    got = read(client.received)
    assert (got.status, got.outcome, got.value("connection")) == (408, "body_timeout", "close")
    assert world.upstream.aborted


def test_an_upstream_that_does_not_take_the_body_is_a_504(world):
    client = world.client()
    client.sends(request("POST /a", "Content-Length: 500000"))
    world.upstream.clogs()
    client.sends(b"x" * 100_000)
    assert client.reading_paused
    world.passes(80)
    assert read(client.received).outcome == "response_timeout"


def test_each_phase_has_its_own_time(world):
    world.network.silent = True
    client = world.client()
    client.sends(request("POST /a", "Content-Length: 2"))
    world.passes(1.5)
    world.network.admits()
    world.passes(60)
    client.sends(b"ab")
    world.passes(25)
    world.upstream.sends(answer(body=b"0123")[:-2])
    world.passes(80)
    world.upstream.sends(b"23")
    assert read(client.received).body == b"0123"


def test_interim_answers_are_signs_of_life(world):
    client = world.client()
    client.sends(get())
    for _ in range(3):
        world.passes(20)
        world.upstream.sends(b"HTTP/1.1 102 Processing\r\n\r\n")
    world.upstream.sends(answer())
    assert b"HTTP/1.1 200 OK" in client.received


# clients that leave


def test_a_client_that_leaves_while_a_connection_is_made_costs_none(world):
    world.network.silent = True
    client = world.client()
    client.sends(get())
    client.vanishes()
    world.network.admits()
    assert world.upstreams == []
    assert outcomes(world) == [(499, "client_gone")]
    assert failures(world) == {}


def test_a_client_that_leaves_while_its_answer_is_awaited_cancels_the_work(world):
    client = world.client()
    client.sends(get())
    client.vanishes(ConnectionResetError())
    assert world.upstream.aborted
    assert outcomes(world) == [(499, "client_gone")]
    assert world.requests()[0][3:] == ["4xx", 1]


def test_a_client_that_leaves_inside_its_request_cancels_it(world):
    client = world.client()
    client.sends(request("POST /a", "Content-Length: 10", body=b"0"))
    client.ends()
    assert world.upstream.aborted
    assert outcomes(world) == [(499, "client_gone")]


def test_a_client_that_leaves_inside_its_answer_cancels_it(world):
    client = world.client()
    client.sends(get())
    world.upstream.sends(answer(body=b"0123")[:-2])
    client.vanishes()
    assert world.upstream.aborted
    assert outcomes(world) == [(200, "client_gone")]
    assert world.counted("strangler_requests_in_flight") == 0


def test_a_client_that_does_not_read_its_answer_is_given_up(world):
    client = world.client()
    client.sends(get())
    client.clogs()
    world.upstream.sends(answer(body=b"x" * 500_000)[:200_000])
    assert world.upstream.reading_paused
    world.passes(76)
    assert client.was_reset or client.aborted
    assert world.upstream.aborted
    assert [outcome for _, outcome in outcomes(world)] == ["client_gone"]


# back-pressure


def test_a_slow_client_stops_its_upstream_and_no_more_is_held_than_was_there(world):
    client = world.client()
    client.sends(get())
    client.clogs()
    sent = answer(body=b"x" * 300_000)
    world.upstream.sends(sent[:100_000], sent[100_000:200_000], sent[200_000:])
    assert world.upstream.reading_paused
    assert client.unsent < 110_000
    client.drains()
    assert not world.upstream.reading_paused
    assert read(client.received).body == b"x" * 300_000
    assert world.counted("strangler_upstream_connections_idle") == 1


def test_a_slow_upstream_stops_its_client(world):
    client = world.client()
    client.sends(request("POST /a", "Content-Length: 300000"))
    world.upstream.clogs()
    client.sends(b"x" * 100_000, b"x" * 100_000, b"x" * 100_000)
    assert client.reading_paused
    assert world.upstream.unsent < 110_000
    world.upstream.drains()
    assert not client.reading_paused
    assert read(world.upstream.received).body == b"x" * 300_000


def test_an_upstream_that_answers_into_a_slow_client_is_read_again_for_the_next(world):
    client = world.client()
    client.sends(get())
    client.clogs()
    sent = answer(body=b"x" * 200_000)
    world.upstream.sends(sent[:100_000])
    assert world.upstream.reading_paused
    world.upstream.sends(sent[100_000:])
    client.drains()
    assert not world.upstream.reading_paused
    other = world.client()
    other.sends(get("/other"))
    world.upstream.sends(answer())
    assert len(world.upstreams) == 1
    assert read(other.received).body == b"ok"
    assert read(client.received).body == b"x" * 200_000
