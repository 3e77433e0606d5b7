"""httpx requests on our own pools, told as transcripts: what is sent, what is streamed, what failures are called."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import httpx
import pytest

from proxy.forwarding.origin import Origin
from proxy.forwarding.outcome import Outcome
from proxy.forwarding.transport import ExchangeTransport, TransportError, outcome_of
from tests.support.fakes import World
from tests.support.routes_yaml import load
from tests.support.wire_text import answer, read

FILE = """\
version: 1
listen: {{ trusted_proxies: [10.0.0.9] }}
log: {{ access: on }}
upstreams:
  monolith: {{ url: "http://127.0.0.1:8000" }}
  service: {{ url: "http://127.0.0.1:8103"{service} }}
defaults: {{ legacy: monolith }}
"""
URL = "http://service/a?b=1"


@pytest.fixture
def world():
    with World(load(FILE.format(service=""))) as made:
        yield made


def transport(world: World, peer: str = "192.0.2.7") -> ExchangeTransport:
    active = world.forwarder.active
    return ExchangeTransport(world.forwarder, active.upstream_plans["service"], Origin(active, peer, "https"))


class Asked:
    """What was begun in the world's event loop, and goes on there."""

    task: asyncio.Task[Any]

    def __init__(self, world: World, ask: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        self._world = world
        world.act(lambda: self._begin(ask))

    def _begin(self, ask: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        self.task = asyncio.get_running_loop().create_task(ask())

    @property
    def result(self) -> Any:
        assert self.task.done()
        return self.task.result()

    @property
    def error(self) -> TransportError:
        assert self.task.done()
        error = self.task.exception()
        assert isinstance(error, TransportError)
        return error


def sent(world: World, request: httpx.Request, peer: str = "192.0.2.7") -> Asked:
    """A request whose answer's head is awaited."""
    return Asked(world, lambda: transport(world, peer).handle_async_request(request))


def fetched(world: World, url: str = URL, **others: Any) -> Asked:
    """A whole exchange, by httpx's own client."""

    async def fetch() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport(world), trust_env=False) as client:
            return await client.get(url, **others)

    return Asked(world, fetch)


def test_an_httpx_client_asks_the_upstream_of_the_plan(world):
    asked = fetched(world, headers={"X-A": "1"})
    request = read(world.upstream.received)
    assert request.first == "GET /a?b=1 HTTP/1.1"
    assert (request.value("host"), request.value("x-a")) == ("service", "1")
    assert world.network.asked == [("127.0.0.1", 8103)]
    world.upstream.sends(answer("201 Created", "X-B: 2", body=b"made"))
    assert (asked.result.status_code, asked.result.headers["x-b"], asked.result.text) == (201, "2", "made")


def test_the_upstream_is_told_on_whose_behalf(world):
    sent(world, httpx.Request("GET", URL, headers={"X-Forwarded-For": "1.2.3.4"}))
    request = read(world.upstream.received)
    assert (request.value("x-forwarded-for"), request.value("x-forwarded-proto")) == ("192.0.2.7", "https")
    assert request.value("via") == "1.1 strangler"


def test_the_target_can_be_given_byte_for_byte(world):
    sent(world, httpx.Request("GET", URL, extensions={"target": b"/a%3Fb/|?x=[1]"}))
    assert read(world.upstream.received).first == "GET /a%3Fb/|?x=[1] HTTP/1.1"


def test_a_trace_and_a_request_id_go_on_and_are_begun_otherwise(world):
    trace = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
    sent(world, httpx.Request("GET", URL, headers={"traceparent": trace, "X-Request-Id": "abc"}))
    request = read(world.upstream.take())
    assert (request.value("traceparent"), request.value("x-request-id")) == (trace, "abc")
    world.upstream.sends(answer())
    sent(world, httpx.Request("GET", URL, headers={"X-Request-Id": "not an id"}))
    request = read(world.upstream.take())
    assert request.value("traceparent")
    assert len(str(request.value("x-request-id"))) == 32


def test_connections_are_used_again(world):
    for _ in range(3):
        fetched(world)
        world.upstream.sends(answer())
    assert world.counted("strangler_upstream_connects_total") == 1


def test_it_is_no_request_of_a_client(world):
    fetched(world)
    world.upstream.sends(answer())
    assert world.requests() == []
    assert world.logged() == []


def test_an_encoded_body_is_not_decoded_and_no_redirect_followed(world):
    async def fetch() -> bytes:
        response = await transport(world).handle_async_request(httpx.Request("GET", URL))
        return b"".join([piece async for piece in response.aiter_raw()])

    asked = Asked(world, fetch)
    world.upstream.sends(answer("302 Found", "Location: http://127.0.0.1:8103/b", "Content-Encoding: gzip", body=b"zz"))
    assert asked.result == b"zz"
    assert len(world.upstreams) == 1


# streaming


async def pieces(world: World, got: list[bytes], gate: asyncio.Event) -> None:
    """Take the head, wait, then read everything."""
    response = await transport(world).handle_async_request(httpx.Request("GET", URL))
    await gate.wait()
    stream: AsyncIterator[bytes] = response.aiter_raw()
    async for piece in stream:
        got += [piece]


def test_a_reader_that_stops_pauses_the_upstream(world):
    got: list[bytes] = []
    gate = asyncio.Event()
    Asked(world, lambda: pieces(world, got, gate))
    world.upstream.sends(b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n")
    for _ in range(6):
        world.upstream.sends(b"x" * 50_000)
    assert world.upstream.reading_paused
    world.act(gate.set)
    assert b"".join(got) == b"x" * 300_000
    assert not world.upstream.reading_paused


def test_a_reader_that_never_goes_on_is_given_up(world):
    got: list[bytes] = []
    gate = asyncio.Event()
    asked = Asked(world, lambda: pieces(world, got, gate))
    world.upstream.sends(b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + b"x" * 100_000)
    world.passes(76)
    assert world.upstream.aborted
    world.act(gate.set)
    assert isinstance(asked.error, httpx.CloseError)


def test_closing_an_answer_early_ends_the_exchange(world):
    async def leave() -> None:
        async with transport(world).get(b"/a", [(b"host", b"x")]) as response:
            assert response.status_code == 200

    Asked(world, leave)
    world.upstream.sends(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx")
    assert world.upstream.aborted


def test_cancelling_ends_the_exchange(world):
    asked = sent(world, httpx.Request("GET", URL))
    world.act(asked.task.cancel)
    assert world.upstream.aborted
    assert not world.forwarder.in_flight


# failures


def test_an_upstream_that_is_not_there_is_a_connect_error(world):
    world.network.refusal = ConnectionRefusedError()
    error = fetched(world).error
    assert (type(error), outcome_of(error)) == (httpx.ConnectError, Outcome.CONNECT_ERROR)


def test_an_upstream_that_takes_no_connection_is_a_connect_timeout(world):
    world.network.silent = True
    asked = fetched(world)
    world.passes(2.1)
    assert (type(asked.error), outcome_of(asked.error)) == (httpx.ConnectTimeout, Outcome.CONNECT_TIMEOUT)


def test_an_upstream_that_stays_silent_is_a_read_timeout(world):
    asked = fetched(world)
    world.passes(31)
    assert (type(asked.error), outcome_of(asked.error)) == (httpx.ReadTimeout, Outcome.RESPONSE_TIMEOUT)


@pytest.mark.parametrize(
    ("said", "outcome"),
    [(b"", Outcome.RESET), (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", Outcome.TRUNCATED)],
)
def test_an_upstream_that_leaves_too_early_is_a_protocol_error(world, said, outcome):
    asked = fetched(world)
    if said:
        world.upstream.sends(said)
    world.upstream.vanishes()
    assert (type(asked.error), outcome_of(asked.error)) == (httpx.RemoteProtocolError, outcome)


def test_what_came_before_a_break_can_be_read(world):
    got: list[bytes] = []
    gate = asyncio.Event()
    asked = Asked(world, lambda: pieces(world, got, gate))
    world.upstream.sends(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
    world.upstream.vanishes()
    world.act(gate.set)
    assert got == [b"abc"]
    assert outcome_of(asked.error) is Outcome.TRUNCATED


def test_an_answer_that_is_no_http_is_a_protocol_error(world):
    asked = fetched(world)
    world.upstream.sends(b"hello\r\n\r\n")
    assert (type(asked.error), outcome_of(asked.error)) == (httpx.RemoteProtocolError, Outcome.BAD_ANSWER)


def test_an_upstream_that_is_left_alone_is_a_pool_timeout():
    with World(load(FILE.format(service=", breaker: { min_requests: 1, try_again_after: 60s }"))) as world:
        first = fetched(world)
        world.upstream.vanishes()
        assert outcome_of(first.error) is Outcome.RESET
        error = fetched(world).error
        assert (type(error), outcome_of(error)) == (httpx.PoolTimeout, Outcome.BREAKER_OPEN)


def test_an_upstream_that_is_full_is_a_pool_timeout():
    with World(load(FILE.format(service=", bulkhead: { max_in_flight: 1 }"))) as world:
        fetched(world)
        error = fetched(world).error
        assert (type(error), outcome_of(error)) == (httpx.PoolTimeout, Outcome.BULKHEAD_FULL)


@pytest.mark.parametrize(
    "request_",
    [
        httpx.Request("POST", URL, content=b"x"),
        httpx.Request("GET", URL, extensions={"target": b"/a\r\nX: 1"}),
        httpx.Request("GET", URL, headers={"A": "1\r\nB: 2"}),
        httpx.Request("TRACE", URL),
    ],
)
def test_what_may_not_be_sent_is_refused_before_anything_is(world, request_):
    assert isinstance(sent(world, request_).error, httpx.LocalProtocolError)
    assert world.network.asked == []
