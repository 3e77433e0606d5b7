"""Copies of requests to the side that does not answer: which are made, what they may cost, and what is handed over."""

from dataclasses import replace
from datetime import timedelta

import pytest

from proxy.config.compare import Compare, Shadow
from proxy.config.model import HeaderEdits
from proxy.config.policy import Fallback
from tests.support.fakes import World
from tests.support.routing import route, snapshot
from tests.support.wire_text import answer, get, read, request

LEGACY, SERVICE = 8000, 8103


def shop(stage="shadow", *, compare=None, request_headers=None, **settings):
    one = route("svc", "/svc/**", stage=stage, shadow=Shadow(**settings), request_headers=request_headers)
    return snapshot(replace(one, compare=compare or Compare()))


class Mirrored(World):
    """A world in which the pairs that are handed over can be looked at."""

    def __init__(self, *arguments, room=True, again=0.0, **keywords):
        super().__init__(*arguments, **keywords)
        self.pairs = []
        self.forwarder.mirrors.hand_over = lambda pair, failure: room and not self.pairs.append((pair, failure))
        self.forwarder.mirrors.ask_again({"svc": again})

    def sends(self, data, *more):
        client = self.client()
        client.sends(data, *more)
        return client

    def side(self, port, index=0):
        """A connection that was made to the side at this port, in order."""
        asked = [number for number, (_, each) in enumerate(self.network.asked) if each == port]
        return self.upstreams[asked[index]]

    def outcomes(self):
        exported = self.forwarder.export()
        return {
            labels["outcome"]: count for name, labels, count in exported["counters"] if name == "strangler_shadow_total"
        }


def test_a_copy_goes_to_the_service_and_the_client_sees_nothing_of_it():
    with Mirrored(shop()) as world:
        client = world.sends(get("/svc/x?y=1", "Cookie: a=b"))
        copied = read(world.side(SERVICE).received)
        assert copied.first == "GET /svc/x?y=1 HTTP/1.1"
        assert (copied.value("x-shadow"), copied.value("cookie"), copied.value("host")) == ("1", "a=b", "shop.example")
        assert read(world.side(LEGACY).received).value("x-shadow") is None
        assert world.counted("strangler_requests_in_flight") == 1
        world.side(SERVICE).sends(answer(body=b"new"))
        assert client.received == b""
        world.side(LEGACY).sends(answer(body=b"old"))
        assert read(client.received).body == b"old"
        ((pair, failure),) = world.pairs
        assert (pair.route, pair.primary, failure) == ("svc", "legacy", None)
        assert (pair.request.method, pair.request.target, pair.request.body) == ("GET", "/svc/x?y=1", b"")
        assert ("Cookie", "a=b") in pair.request.fields
        assert [(role, one.status, one.body) for role, one in pair.answers.items()] == [
            ("legacy", 200, b"old"),
            ("service", 200, b"new"),
        ]
        assert world.outcomes() == {"answered": 1}
        assert world.forwarder.mirrors.held_bytes == 0


def test_the_request_is_not_held_up_by_a_copy_that_is_never_answered():
    with Mirrored(shop(timeout=timedelta(seconds=5))) as world:
        client = world.sends(get("/svc/x"))
        world.side(LEGACY).sends(answer(body=b"old"))
        assert read(client.received).body == b"old"
        assert world.pairs == []
        world.passes(5.1)
        ((pair, failure),) = world.pairs
        assert (list(pair.answers), failure) == (["legacy"], "total_timeout")
        assert world.side(SERVICE).closed
        assert world.outcomes() == {"total_timeout": 1}


def test_after_the_cutover_the_monolith_is_the_one_that_is_shadowed():
    with Mirrored(shop("cutover")) as world:
        client = world.sends(get("/svc/x"))
        world.side(SERVICE).sends(answer("301 Moved Permanently", "Location: /there"))
        world.side(LEGACY).sends(answer("301 Moved Permanently", "Location: /there"))
        assert read(client.received).status == 302
        ((pair, _),) = world.pairs
        assert [(role, one.status) for role, one in pair.answers.items()] == [("service", 301), ("legacy", 301)]
        assert all(("Cache-Control", "private") in one.fields for one in pair.answers.values())


def test_the_primary_is_asked_again_for_its_share_of_safe_requests():
    with Mirrored(shop(allow_writes=True), again=1.0) as world:
        world.sends(get("/svc/x"))
        assert [port for _, port in world.network.asked] == [LEGACY, SERVICE, LEGACY]
        world.side(LEGACY, 0).sends(answer(body=b"one"))
        world.side(LEGACY, 1).sends(answer(body=b"two"))
        world.side(SERVICE).sends(answer(body=b"three"))
        ((pair, _),) = world.pairs
        assert {role: one.body for role, one in pair.answers.items()} == {
            "legacy": b"one",
            "again": b"two",
            "service": b"three",
        }
        world.sends(request("POST /svc/x", "Content-Length: 2", body=b"hi"))
        received = [world.side(LEGACY, 0).received, world.side(SERVICE).received, world.side(LEGACY, 1).received]
        assert [data.count(b"POST /svc/x") for data in received] == [1, 1, 0]


def test_an_asked_again_that_fails_leaves_the_pair_as_it_is():
    with Mirrored(shop(), again=1.0) as world:
        world.sends(get("/svc/x"))
        world.side(LEGACY, 1).vanishes(ConnectionResetError())
        world.side(LEGACY, 0).sends(answer())
        world.side(SERVICE).sends(answer())
        ((pair, failure),) = world.pairs
        assert (list(pair.answers), failure) == (["legacy", "service"], None)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_a_write_is_sent_to_one_side_once(method):
    with Mirrored(shop()) as world:
        world.sends(request(f"{method} /svc/x", "Content-Length: 2", body=b"hi"))
        assert [port for _, port in world.network.asked] == [LEGACY]
        assert world.outcomes() == {"unsafe_method": 1}


def test_a_write_that_may_be_copied_is_copied_whole():
    with Mirrored(shop(allow_writes=True)) as world:
        client = world.sends(request("POST /svc/x", "Transfer-Encoding: chunked", body=b"2\r\nhi\r\n"))
        assert [port for _, port in world.network.asked] == [LEGACY]
        client.sends(b"3\r\n you\r\n0\r\n\r\n".replace(b"3\r\n", b"4\r\n"))
        copied = read(world.side(SERVICE).received)
        assert copied.value("transfer-encoding") == "chunked"
        world.side(SERVICE).sends(answer())
        world.side(LEGACY).sends(answer())
        assert world.pairs[0][0].request.body == b"hi you"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_that_was_answered_before_its_end_is_neither_copied_nor_kept(method):
    with Mirrored(shop(allow_writes=True)) as world:
        client = world.sends(request(f"{method} /svc/x", "Content-Length: 9", body=b"1234"))
        world.side(LEGACY).sends(answer(body=b"too early"))
        assert read(client.received).body == b"too early"
        client.sends(b"56789")
        assert [port for _, port in world.network.asked] == [LEGACY]
        assert world.outcomes() == {"early_answer": 1}
        assert world.forwarder.mirrors.held_bytes == 0


def test_a_body_that_comes_in_many_pieces_is_copied_in_order():
    with Mirrored(shop(allow_writes=True)) as world:
        client = world.sends(request("PUT /svc/x", "Content-Length: 6", body=b"1"))
        for piece in (b"2", b"3", b"456"):
            client.sends(piece)
        assert read(world.side(SERVICE).received).body == b"123456"
        world.side(SERVICE).sends(answer())
        world.side(LEGACY).sends(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\na", b"bc", b"def")
        assert (world.pairs[0][0].request.body, world.pairs[0][0].answers["legacy"].body) == (b"123456", b"abcdef")
        assert world.forwarder.mirrors.held_bytes == 0


def test_the_services_own_request_headers_stand_on_copies():
    edits = HeaderEdits(set=(("X-Tenant", "a"),), add=(), remove=("Cookie",))
    with Mirrored(shop(request_headers=edits)) as world:
        world.sends(get("/svc/x", "Cookie: a=b"))
        copied = read(world.side(SERVICE).received)
        assert (copied.value("x-tenant"), copied.value("cookie"), copied.value("x-shadow")) == ("a", None, "1")
        assert read(world.side(LEGACY).received).value("cookie") == "a=b"


def test_a_full_queue_drops_its_oldest():
    with Mirrored(shop(max_in_flight=1, queue=1)) as world:
        for number in range(3):
            world.sends(get(f"/svc/{number}"))
        assert world.outcomes() == {"queue_full": 1}
        assert [port for _, port in world.network.asked].count(SERVICE) == 1
        assert read(world.side(SERVICE).take()).first == "GET /svc/0 HTTP/1.1"
        world.side(SERVICE).sends(answer())
        assert read(world.side(SERVICE).take()).first == "GET /svc/2 HTTP/1.1"


@pytest.mark.parametrize(("old", "new"), [(b"x" * 101, b"y"), (b"x", b"y" * 101)], ids=["the primary's", "the copy's"])
def test_a_large_answer_is_not_kept(old, new):
    with Mirrored(shop(max_body_bytes=100)) as world:
        client = world.sends(get("/svc/x"))
        world.side(LEGACY).sends(answer(body=old))
        world.side(SERVICE).sends(answer(body=new))
        assert read(client.received).body == old
        assert world.pairs == []
        assert world.outcomes() == {"answer_too_large": 1}
        assert world.forwarder.mirrors.held_bytes == 0


def test_a_large_request_is_not_copied():
    with Mirrored(shop(max_body_bytes=100, allow_writes=True)) as world:
        world.sends(request("POST /svc/x", "Content-Length: 101", body=b"x" * 101))
        assert [port for _, port in world.network.asked] == [LEGACY]
        assert world.outcomes() == {"request_too_large": 1}


def test_memory_has_a_bound_over_all_pairs():
    with Mirrored(shop()) as world:
        world.forwarder.mirrors.held_bytes = 16 * 1024 * 1024 - 5
        client = world.sends(get("/svc/x"))
        world.side(LEGACY).sends(answer(body=b"123456"))
        assert read(client.received).body == b"123456"
        assert world.outcomes() == {"memory_full": 1}
        assert world.forwarder.mirrors.held_bytes == 16 * 1024 * 1024 - 5


def test_an_event_stream_has_no_end_to_wait_for():
    with Mirrored(shop()) as world:
        client = world.sends(get("/svc/x"))
        world.side(LEGACY).sends(answer("200 OK", "Content-Type: text/event-stream", body=None))
        assert world.outcomes() == {"endless": 1}
        assert world.side(SERVICE).closed
        world.side(LEGACY).sends(b"data: 1\n\n")
        assert b"data: 1" in client.received


def test_a_client_that_gets_no_answer_leaves_nothing_to_compare():
    with Mirrored(shop()) as world:
        client = world.sends(get("/svc/x"))
        client.vanishes()
        assert world.side(SERVICE).closed
        assert world.outcomes() == {"no_answer": 1}
        assert world.forwarder.in_flight == set()


def test_a_service_that_cannot_be_reached_is_told_and_then_left_alone():
    with Mirrored(shop()) as world:
        world.network.closed_ports = {SERVICE}
        for _ in range(21):
            client = world.sends(get("/svc/x"))
            world.side(LEGACY, -1).sends(answer())
            assert read(client.received).status == 200
        assert [failure for _, failure in world.pairs] == ["connect_error"] * 20
        assert world.outcomes() == {"connect_error": 20, "breaker_open": 1}
        world.passes(1.1)
        assert world.requests() == [["svc", "legacy", "stage", "2xx", 21]]
        asked = len(world.network.asked)
        world.passes(4)
        world.sends(get("/svc/x"))
        assert world.network.asked[asked:].count(("127.0.0.1", SERVICE)) == 1, "after five seconds a copy finds out"


def test_pairs_that_nobody_takes_are_counted():
    with Mirrored(shop(), room=False) as world:
        world.sends(get("/svc/x"))
        world.side(LEGACY).sends(answer())
        world.side(SERVICE).sends(answer())
        assert world.outcomes() == {"link_full": 1}


def test_where_nobody_compares_nothing_is_copied():
    with Mirrored(shop()) as world:
        world.forwarder.mirrors.hand_over = None
        world.sends(get("/svc/x"))
        assert [port for _, port in world.network.asked] == [LEGACY]
        assert world.outcomes() == {"not_compared": 1}


def test_what_is_not_in_the_sample_is_not_copied_or_not_compared():
    with Mirrored(shop(sample=0.0)) as world:
        world.sends(get("/svc/x"))
        assert world.outcomes() == {"not_sampled": 1}
    with Mirrored(shop(compare=Compare(sample=0.0))) as world:
        world.sends(get("/svc/x"))
        world.side(LEGACY).sends(answer())
        world.side(SERVICE).sends(answer())
        assert (world.outcomes(), world.pairs) == ({"not_compared": 1}, [])


def test_a_reload_that_ends_the_mirroring_lets_go_of_what_waits():
    with Mirrored(shop(max_in_flight=1)) as world:
        world.sends(get("/svc/1"))
        world.sends(get("/svc/2"))
        world.swaps(shop("legacy"))
        assert world.outcomes() == {"gone": 1}
        world.side(SERVICE).sends(answer())
        world.side(LEGACY).sends(answer())
        assert world.outcomes() == {"gone": 1, "answered": 1}


def test_a_reload_that_copies_other_methods_lets_go_of_what_waits():
    with Mirrored(shop(max_in_flight=1, allow_writes=True)) as world:
        world.sends(get("/svc/1"))
        world.sends(request("POST /svc/2", "Content-Length: 2", body=b"hi"))
        world.swaps(shop(max_in_flight=1))
        assert world.outcomes() == {"gone": 1}
        world.side(SERVICE).sends(answer())
        assert b"POST" not in world.side(SERVICE).received


def test_a_monolith_that_answered_in_the_services_place_is_not_compared_with_itself():
    one = route("svc", "/svc/**", shadow=Shadow(), fallback=Fallback())
    with Mirrored(snapshot(one)) as world:
        client = world.sends(get("/svc/x"))
        world.side(SERVICE).sends(answer("503 Service Unavailable"))
        world.side(LEGACY).sends(answer(body=b"copy"))
        world.side(LEGACY, 1).sends(answer(body=b"old"))
        assert read(client.received).body == b"old"
        assert world.outcomes() == {"fell_back": 1}
