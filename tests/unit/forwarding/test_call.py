"""A call of our own to one endpoint, over a network in memory."""

import asyncio

import pytest

from proxy.config.model import Endpoint, UpstreamTls
from proxy.forwarding import call as call_module
from proxy.forwarding.call import Called, call
from proxy.forwarding.pool import EndpointKey, EndpointPool
from proxy.observability.counters import Counters
from proxy.wire.refusal import BadAnswer
from tests.support.fakes import World
from tests.support.routing import snapshot
from tests.support.wire_text import answer, read


class Caller:
    """A call under way in a world."""

    def __init__(self, world: World, method: str = "POST", body: bytes = b"{}", **fields: str) -> None:
        pool = EndpointPool(EndpointKey(Endpoint("http", "10.0.0.1", 8101, "/base"), UpstreamTls()), Counters())
        self.task: asyncio.Task[Called]

        def begin() -> None:
            self.task = asyncio.create_task(call(pool, method, "/sync", fields, body, seconds=5))

        world.act(begin)


@pytest.fixture
def world():
    with World(snapshot()) as made:
        yield made


def test_what_is_asked_and_answered_is_whole(world):
    caller = Caller(world, Authorization="Bearer t")
    asked = read(world.upstream.received)
    assert (asked.first, asked.body) == ("POST /base/sync HTTP/1.1", b"{}")
    assert [asked.value(name) for name in ("host", "authorization", "content-length", "connection")] == [
        "10.0.0.1:8101", "Bearer t", "2", "close"
    ]  # fmt: skip
    world.upstream.sends(answer("200 OK", body=b"abc")[:-1], b"c")
    assert caller.task.result() == Called(200, b"abc")
    assert world.upstream.closed


def test_a_connection_that_ends_too_soon_is_no_answer(world):
    caller = Caller(world)
    world.upstream.sends(answer(body=b"abc")[:-1])
    world.upstream.vanishes()
    assert isinstance(caller.task.exception(), ConnectionResetError)


@pytest.mark.parametrize("sent", [b"nonsense\r\n\r\n", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"])
def test_what_is_no_answer_is_none(world, sent):
    caller = Caller(world)
    world.upstream.sends(sent)
    assert isinstance(caller.task.exception(), BadAnswer)


def test_an_answer_is_read_up_to_a_limit(world, monkeypatch):
    monkeypatch.setattr(call_module, "MAX_ANSWER_BYTES", 10)
    caller = Caller(world)
    world.upstream.sends(answer(body=b"x" * 11))
    assert isinstance(caller.task.exception(), BadAnswer)


def test_nobody_there_is_an_error_of_the_system(world):
    world.network.refusal = ConnectionRefusedError()
    assert isinstance(Caller(world).task.exception(), ConnectionRefusedError)


def test_a_line_is_never_two(world):
    caller = Caller(world, X="a\r\nY: b")
    assert isinstance(caller.task.exception(), ValueError)
