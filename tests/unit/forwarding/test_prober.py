"""Probes of endpoints that answer in every way there is."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from proxy.config.model import Endpoint, UpstreamTls
from proxy.config.policy import HealthCheck
from proxy.forwarding.pool import EndpointKey, EndpointPool
from proxy.forwarding.prober import MAX_ANSWER_BYTES, Prober, probe
from proxy.observability.counters import Counters
from tests.support.processes import PATIENCE_S, free_port
from tests.support.told import Told

WELL = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
CHECK = HealthCheck("/health", every=timedelta(milliseconds=10), timeout=timedelta(seconds=30), rise=2, fall=3)
IMPATIENT = replace(CHECK, timeout=timedelta(milliseconds=300))
SILENCE = "no answer within 0.3 s"


@dataclass
class Service:
    """Answers every connection with `answer`; None: it stays silent."""

    answer: bytes | None = WELL
    port: int = 0
    asked: list[bytes] = field(default_factory=list)
    open_now: int = 0
    open_most: int = 0
    heard: asyncio.Event = field(default_factory=asyncio.Event)  # set at each question

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint("http", "127.0.0.1", self.port, "/v1")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open_now += 1
        self.open_most = max(self.open_most, self.open_now)
        try:
            self.asked.append(await reader.readuntil(b"\r\n\r\n"))
            self.heard.set()
            if self.answer is not None:
                writer.write(self.answer)
            await reader.read()  # until the prober leaves
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open_now -= 1
            writer.transport.abort()


@asynccontextmanager
async def service(answer: bytes | None = WELL) -> AsyncIterator[Service]:
    one = Service(answer)
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0)
    one.port = server.sockets[0].getsockname()[1]
    try:
        yield one
    finally:
        while others := asyncio.all_tasks() - {asyncio.current_task()}:  # connections that are just being accepted, too
            await asyncio.wait(others)
        server.close()
        await asyncio.sleep(0)  # what was aborted is closed by then


def pool(endpoint: Endpoint) -> EndpointPool:
    return EndpointPool(EndpointKey(endpoint, UpstreamTls()), Counters())


def verdict(answer: bytes | None, check: HealthCheck = CHECK) -> str | None:
    async def told() -> str | None:
        async with service(answer) as one:
            return await probe(pool(one.endpoint), check)

    return asyncio.run(told())


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (WELL, None),
        (b"HTTP/1.1 204 No Content\r\n\r\n", None),
        (b"HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n", None),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", None),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n" + WELL, None),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (MAX_ANSWER_BYTES + 1), None),
        (BUSY, "status 503"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "status 404"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "bad answer: "),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "bad answer: "),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n", "bad answer: "),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nunfinished", SILENCE),
        (None, SILENCE),
    ],
)
def test_the_answer_decides(answer: bytes | None, failure: str | None) -> None:
    found = verdict(answer, IMPATIENT if failure == SILENCE else CHECK)
    assert found == failure or (failure is not None and found is not None and found.startswith(failure)), found


def test_the_expected_statuses_are_those_of_the_file() -> None:
    check = HealthCheck("/health", expect=((503, 503), (200, 204)))
    assert verdict(BUSY, check) is None
    assert verdict(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", check) == "status 302"


def test_nobody_at_the_port_is_a_failure() -> None:
    found = asyncio.run(probe(pool(Endpoint("http", "127.0.0.1", free_port())), CHECK))
    assert found is not None
    assert "refused" in found or "connect call failed" in found


def test_the_question_is_a_get_on_a_connection_of_its_own() -> None:
    async def story() -> None:
        async with service() as one:
            asked = pool(one.endpoint)
            assert await probe(asked, CHECK) is None
            assert await probe(asked, CHECK) is None
            lines = one.asked[0].decode().split("\r\n")
            assert lines[:2] == ["GET /v1/health HTTP/1.1", f"Host: 127.0.0.1:{one.port}"]
            assert "Connection: close" in lines
            assert len(one.asked) == 2
        assert asked.idle == asked.counters.gauges.upstream_connections == 0

    asyncio.run(story())


class Scene:
    """A prober, what it says, and a way to wait for it."""

    def __init__(self, **more: object) -> None:
        self.told = Told()
        self.turns = asyncio.Queue[frozenset[str]]()
        self.prober = Prober("orders", self._turned, self.told, draw=lambda: 0.5, **more)  # type: ignore[arg-type]

    def _turned(self) -> None:
        self.turns.put_nowait(self.prober.unhealthy)

    async def turn(self) -> frozenset[str]:
        return await asyncio.wait_for(self.turns.get(), PATIENCE_S)


def play(story: Callable[[Service], Awaitable[None]], answer: bytes | None = WELL) -> None:
    async def told() -> None:
        async with service(answer) as one:
            await story(one)

    asyncio.run(told())


def test_an_endpoint_falls_and_rises_after_as_many_answers_as_the_file_says() -> None:
    async def story(one: Service) -> None:
        scene = Scene()
        url = one.endpoint.url
        scene.prober.watch([one.endpoint], CHECK, UpstreamTls())
        assert await scene.turn() == {url}
        assert len(one.asked) == 3
        one.answer = WELL
        assert await scene.turn() == frozenset()
        assert len(one.asked) == 5
        scene.prober.stop()
        assert scene.told.lines == [
            ("warning", "endpoint_unhealthy", {"upstream": "orders", "endpoint": url, "reason": "status 503"}),
            ("info", "endpoint_healthy", {"upstream": "orders", "endpoint": url}),
        ]
        assert scene.prober.probes == {"failure": 3, "success": 2}
        assert scene.prober.changes == {"unhealthy": 1, "healthy": 1}

    play(story, BUSY)


def test_a_verdict_from_before_stands_until_probes_turn_it() -> None:
    async def story(one: Service) -> None:
        scene = Scene(unhealthy=[one.endpoint.url])
        scene.prober.watch([one.endpoint], CHECK, UpstreamTls())
        assert scene.prober.unhealthy == {one.endpoint.url}
        assert await scene.turn() == frozenset()
        assert len(one.asked) == CHECK.rise
        scene.prober.stop()

    play(story)


def test_what_is_known_of_an_endpoint_that_stays_survives_other_settings_and_other_endpoints() -> None:
    async def story(one: Service) -> None:
        scene = Scene()
        scene.prober.watch([one.endpoint], CHECK, UpstreamTls())
        await scene.turn()
        other = Endpoint("http", "127.0.0.1", free_port())
        scene.prober.watch([one.endpoint, other], HealthCheck("/other", every=CHECK.every, fall=9), UpstreamTls())
        assert scene.prober.unhealthy == {one.endpoint.url}
        one.heard.clear()
        await one.heard.wait()
        assert one.asked[-1].startswith(b"GET /v1/other ")
        scene.prober.watch([other], CHECK, UpstreamTls())
        assert scene.prober.unhealthy == frozenset()
        assert set(scene.prober.describe(0.0)) == {other.url}
        scene.prober.stop()

    play(story, BUSY)


def test_an_endpoint_that_stays_silent_is_asked_once_at_a_time() -> None:
    async def story(one: Service) -> None:
        scene = Scene()
        check = replace(CHECK, timeout=timedelta(milliseconds=50))
        scene.prober.watch([one.endpoint], check, UpstreamTls())
        assert await scene.turn() == {one.endpoint.url}
        assert one.open_most == 1
        scene.prober.stop()

    play(story, None)


def test_a_ca_bundle_that_cannot_be_read_is_a_failed_probe() -> None:
    async def story(one: Service) -> None:
        scene = Scene()
        endpoint = Endpoint("https", "127.0.0.1", one.port)
        scene.prober.watch([endpoint], CHECK, UpstreamTls(ca="/nowhere/ca.pem"))
        assert await scene.turn() == {endpoint.url}
        assert "CA bundle" in scene.told.events("endpoint_unhealthy")[0]["reason"]
        scene.prober.stop()

    play(story)
