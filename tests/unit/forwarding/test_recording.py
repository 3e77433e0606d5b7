"""Recording on the data path: what is listened to, and what it may cost."""

import pytest

from proxy.config.compare import Shadow
from proxy.forwarding.recording import MAX_BODY_BYTES, Recorder, Wanted
from tests.support.fakes import World
from tests.support.routing import route, snapshot
from tests.support.wire_text import answer, get, read, request

LEGACY, SERVICE = 8000, 8103


class Recorded(World):
    """A world in which what was recorded can be looked at."""

    def __init__(self, wanted=None, *, stage="legacy", room=True):
        super().__init__(snapshot(route("svc", "/svc/**", stage=stage, shadow=Shadow() if stage == "shadow" else None)))
        self.taken = []
        self.room = room
        self.recorder = self.forwarder.recorder = Recorder(wanted or Wanted(), self.take)

    def take(self, exchange, lost):
        if self.room:
            self.taken.append((exchange, dict(lost)))
        return self.room

    def asks(self, data, reply=None):
        client = self.client()
        client.sends(data)
        self.upstreams[-1].sends(reply or answer(body=b"ok"))
        return client


def test_a_request_and_its_answer_are_recorded_and_the_client_sees_nothing_of_it():
    with Recorded() as world:
        client = world.asks(get("/svc/x?y=1", "Cookie: a=b"))
        assert read(client.received).body == b"ok"
        ((exchange, lost),) = world.taken
        assert (exchange.route, exchange.primary, lost) == ("svc", "legacy", {})
        assert (exchange.request.target, exchange.answers["legacy"].body) == ("/svc/x?y=1", b"ok")
        assert len(world.upstreams) == 1


def test_what_no_route_claims_is_recorded_without_a_name():
    with Recorded() as world:
        world.asks(get("/else"))
        assert world.taken[0][0].route is None


def test_the_side_that_answered_is_the_primary():
    with Recorded(stage="cutover") as world:
        world.asks(get("/svc/x"))
        assert world.taken[0][0].primary == "service"


def test_writes_are_recorded_with_their_bodies():
    with Recorded() as world:
        world.asks(request("POST /svc/x", "Content-Length: 2", body=b"hi"))
        assert world.taken[0][0].request.body == b"hi"


def test_only_the_route_that_was_asked_for_is_recorded():
    with Recorded(Wanted("svc")) as world:
        world.asks(get("/else"))
        world.asks(get("/svc/x"))
        assert [exchange.route for exchange, _ in world.taken] == ["svc"]


def test_nothing_is_recorded_of_a_share_of_nothing():
    with Recorded(Wanted(share=0.0)) as world:
        world.asks(get("/svc/x"))
        assert world.taken == []


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (answer(body=b"x" * (MAX_BODY_BYTES + 1)), "answer_too_large"),
        (answer("200 OK", "Content-Type: text/event-stream", body=b"data: 1\n\n"), "endless"),
    ],
)
def test_what_cannot_be_kept_is_counted_and_told_with_the_next_one(reply, why):
    with Recorded() as world:
        world.asks(get("/svc/x"), reply)
        world.asks(get("/svc/y"))
        ((exchange, lost),) = world.taken
        assert (exchange.request.target, lost) == ("/svc/y", {why: 1})


def test_what_nobody_takes_is_counted_and_holds_no_memory():
    with Recorded(room=False) as world:
        world.asks(get("/svc/x"))
        assert world.recorder.lost == {"link_full": 1}
        assert world.recorder.held_bytes == 0


def test_a_connection_that_was_there_before_is_recorded_too():
    with Recorded() as world:
        recorder, world.forwarder.recorder = world.forwarder.recorder, None
        client = world.asks(get("/svc/x"))
        world.forwarder.recorder = recorder
        client.sends(get("/svc/x"))
        world.upstreams[-1].sends(answer(body=b"ok"))
        assert len(world.taken) == 1


def test_a_request_that_is_copied_is_recorded_as_well_each_by_itself():
    with Recorded(stage="shadow") as world:
        pairs = []
        world.forwarder.mirrors.hand_over = lambda pair, _failure: not pairs.append(pair)
        world.forwarder.mirrors.ask_again({"svc": 0.0})
        client = world.client()
        client.sends(get("/svc/x"))
        for upstream in world.upstreams:
            upstream.sends(answer(body=b"ok"))
        assert read(client.received).body == b"ok"
        assert [sorted(pair.answers) for pair in pairs] == [["legacy", "service"]]
        assert [sorted(exchange.answers) for exchange, _ in world.taken] == [["legacy"]]
        assert (world.recorder.held_bytes, world.forwarder.mirrors.held_bytes) == (0, 0)


def test_one_whose_client_leaves_is_counted_and_forgotten():
    with Recorded() as world:
        client = world.client()
        client.sends(get("/svc/x"))
        client.vanishes()
        assert world.taken == []
        assert world.recorder.lost == {"no_answer": 1}
