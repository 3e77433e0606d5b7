"""Pairs of live traffic are compared in their turn; what there is no room for goes, and nothing ends the runner."""

import io
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from proxy.comparison.difference import Comparison
from proxy.comparison.runner import MAX_AGE_SECONDS, Came, Runner
from proxy.comparison.tally import Judged
from proxy.config.compare import Compare, IgnoreRule, Shadow
from proxy.config.model import Snapshot
from proxy.observability.log import Log
from proxy.wire.exchange import Exchange
from tests.support.exchanges import an_answer, an_exchange
from tests.support.routing import route, snapshot

SOON = 10.0  # seconds; far more than anything here takes
DAY = datetime(2026, 11, 22, 23, 59, tzinfo=UTC)
SECRET = "sw0rdfish-and-chips"


def shadowed(name: str = "r", stage: str = "shadow", **compare: Any) -> Snapshot:
    return snapshot(route(name, "/a", stage=stage, shadow=Shadow(), compare=Compare(**compare)))


def pair(left: bytes = b'{"a": 1}', right: bytes = b'{"a": 1}', **more: Any) -> Exchange:
    answers = {"legacy": an_answer(left), "service": an_answer(right)}
    return replace(an_exchange(), **({"route": "r", "answers": answers, "primary": "legacy"} | more))


class Shelf:
    """Keeps what it is given. While it is `held`, whoever records waits."""

    def __init__(self) -> None:
        self.kept: list[Judged] = []
        self.fails: Exception | None = None
        self.free, self.reached = threading.Event(), threading.Event()
        self.free.set()

    def wants_example(self, _route: str, _rules: str, _comparison: Comparison) -> bool:
        return True

    def record(self, judged: Judged) -> None:
        self.reached.set()
        assert self.free.wait(SOON)
        if self.fails is not None:
            raise self.fails
        self.kept.append(judged)


class Scene:
    def __init__(self, **limits: int) -> None:
        self.shelf, self.stream = Shelf(), io.StringIO()
        self.now, self.seconds = DAY, 0.0
        self.runner = Runner(
            self.shelf,
            Log("t", self.stream),
            shadowed(),
            now=lambda: self.now,
            monotonic=lambda: self.seconds,
            **limits,
        )

    def takes(self, exchange: Exchange, failure: str | None = None) -> None:
        self.runner.take(exchange, failure)

    def done(self) -> dict[str, int]:
        """What became of all pairs."""
        assert self.runner.wait_until_done(SOON)
        return {came.value: count for (_, came), count in self.runner.count().items()}

    def hold(self) -> None:
        """Let the runner stand at its first pair."""
        self.shelf.free.clear()
        self.takes(pair())
        assert self.shelf.reached.wait(SOON)


@pytest.fixture
def scenes() -> Iterator[list[Scene]]:
    made: list[Scene] = []
    yield made
    for scene in made:
        scene.shelf.free.set()
        scene.runner.close()


@pytest.fixture
def scene(scenes: list[Scene]) -> Scene:
    scenes.append(Scene(max_waiting=4, max_waiting_bytes=100_000))
    return scenes[0]


def test_pairs_are_counted_by_what_they_come_to(scene: Scene) -> None:
    scene.takes(pair())
    scene.done()
    scene.takes(pair(right=b'{"a": 2}'))
    scene.takes(pair(right=b"[" * 100 + b"]" * 100, left=b"[" * 99 + b"]" * 99))
    scene.takes(pair(answers={"legacy": an_answer()}), "connect_error")
    assert scene.done() == {"equal": 1, "different": 2, "undecided": 1}
    assert len(scene.shelf.kept) == 4
    assert scene.runner.waiting_bytes == 0


@pytest.mark.parametrize("exchange", [pair(answers={"legacy": an_answer()}), pair(route=None)])
def test_what_has_no_other_side_is_no_pair(scene: Scene, exchange: Exchange) -> None:
    scene.takes(exchange)
    assert scene.done() == {}


def test_of_too_many_the_oldest_go(scene: Scene) -> None:
    scene.hold()
    for number in range(6):
        scene.takes(pair(at=DAY + timedelta(seconds=number)))
    scene.shelf.free.set()
    assert scene.done() == {"queue_full": 2, "equal": 5}
    assert [(each.at - DAY).seconds for each in scene.shelf.kept[1:]] == [2, 3, 4, 5]


def test_of_too_large_ones_the_oldest_go(scene: Scene) -> None:
    scene.hold()
    for _ in range(3):
        scene.takes(pair(b"x" * 40_000))
    assert scene.runner.waiting == 2
    assert scene.runner.waiting_bytes <= 100_000
    scene.takes(pair(b"x" * 200_000))
    assert (scene.runner.waiting, scene.runner.waiting_bytes) == (0, 0)
    scene.shelf.free.set()
    assert scene.done() == {"memory_full": 4, "equal": 1}


def test_when_there_is_more_to_do_than_time_counts_go_before_examples(scene: Scene) -> None:
    scene.hold()
    for _ in range(4):
        scene.takes(pair(right=b'{"a": 2}'))
    scene.shelf.free.set()
    scene.done()
    assert [each.example is not None for each in scene.shelf.kept] == [False, False, True, True, True]


def test_what_waited_too_long_is_not_compared(scene: Scene) -> None:
    scene.hold()
    scene.takes(pair())
    scene.seconds += MAX_AGE_SECONDS + 1
    scene.shelf.free.set()
    assert scene.done() == {"equal": 1, "too_old": 1}


def test_a_mistake_of_ours_is_counted_and_told_once_without_content_and_ends_nothing(scene: Scene) -> None:
    scene.shelf.fails = ValueError(f"cannot read {SECRET}")
    scene.takes(pair())
    scene.takes(pair())
    assert scene.done() == {"failed": 2}
    scene.shelf.fails = None
    scene.takes(pair())
    assert scene.done() == {"failed": 2, "equal": 1}
    (line,) = map(json.loads, scene.stream.getvalue().splitlines())
    assert (line["event"], line["route"], line["error"]) == ("comparison_failed", "r", "ValueError")
    assert line["at"][-1].endswith("record")
    assert SECRET not in scene.stream.getvalue()


@pytest.mark.parametrize("after", [shadowed("other"), shadowed(stage="cutover"), shadowed(stage="legacy")])
def test_pairs_of_a_stage_that_is_no_more_are_not_compared(scene: Scene, after: Snapshot) -> None:
    scene.runner.follow(after)
    scene.takes(pair())
    assert scene.done() == {"outdated": 1}


def test_at_canary_pairs_are_compared_whoever_answered_the_client(scene: Scene) -> None:
    scene.runner.follow(shadowed(stage="canary"))
    scene.takes(pair())
    scene.takes(pair(primary="service"))
    assert scene.done() == {"equal": 2}


def test_a_reload_with_other_rules_begins_to_count_anew(scene: Scene) -> None:
    scene.takes(pair(right=b'{"a": 2}'))
    scene.done()
    scene.runner.follow(shadowed(ignore=(IgnoreRule(path="$.a"),)))
    scene.takes(pair(right=b'{"a": 2}'))
    assert scene.done() == {"different": 1, "equal": 1}
    first, second = scene.shelf.kept
    assert first.rules != second.rules


def test_a_rule_ends_with_its_last_day_and_without_a_reload(scene: Scene) -> None:
    scene.runner.follow(shadowed(ignore=(IgnoreRule(path="$.a", until=DAY.date()),)))
    scene.takes(pair(right=b'{"a": 2}'))
    scene.done()
    scene.now += timedelta(minutes=2)
    scene.takes(pair(right=b'{"a": 2}'))
    assert scene.done() == {"equal": 1, "different": 1}


def test_what_waits_at_the_end_is_forgotten(scene: Scene) -> None:
    scene.hold()
    scene.takes(pair())
    scene.shelf.free.set()
    scene.runner.close(SOON)
    assert scene.runner.count()["r", Came.EQUAL] in (1, 2)
