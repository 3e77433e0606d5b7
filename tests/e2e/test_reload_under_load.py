"""A route moves a hundred times while it is in use: no request fails, and none sees a bit of both sides."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.load import Load, Shot
from tests.support.marked_upstream import MarkedUpstream
from tests.support.raw_client import Answer, RawClient
from tests.support.server import Server, serving
from tests.support.websocket import CLOSE, TEXT, encode, new_key, read_frame

RELOADS = 100
CLIENTS = 32

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@dataclass(frozen=True, slots=True)
class Move:
    """One reload: between `begun` and `taken` both sides may answer, from then on only `side`."""

    side: str
    begun: float
    taken: float


@dataclass
class Road:
    """A server with two workers, whose route `moving` is on one side or the other."""

    server: Server
    legacy: MarkedUpstream
    service: MarkedUpstream
    moves: list[Move] = field(default_factory=list)

    async def move(self, side: str, text: str, *, by_rename: bool = False, by_signal: bool = False) -> None:
        """Put `text` in place, have it read, and wait until it has been taken."""
        before = await asyncio.to_thread(self._revision)
        begun = time.monotonic()
        if by_rename:
            beside = self.server.folder / "routes.yaml.new"
            beside.write_text(text)
            beside.replace(self.server.file)
        else:
            self.server.file.write_text(text)
        if by_signal:
            self.server.process.send_signal(signal.SIGHUP)
            await asyncio.to_thread(self.server.wait_until, lambda: self._revision() != before)
            await asyncio.to_thread(self.server.wait_until_taken)
        else:
            assert (await asyncio.to_thread(self.server.reload)).status == 200
        self.moves.append(Move(side, begun, time.monotonic()))

    def _revision(self) -> str:
        revision: str = self.server.readyz().json()["revision"]
        return revision

    def sides_of(self, shot: Shot) -> set[str]:
        """The sides that may have answered a request."""
        settled = [move.side for move in self.moves if move.taken <= shot.began]
        moving = [move.side for move in self.moves if move.begun <= shot.ended and move.taken > shot.began]
        return {*settled[-1:], *moving}

    async def connect(self) -> RawClient:
        return await RawClient.connect("127.0.0.1", self.server.public)


def table(legacy: str, service: str, side: str, turn: int = 0) -> str:
    """The file with the route on `side`. In every other turn on legacy, it has neither the service nor the route."""
    text = f"""\
# turn {turn}
version: 1
listen: {{ public: 127.0.0.1:0, console: 127.0.0.1:0, drain_timeout: 5s }}
log: {{ access: off }}
defaults: {{ legacy: monolith }}
upstreams:
  monolith: {{ url: "{legacy}" }}
"""
    if side == "legacy" and turn % 4 > 1:
        return text
    stage = "cutover" if side == "service" else "legacy"
    return f"""{text}
  service: {{ url: "{service}" }}
routes:
  - {{ name: moving, match: {{ path: "/moving/**" }}, to: service, stage: {stage} }}
"""


@pytest.fixture
async def road(tmp_path: Path) -> AsyncIterator[Road]:
    """It begins on legacy."""
    async with MarkedUpstream.running("legacy") as legacy, MarkedUpstream.running("service") as service:
        with serving(tmp_path, table(legacy.url, service.url, "legacy"), "--workers", "2") as server:
            yield Road(server, legacy, service, [Move("legacy", 0.0, time.monotonic())])


async def test_a_hundred_reloads_under_load_fail_no_request_and_mix_no_answer(road: Road) -> None:
    legacy, service = road.legacy.url, road.service.url
    async with Load(road.server.public, "/moving/on").from_clients(CLIENTS) as load:
        for turn in range(1, RELOADS + 1):
            side = "service" if turn % 2 else "legacy"
            text = table(legacy, service, side, turn)
            await road.move(side, text, by_rename=turn % 3 == 0, by_signal=turn % 5 > 2)
            await load.rounds()  # every connection is answered while nothing moves

    assert load.failures == []
    assert load.refused == 0
    assert [shot for shot in load.shots if shot.side not in road.sides_of(shot)] == []
    settled = Counter(shot.side for shot in load.shots if len(road.sides_of(shot)) == 1)
    assert min(settled["legacy"], settled["service"]) >= CLIENTS * RELOADS / 2
    assert len({shot.client_port for shot in load.shots}) == CLIENTS, "a reload cost a connection"
    reached = Counter(road.legacy.tokens + road.service.tokens)
    assert reached == Counter(shot.token for shot in load.shots), "a request was lost, or sent twice"
    assert len(road.server.log("reloaded")) == RELOADS


@pytest.mark.parametrize("side", ["legacy", "service"])
async def test_what_began_before_a_reload_ends_on_its_side_even_if_that_has_left_the_file(
    road: Road, side: str
) -> None:
    """A stream, a tunnel, and an upload whose body is still coming."""
    ours, others = (road.legacy, road.service) if side == "legacy" else (road.service, road.legacy)
    await road.move(side, table(ours.url, ours.url, side, 1))
    lines, began = await begin_lines(road)
    assert began.value("x-side") == side
    tunnel = await begin_tunnel(road)
    upload = await road.connect()
    await upload.send(b"POST /moving/up?token=up HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 6\r\n\r\nabc")
    await ours.received("up")

    await road.move(others.name, table(others.url, others.url, "service", 3))

    fresh, later = await begin_lines(road)
    assert later.value("x-side") == others.name
    await tunnel.send(encode(TEXT, b"still there?", mask=True))
    assert (await read_frame(tunnel)).payload == f"{side} still there?".encode()
    await upload.send(b"def")
    answer = await upload.read_answer("POST")
    assert (answer.status, answer.value("x-side"), answer.complete) == (200, side, True)
    seen = len(began.body)
    await lines.read_part(began, seen + 5 * len(f"{side}\n"))  # it goes on, it is not just let run dry
    for client, stream, upstream in ((lines, began, ours), (fresh, later, others)):
        upstream.finish.set()
        await client.finish(stream)
        assert stream.complete
        assert set(stream.body.split()) == {upstream.name.encode()}
    await tunnel.send(encode(CLOSE, b"\x03\xe8", mask=True))
    assert (await read_frame(tunnel)).opcode == CLOSE
    for client in (lines, fresh, upload, tunnel):
        await client.close()


async def begin_lines(road: Road) -> tuple[RawClient, Answer]:
    """A stream of which the first lines have come."""
    client = await road.connect()
    await client.send(b"GET /moving/lines HTTP/1.1\r\nHost: shop.example\r\n\r\n")
    answer = await client.read_answer_head()
    await client.read_part(answer, 10)
    return client, answer


async def begin_tunnel(road: Road) -> RawClient:
    client = await road.connect()
    await client.send(
        "GET /moving/ws HTTP/1.1\r\nHost: shop.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {new_key()}\r\n\r\n".encode()
    )
    assert (await client.read_answer_head()).status == 101
    return client
