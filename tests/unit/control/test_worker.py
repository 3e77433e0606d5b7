"""A worker process's end of things, with an engine that only takes notes."""

import asyncio
import io
import json
import os
import resource
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from proxy.config.codec import dump_snapshot
from proxy.config.errors import ConfigError, Problem
from proxy.config.model import Endpoint, Snapshot
from proxy.control.link import Decoder
from proxy.control.worker import Options, Worker, raise_file_limit
from proxy.forwarding.holding import Hold
from proxy.forwarding.known_endpoints import Known
from proxy.forwarding.mirror import HandOver
from proxy.forwarding.recording import TakeRecorded, Wanted
from proxy.observability.log import Log
from tests.support.control import Stage, snapshot, stage, until
from tests.support.processes import PATIENCE_S


class Engine:
    """Serves nothing until drained."""

    def __init__(self) -> None:
        self.revision = "r1"
        self.refusal: Exception | None = None
        self.requests = 0
        self.known: dict[str, Known] = {}
        self.shares: dict[str, float] = {}
        self.hand_over: HandOver | None = None
        self.wanted: Wanted | None = None
        self.holds: list[Hold] = []
        self.closed_left: list[str] = []
        self._drained = asyncio.Event()

    def sign_pins_with(self, key: bytes) -> None:
        self.pin_key = key

    def hand_pairs_to(self, take: HandOver) -> None:
        self.hand_over = take

    def ask_again(self, shares: Mapping[str, float]) -> None:
        self.shares = dict(shares)

    def record(self, wanted: Wanted | None, _take: TakeRecorded) -> None:
        self.wanted = wanted

    def hold(self, holds: Sequence[Hold]) -> dict[str, dict[str, Any]]:
        self.holds = list(holds)
        return {hold.id: {"waiting": 2, "under_way": 1} for hold in holds}

    def prepare(self, new: Snapshot) -> Callable[[], None]:
        def swap() -> None:
            if self.refusal is not None:
                raise self.refusal
            self.revision = new.revision

        return swap

    def apply_endpoints(self, known: Mapping[str, Known]) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.known = dict(known)

    def reload_certificates(self) -> None:
        if self.refusal is not None:
            raise self.refusal

    def close_left(self, routes: Sequence[str]) -> None:
        self.closed_left += routes

    def counters(self) -> dict[str, Any]:
        return {"requests": [["cart", "legacy", "stage", "2xx", self.requests]]}

    def traffic(self) -> list[list[Any]]:
        return [["cart", "legacy", "GET", "/cart/", "curl", 0, self.requests, 0, 0, 0]]

    def drain(self) -> None:
        self.requests += 1  # one was still under way
        self._drained.set()

    async def serve(self, _sockets: list[socket.socket]) -> None:
        await self._drained.wait()


Story = Callable[[Stage, Engine], Awaitable[None]]


def play(tmp_path: Path, story: Story) -> None:
    """Tell a story in which one worker runs; it is drained by a signal at the end."""

    async def told() -> None:
        reports, theirs = socket.socketpair()
        engine = Engine()
        with reports, theirs:
            async with stage(tmp_path) as scene:
                options = Options(str(tmp_path), 0, 1, os.getpid(), theirs.fileno(), "")
                worker = Worker(engine, options, scene.path, Log("worker-0", scene.output))
                serving = asyncio.create_task(worker.serve([]))
                await until(lambda: bool(scene.hub.peers()))
                assert [message["type"] for message in Decoder().feed(reports.recv(1000))] == ["serving"]
                await story(scene, engine)
                engine.drain()
                await serving

    asyncio.run(told())


def push(scene: Stage, revision: str) -> Awaitable[list[Any]]:
    return scene.hub.push(dump_snapshot(snapshot(revision)).decode(), within_seconds=PATIENCE_S)


def test_a_snapshot_is_taken_and_acknowledged(tmp_path: Path) -> None:
    async def story(scene: Stage, engine: Engine) -> None:
        assert [answer.problems for answer in await push(scene, "r2")] == [()]
        assert engine.revision == "r2"
        assert scene.hub.peers()[0].revision == "r2"

    play(tmp_path, story)


def test_streams_of_a_left_side_are_closed_behind_the_snapshot_that_leaves_it(tmp_path: Path) -> None:
    async def story(scene: Stage, engine: Engine) -> None:
        pushed = asyncio.ensure_future(push(scene, "r2"))
        await asyncio.sleep(0)
        scene.plane.close_left(["cart"])
        await until(lambda: engine.closed_left == ["cart"])
        assert engine.revision == "r2"
        await pushed

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (ConfigError([Problem(None, "one"), Problem(None, "two")]), ("one", "two")),
        (FileNotFoundError("/ca.pem: gone"), ("/ca.pem: gone",)),
        (RuntimeError("bug"), ("the snapshot could not be used: RuntimeError('bug')",)),
    ],
    ids=lambda each: type(each).__name__,
)
def test_a_snapshot_the_engine_cannot_use_is_refused_with_the_reason(
    tmp_path: Path, refusal: Exception, said: tuple[str, ...]
) -> None:
    async def story(scene: Stage, engine: Engine) -> None:
        engine.refusal = refusal
        (answer,) = await push(scene, "r2")
        assert answer.problems == said
        assert scene.hub.peers()[0].revision == "r1"

    play(tmp_path, story)


def test_text_that_is_no_snapshot_is_refused(tmp_path: Path) -> None:
    async def story(scene: Stage, engine: Engine) -> None:
        (answer,) = await scene.hub.push("{}", within_seconds=PATIENCE_S)
        assert len(answer.problems) == 1
        assert engine.revision == "r1"

    play(tmp_path, story)


def test_certificates_that_cannot_be_read_are_said(tmp_path: Path) -> None:
    async def story(scene: Stage, engine: Engine) -> None:
        assert (await scene.hub.reload_certificates(within_seconds=PATIENCE_S))[0].problems == ()
        engine.refusal = FileNotFoundError("/key.pem: gone")
        assert (await scene.hub.reload_certificates(within_seconds=PATIENCE_S))[0].problems == ("/key.pem: gone",)

    play(tmp_path, story)


def test_what_is_known_of_endpoints_is_applied_also_after_something_that_could_not_be(tmp_path: Path) -> None:
    known = {"orders": Known((Endpoint("http", "127.0.0.1", 8101),), frozenset({"http://127.0.0.1:8101"}))}

    async def story(scene: Stage, engine: Engine) -> None:
        engine.refusal = RuntimeError("bug")
        scene.hub.settle_on_endpoints({})
        await until(lambda: "endpoints_refused" in scene.output.getvalue())
        engine.refusal = None
        scene.hub.settle_on_endpoints(known)
        await until(lambda: engine.known == known)

    play(tmp_path, story)


def test_what_is_to_be_held_is_held_and_acknowledged(tmp_path: Path) -> None:
    hold = Hold("order@2", ("orders",), 5.0, 500, 99.5)

    async def story(scene: Stage, engine: Engine) -> None:
        (answer,) = await scene.hub.settle_on_holds([hold], within_seconds=PATIENCE_S)
        assert (answer.late, answer.holds) == (False, {"order@2": {"waiting": 2, "under_way": 1}})
        assert engine.holds == [hold]
        await scene.hub.settle_on_holds([], within_seconds=PATIENCE_S)
        assert engine.holds == []

    play(tmp_path, story)


def test_a_worker_that_links_again_is_told_what_is_held_by_then(tmp_path: Path) -> None:
    hold = Hold("order@2", ("orders",), 5.0, 500, 99.5)

    async def story(scene: Stage, engine: Engine) -> None:
        (first,) = scene.hub.peers()
        first.link.abort()
        await scene.hub.settle_on_holds([hold], within_seconds=0.01)
        await until(lambda: engine.holds == [hold])

    play(tmp_path, story)


def test_a_lost_link_is_made_again_and_said_once(tmp_path: Path) -> None:
    async def story(scene: Stage, engine: Engine) -> None:
        (first,) = scene.hub.peers()
        first.link.abort()
        await until(lambda: first not in scene.hub.peers() and bool(scene.hub.peers()))
        assert (await push(scene, "r2"))[0].problems == ()
        assert scene.output.getvalue().count("control_lost") == 1

    play(tmp_path, story)


def test_what_was_asked_for_arrives_too_also_the_last_of_it(tmp_path: Path) -> None:
    taken: list[tuple[int, list[list[Any]]]] = []

    async def story(scene: Stage, engine: Engine) -> None:
        scene.hub.take_traffic = lambda generation, rows: taken.append((generation, rows))
        engine.requests = 6

    play(tmp_path, story)
    assert taken[-1] == (1, [["cart", "legacy", "GET", "/cart/", "curl", 0, 7, 0, 0, 0]])


def test_sigterm_drains_and_the_last_counts_still_arrive(tmp_path: Path) -> None:
    async def story(scene: Stage, engine: Engine) -> None:
        engine.requests = 5
        os.kill(os.getpid(), signal.SIGTERM)
        await until(lambda: not scene.hub.peers())
        assert scene.hub.totals().requests["cart", "legacy", "stage", "2xx"] == 6

    play(tmp_path, story)


@pytest.fixture
def hard() -> Iterator[int]:
    """The hard limit of open files; the soft one is put back."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield limits[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_too_low_a_limit_of_open_files_is_said_with_what_to_do(hard: int) -> None:
    output = io.StringIO()
    raise_file_limit(hard, Log("worker-0", output))
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    assert output.getvalue() == ""
    raise_file_limit(hard + 1, Log("worker-0", output))
    assert json.loads(output.getvalue())["hint"].startswith("raise it")
