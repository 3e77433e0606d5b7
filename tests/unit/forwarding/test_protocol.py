"""One client connection: its requests in order, its limits, its ends (RFC 9112 sections 2.2, 9.3 to 9.6)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from proxy.config.model import Limits, Listen
from proxy.wire.framing import ChunkedDecoder
from tests.support.fakes import World
from tests.support.routing import route, snapshot
from tests.support.wire_text import answer, get, read, read_answers, request

LIMITS = Limits(head_bytes=2000, head_timeout=timedelta(seconds=10), idle_timeout=timedelta(seconds=75))
ROUTES = (route("svc", "/svc/**"), route("old", "/old", stage="retired", to=None))


@pytest.fixture
def world():
    with World(snapshot(*ROUTES, listen=Listen(limits=LIMITS))) as made:
        yield made


# the same request again, which is read by comparing it


def test_the_same_request_again_is_a_request_of_its_own(world):
    client = world.client()
    for number in (b"one", b"two", b"three"):
        client.sends(get("/1", "Cookie: a=1"))
        world.upstream.sends(answer(body=number))
    answers = read_answers(client.received)
    assert [message.body for message in answers] == [b"one", b"two", b"three"]
    heads = [read(head + b"\r\n\r\n") for head in world.upstream.received.split(b"\r\n\r\n")[:-1]]
    assert [head.first for head in heads] == ["GET /1 HTTP/1.1"] * 3
    assert len({head.value("x-request-id") for head in heads}) == 3
    assert len({head.value("traceparent") for head in heads}) == 3
    assert [head.value("x-request-id") for head in heads] == [message.value("x-request-id") for message in answers]


@pytest.mark.parametrize("again", [(get("/1")[:9], get("/1")[9:]), (get("/1") + get("/1"),), (b"\r\n" + get("/1"),)])
def test_the_same_request_again_in_other_pieces_is_read_like_any(world, again):
    client = world.client()
    client.sends(get("/1"))
    world.upstream.sends(answer())
    client.sends(*again)
    world.upstream.sends(answer())
    if len(again[0]) > len(get("/1")) + 2:
        world.upstream.sends(answer())
    assert {message.status for message in read_answers(client.received)} == {200}
    assert world.upstream.received.count(b"GET /1 ") == sum(map(len, again)) // len(get("/1")) + 1


def test_the_same_request_again_while_its_answer_is_awaited_waits(world):
    client = world.client()
    client.sends(get("/1"))
    client.sends(get("/1"))
    assert world.upstream.received.count(b"GET") == 1
    world.upstream.sends(answer(body=b"one"))
    world.upstream.sends(answer(body=b"two"))
    assert [message.body for message in read_answers(client.received)] == [b"one", b"two"]


def test_the_same_request_again_follows_a_reload(world):
    client = world.client()
    client.sends(get("/svc/1"))
    world.upstream.sends(answer(body=b"service"))
    world.swaps(replace(snapshot(route("svc", "/svc/**", stage="retired", to=None)), revision="r2"))
    client.sends(get("/svc/1"))
    assert [message.status for message in read_answers(client.received)] == [200, 410]


def test_the_same_request_again_while_draining_is_told_that_it_is_the_last(world):
    client = world.client()
    client.sends(get("/1"))
    world.upstream.sends(answer())
    world.drains()
    client.sends(get("/1"))
    world.upstream.sends(answer())
    assert [message.value("connection") for message in read_answers(client.received)] == [None, "close"]


# pipelining: RFC 9112 section 9.3.2


def test_pipelined_requests_are_answered_in_order(world):
    client = world.client()
    client.sends(get("/1") + get("/2") + get("/3"))
    assert world.upstream.received.count(b"GET") == 1
    for number in (b"one", b"two", b"three"):
        world.upstream.sends(answer(body=number))
    assert [message.body for message in read_answers(client.received)] == [b"one", b"two", b"three"]


def test_a_pipelined_request_waits_for_the_answer_before_it(world):
    client = world.client()
    client.sends(get("/1"), get("/svc/2"))
    assert len(world.upstreams) == 1
    world.upstream.sends(answer(body=b"0123")[:-1])
    assert len(world.upstreams) == 1
    world.upstream.sends(b"3")
    assert read(world.upstreams[1].received).first == "GET /svc/2 HTTP/1.1"


def test_many_answers_that_are_there_at_once_need_no_stack(world):
    client = world.client()
    client.sends(get("/old", host="a") * 3000)
    assert len(read_answers(client.received)) == 3000


def test_requests_that_wait_are_bounded(world):
    client = world.client()
    client.sends(get("/1"))
    client.sends(b"x" * 70_000)
    assert client.reading_paused


def test_waiting_requests_are_read_once_their_turn_has_come(world):
    client = world.client()
    client.sends(get("/1"), get("/2", "X: " + "x" * 200) * 300)
    assert client.reading_paused
    world.upstream.sends(answer())
    assert world.upstream.received.count(b"GET /2") == 1
    for _ in range(300):
        world.upstream.sends(answer())
    assert len(read_answers(client.received)) == 301
    assert not client.reading_paused


def test_a_bad_request_behind_a_good_one_is_refused_in_its_turn(world):
    client = world.client()
    client.sends(get("/1") + b"BAD\r\n\r\n" + get("/3"))
    assert client.received == b""
    world.upstream.sends(answer())
    first, second = read_answers(client.received)
    assert (first.status, second.outcome) == (200, "bad_request")
    assert client.eof_written
    assert world.upstream.received.count(b"GET") == 1


def test_what_follows_a_request_to_close_is_not_read(world):
    client = world.client()
    client.sends(get("/1", "Connection: close") + get("/2"))
    world.upstream.sends(answer())
    assert read(client.received).value("connection") == "close"
    assert world.upstream.received.count(b"GET") == 1
    assert client.eof_written or client.closed


def test_a_head_in_single_bytes_is_one_request(world):
    client = world.client()
    data = get("/a?b", "A: 1")
    client.sends(*(data[at : at + 1] for at in range(len(data))))
    assert read(world.upstream.received).first == "GET /a?b HTTP/1.1"


# empty lines: RFC 9112 section 2.2


def test_empty_lines_before_a_request_are_ignored(world):
    client = world.client()
    client.sends(b"\r\n\r\n" + get("/1"))
    world.upstream.sends(answer())
    client.sends(b"\r", b"\n", get("/2"))
    world.upstream.sends(answer())
    assert [message.status for message in read_answers(client.received)] == [200, 200]


@pytest.mark.parametrize("lines", [b"\r\n" * 20, b"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\n" + get(), b"\n\n"])
def test_other_things_before_a_request_are_refused(world, lines):
    client = world.client()
    client.sends(lines)
    assert read(client.received).outcome == "bad_request"


# limits


def test_a_head_that_is_too_large_is_refused(world):
    client = world.client()
    client.sends(get("/a", "X: " + "x" * 2000))
    got = read(client.received)
    assert (got.status, got.outcome, got.value("connection")) == (431, "head_too_large", "close")
    assert client.eof_written
    assert world.upstreams == []


def test_a_head_that_never_ends_is_refused_when_it_is_too_large(world):
    client = world.client()
    client.sends(b"GET / HTTP/1.1\r\n")
    for number in range(300):
        client.sends(b"X: %d\r\n" % number)
    assert read(client.received).outcome == "head_too_large"


def test_a_head_just_small_enough_is_served(world):
    client = world.client()
    fill = LIMITS.head_bytes + 4 - len(get("/a", "X: "))
    client.sends(get("/a", "X: " + "x" * fill))
    assert len(world.upstreams) == 1


@pytest.mark.parametrize("sent", [get("/" + "a" * 1100), b"GET /" + b"a" * 1100, b"G" * 1100])
def test_a_request_line_that_is_too_long_is_a_414(world, sent):
    client = world.client()
    client.sends(sent)
    assert (read(client.received).status, read(client.received).outcome) == (414, "target_too_long")


def test_a_bare_line_feed_is_refused_without_waiting_for_the_end(world):
    client = world.client()
    client.sends(b"GET / HTTP/1.1\nHost: a\n\n")
    assert read(client.received).outcome == "bad_request"


def test_a_head_that_takes_too_long_is_a_408(world):
    client = world.client()
    client.sends(b"GET / HTTP/1.1\r\n")
    world.passes(6)
    client.sends(b"Host: a\r\n")
    assert client.received == b""
    world.passes(6)
    got = read(client.received)
    assert (got.status, got.outcome) == (408, "head_timeout")
    assert client.eof_written


def test_a_slow_head_has_its_full_time_on_each_request(world):
    client = world.client()
    for _ in range(3):
        client.sends(b"GET / HTTP/1.1\r\n")
        world.passes(8)
        client.sends(b"Host: a\r\n\r\n")
        world.upstream.sends(answer())
    assert [message.status for message in read_answers(client.received)] == [200, 200, 200]


def test_a_connection_that_says_nothing_is_closed_after_its_idle_time(world):
    never, once = world.client(), world.client()
    world.passes(40)
    once.sends(get())
    world.upstream.sends(answer())
    world.passes(40)
    assert never.closed
    assert never.received == b""
    assert not once.closed
    world.passes(40)
    assert once.closed


def test_a_long_answer_is_no_idleness(world):
    client = world.client()
    client.sends(get())
    world.upstream.sends(answer(body=b"0" * 100)[:-99])
    for _ in range(99):
        world.passes(60)
        world.upstream.sends(b"0")
    assert read(client.received).body == b"0" * 100
    assert not client.closed


def test_one_connection_more_than_allowed_is_told_to_come_back():
    limits = Limits(connections=2)
    with World(snapshot(listen=Listen(limits=limits))) as small:
        clients = [small.client() for _ in range(3)]
        got = read(clients[2].received)
        assert (got.status, got.outcome, got.value("retry-after")) == (503, "connection_limit", "1")
        assert clients[2].eof_written
        assert small.counted("strangler_connections_refused_total") == 1
        clients[0].vanishes()
        clients[2].vanishes()
        clients[1].sends(get())
        small.client().sends(get())
        assert len(small.upstreams) == 2


@pytest.mark.parametrize(("workers", "each"), [(1, 5), (2, 3), (5, 1), (8, 1)])
def test_each_worker_takes_its_share_of_the_connections_rounded_up(workers, each):
    with World(snapshot(listen=Listen(limits=Limits(connections=5))), workers=workers) as small:
        clients = [small.client() for _ in range(each + 1)]
        assert [bool(client.received) for client in clients] == [False] * each + [True]


# ends


def test_a_refused_connection_reads_on_for_a_moment_and_is_then_closed(world):
    client = world.client()
    client.sends(b"BAD\r\n\r\n")
    client.sends(get())
    assert len(read_answers(client.received)) == 1
    assert not client.closed
    world.passes(3)
    assert client.closed


def test_a_refused_client_that_leaves_is_let_go(world):
    client = world.client()
    client.sends(b"BAD\r\n\r\n")
    client.ends()
    assert client.closed
    assert world.counted("strangler_connections") == 0


def test_a_client_that_closes_its_sending_side_still_gets_its_answer(world):
    client = world.client()
    client.sends(get())
    client.ends()
    assert not world.upstream.closed
    world.upstream.sends(answer())
    assert read(client.received).value("connection") == "close"
    assert client.closed


def test_a_client_that_closes_its_sending_side_and_gets_no_answer_soon_counts_as_gone(world):
    client = world.client()
    client.sends(get())
    client.ends()
    world.passes(2)
    assert client.aborted
    assert world.upstream.aborted


def test_a_download_goes_on_behind_a_closed_sending_side(world):
    client = world.client()
    client.sends(get())
    world.upstream.sends(answer(body=b"0123456789")[:-9])
    client.ends()
    for digit in b"123456789":
        world.passes(0.9)
        world.upstream.sends(bytes([digit]))
    assert read(client.received).body == b"0123456789"
    assert client.closed


def test_a_client_that_leaves_between_requests_leaves_nothing(world):
    client = world.client()
    client.sends(get())
    world.upstream.sends(answer())
    client.ends()
    assert client.closed
    assert world.counted("strangler_connections") == 0


@pytest.mark.parametrize(
    ("version", "connection", "told", "closes"),
    [
        ("1.1", (), None, False),
        ("1.1", ("Connection: close",), "close", True),
        ("1.0", (), "close", True),
        ("1.0", ("Connection: keep-alive",), "keep-alive", False),
    ],
)
def test_whether_the_connection_stays_is_told(world, version, connection, told, closes):
    client = world.client()
    client.sends(request("GET /a", *connection, version=version))
    world.upstream.sends(answer())
    assert read(client.received).value("connection") == told
    assert client.closed is closes
    local = world.client()
    local.sends(request("GET /old", *connection, version=version))
    assert read(local.received).value("connection") == told
    assert local.closed is closes


# drain


def test_an_idle_connection_is_closed_after_a_second_of_silence_write_side_first(world):
    client = world.client()
    client.sends(get())
    world.upstream.sends(answer())
    world.passes(30)
    world.drains()
    world.passes(0.9)
    assert not client.eof_written
    world.passes(0.2)
    assert client.eof_written
    assert not client.closed
    world.passes(3)
    assert client.closed


def test_a_request_that_comes_while_draining_is_answered_and_told_that_it_is_the_last(world):
    client = world.client()
    world.drains()
    client.sends(get())
    world.upstream.sends(answer())
    assert read(client.received).value("connection") == "close"
    assert client.closed


def test_an_answer_under_way_ends_well_and_says_that_it_is_the_last(world):
    client = world.client()
    client.sends(get())
    world.drains()
    world.passes(5)
    world.upstream.sends(answer())
    got = read(client.received)
    assert (got.value("connection"), got.body) == ("close", b"ok")
    assert client.closed


def test_an_answer_whose_head_has_gone_out_is_followed_by_one_more(world):
    client = world.client()
    client.sends(get("/1"))
    world.upstream.sends(answer(body=b"01")[:-1])
    world.drains()
    world.upstream.sends(b"1")
    assert not client.closed
    client.sends(get("/2"))
    world.upstream.sends(answer(body=b"two"))
    first, second = read_answers(client.received)
    assert (first.value("connection"), second.value("connection")) == (None, "close")
    assert client.closed


def test_pipelined_requests_that_were_received_are_all_answered_before_the_end(world):
    client = world.client()
    client.sends(get("/1") + get("/2") + get("/3"))
    world.drains()
    for _ in range(3):
        world.upstream.sends(answer())
    assert [message.value("connection") for message in read_answers(client.received)] == [None, None, "close"]
    assert client.closed


def test_our_own_answers_too_say_that_they_are_the_last(world):
    client = world.client()
    world.drains()
    client.sends(get("/old"))
    assert read(client.received).value("connection") == "close"
    assert client.closed


def test_a_head_half_sent_when_the_drain_begins_is_still_answered(world):
    client = world.client()
    client.sends(get()[:-5])
    world.drains()
    world.passes(3)
    client.sends(get()[-5:])
    world.upstream.sends(answer())
    assert read(client.received).status == 200


def test_what_is_left_is_dropped_at_once(world):
    client = world.client()
    client.sends(get())
    world.act(world.connection(client).drop)
    assert client.aborted
    assert world.upstream.aborted


# secrets


def test_no_text_form_of_a_connection_or_an_exchange_holds_a_secret(world):
    client = world.client()
    client.sends(get("/a?token=s3cret", "Cookie: session=s3cret", "Authorization: Bearer s3cret"))
    assert "/a" in repr(world.connection(client))
    assert "s3cret" not in repr(world.connection(client))
    assert "s3cret" not in "".join(map(repr, world.forwarder.in_flight))


# who does not read


def test_a_client_that_does_not_read_gets_no_more_answers(world):
    client = world.client()
    client.clogs()
    client.sends(get("/1") + get("/2") + get("/3"))
    world.upstream.sends(answer(body=b"x" * 100_000))
    assert world.upstream.received.count(b"GET") == 1
    client.drains()
    assert world.upstream.received.count(b"GET") == 2


def test_requests_of_a_client_that_does_not_read_are_not_kept_without_end(world):
    client = world.client()
    client.clogs()
    client.sends(get("/1"))
    world.upstream.sends(answer(body=b"x" * 100_000))
    client.sends(get("/2") * 3000)
    assert client.reading_paused
    client.drains()
    assert world.upstream.received.count(b"GET") == 2


def test_a_client_that_never_reads_its_last_answer_is_given_up(world):
    client = world.client()
    client.clogs()
    client.sends(get("/1"))
    world.upstream.sends(answer(body=b"x" * 100_000))
    world.passes(74)
    assert not client.aborted
    world.passes(3)
    assert client.aborted


def test_a_flood_of_requests_is_worked_through_in_turns(world):
    flooding, other = world.client(), world.client()
    flooding.sends(get("/old") * 4000)
    other.sends(get("/old"))
    assert read_answers(other.received)
    assert len(read_answers(flooding.received)) == 4000


def test_a_large_chunked_body_arrives_whole_in_turns(world):
    client = world.client()
    body = b"".join(b"1\r\nx\r\n" for _ in range(20_000)) + b"0\r\n\r\n"
    client.sends(request("POST /svc/a", "Transfer-Encoding: chunked") + body + get("/svc/b"))
    world.upstream.sends(answer(body=b"one"))
    sent = world.upstream.received.partition(b"\r\n\r\n")[2]
    assert ChunkedDecoder().feed(sent) == b"x" * 20_000
    world.upstream.sends(answer(body=b"two"))
    assert [message.body for message in read_answers(client.received)] == [b"one", b"two"]


def test_requests_before_a_closed_sending_side_are_all_answered(world):
    client = world.client()
    client.sends(get("/1") + get("/2") + get("/3"))
    client.ends()
    for number in (b"one", b"two", b"three"):
        world.upstream.sends(answer(body=number))
    assert [message.body for message in read_answers(client.received)] == [b"one", b"two", b"three"]
