"""Pairs of all workers are compared, and workers are told how often to ask a primary again."""

import asyncio
import io
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from proxy import clock
from proxy.comparison.verdict import ALWAYS_AGAIN, Verdict
from proxy.config.compare import Compare, IgnoreRule, Shadow
from proxy.config.model import Snapshot
from proxy.control.comparing import UNTIL_COUNTED, Comparing
from proxy.control.hub import Hub
from proxy.control.pairs import Pair
from proxy.observability.log import Log
from tests.support.control import until
from tests.support.exchanges import an_answer, an_exchange
from tests.support.routing import route, snapshot


class ToldHub(Hub):
    """Remembers what workers are told, instead of telling them."""

    def __init__(self, log: Log) -> None:
        super().__init__(log)
        self.shares: list[dict[str, float]] = []

    def settle_on_asking_again(self, shares: Mapping[str, float]) -> None:
        self.shares.append(dict(shares))


@dataclass
class Scene:
    folder: Path
    log: io.StringIO = field(default_factory=io.StringIO)

    def __post_init__(self) -> None:
        self.hub = ToldHub(Log("t", self.log))
        self.comparing = Comparing(self.hub, self.shadowed(), Log("t", self.log))

    def shadowed(self, *ignored: str) -> Snapshot:
        rules = Compare(ignore=tuple(IgnoreRule(path=path) for path in ignored))
        made = snapshot(
            route("r", "/a", stage="shadow", shadow=Shadow(), compare=rules), route("plain", "/b"),
            state_dir=str(self.folder),
        )  # fmt: skip
        return replace(made, revision=f"r{len(ignored)}")

    def takes(self, count: int, *, again: bool = True, right: bytes = b'{"a": 1}') -> None:
        answers = {"legacy": an_answer(b'{"a": 1}'), "service": an_answer(right)}
        if again:
            answers["again"] = an_answer(b'{"a": 1}')
        pair = replace(an_exchange(), at=clock.now(), route="r", answers=answers, primary="legacy")
        for _ in range(count):
            self.hub.take_pair(Pair(pair))

    async def stands(self, verdict: Verdict) -> None:
        await until(lambda: "r" in self.comparing.standings and self.comparing.standings["r"].verdict is verdict)


Story = Callable[[Scene], Awaitable[None]]
Play = Callable[[Story], None]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    def act(story: Story) -> None:
        async def told() -> None:
            scene = Scene(tmp_path)
            running = asyncio.create_task(scene.comparing.run())
            await until(lambda: bool(scene.hub.shares))
            try:
                await story(scene)
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
            assert scene.log.getvalue() == ""

        asyncio.run(told())

    return act


def test_a_route_that_nothing_is_known_of_is_asked_again_every_time(play: Play) -> None:
    async def story(scene: Scene) -> None:
        assert scene.hub.shares == [{"r": 1.0}]
        assert scene.comparing.standings["r"].verdict is Verdict.NOT_ENOUGH_DATA

    play(story)


def test_no_more_are_asked_again_at_once_when_the_first_have_come(play: Play) -> None:
    async def story(scene: Scene) -> None:
        scene.takes(ALWAYS_AGAIN - 1)
        assert scene.hub.shares[-1] == {"r": 1.0}
        scene.takes(1)
        assert scene.hub.shares[-1] == {"r": UNTIL_COUNTED}

    play(story)


def test_what_was_counted_tells_how_a_route_stands_and_how_often_to_ask(play: Play) -> None:
    async def story(scene: Scene) -> None:
        scene.takes(ALWAYS_AGAIN)
        scene.takes(100, again=False)
        await scene.stands(Verdict.MATCH)
        scene.takes(60, again=False, right=b'{"a": 2}')
        await scene.stands(Verdict.MISMATCH)

    play(story)


def test_other_rules_begin_anew_and_the_same_ones_go_on(play: Play) -> None:
    async def story(scene: Scene) -> None:
        scene.takes(ALWAYS_AGAIN)
        scene.takes(100, again=False, right=b'{"a": 2}')
        await scene.stands(Verdict.MISMATCH)
        scene.comparing.follow(scene.shadowed("$.a"))
        await scene.stands(Verdict.NOT_ENOUGH_DATA)
        assert scene.hub.shares[-1] == {"r": 1.0}
        scene.comparing.follow(scene.shadowed())
        await scene.stands(Verdict.MISMATCH)

    play(story)


def test_what_comes_while_nothing_runs_is_let_go(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.takes(1)
    assert scene.comparing.runner is None
    assert list(tmp_path.iterdir()) == []
