"""Following a source: what is published, kept and said, and when it is asked again."""

import asyncio

import pytest

from proxy.config.model import Endpoint
from proxy.forwarding.discovery import LONGEST_SECONDS, SHORTEST_SECONDS, Discovery
from proxy.forwarding.sources import Found, NotFoundError
from tests.support.told import Told

ONE, TWO = (Endpoint("http", "127.0.0.1", port) for port in (8101, 8102))


class Script:
    """A source whose answers are written down; the last one stays."""

    def __init__(self, *answers: Found | Exception, slowest: float) -> None:
        self.slowest = slowest
        self.answers = list(answers)

    async def find(self) -> Found:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Follower:
    """A discovery on a script; `waits` are the pauses it made."""

    def __init__(self, *answers: Found | Exception, known: tuple[Endpoint, ...] = (), slowest: float = 30.0) -> None:
        self.told = Told()
        self.published: list[tuple[Endpoint, ...]] = []
        source = Script(*answers, slowest=slowest)
        self.discovery = Discovery("orders", source, known, self.published.append, self.told, now=lambda: 0.0)

    def look_up(self, times: int = 1) -> list[float]:
        return [asyncio.run(self.discovery.look_up()) for _ in range(times)]


def test_only_an_answer_that_differs_is_published() -> None:
    follower = Follower(Found((ONE,), 5), Found((ONE,), 5), Found((ONE, TWO), 5), Found((TWO,), 5))
    follower.look_up(5)
    assert follower.published == [(ONE,), (ONE, TWO), (TWO,)]
    assert follower.told.events("endpoints_changed")[1:] == [
        {"upstream": "orders", "endpoints": 2, "added": [TWO.url], "removed": []},
        {"upstream": "orders", "endpoints": 1, "added": [], "removed": [ONE.url]},
    ]


def test_what_is_known_already_is_no_news() -> None:
    follower = Follower(Found((ONE,), 5), known=(ONE,))
    follower.look_up()
    assert follower.published == []


@pytest.mark.parametrize(
    ("ttl", "wait"), [(0, SHORTEST_SECONDS), (1, 1.0), (42, 42.0), (604_800, LONGEST_SECONDS)], ids=str
)
def test_it_asks_again_when_the_answer_has_run_out_within_bounds(ttl: float, wait: float) -> None:
    assert Follower(Found((ONE,), ttl)).look_up() == [wait]


def test_failures_keep_the_last_answer_and_are_asked_about_ever_more_rarely() -> None:
    follower = Follower(Found((ONE,), 5), *[NotFoundError("away")] * 9, Found((ONE,), 5), NotFoundError("away"))
    assert follower.look_up(12) == [5, 1, 2, 4, 8, 16, 30, 30, 30, 30, 5, 1]
    assert follower.published == [(ONE,)]
    assert follower.discovery.look_ups == {"success": 2, "failure": 10}


def test_a_failure_is_said_once_for_each_reason_and_so_is_its_end() -> None:
    answers = [NotFoundError("away")] * 3 + [NotFoundError("broken")] * 2 + [Found((ONE,), 5)] * 2
    follower = Follower(*answers)
    follower.look_up(4)
    assert follower.discovery.describe() == {"error": "broken", "last_answer_seconds": None}
    follower.look_up(3)
    assert [each["reason"] for each in follower.told.events("discovery_failed")] == ["away", "broken"]
    assert len(follower.told.events("discovery_recovered")) == 1
    assert follower.discovery.describe() == {"error": None, "last_answer_seconds": 0.0}


def test_what_nobody_foresaw_is_a_failure_too() -> None:
    follower = Follower(RuntimeError("bug"), Found((ONE,), 5))
    assert follower.look_up(2) == [1, 5]
    assert follower.told.events("discovery_failed")[0]["reason"] == "RuntimeError('bug')"


def test_a_source_that_costs_nothing_is_asked_often_also_while_it_fails() -> None:
    follower = Follower(NotFoundError("no such file"), slowest=1.0)
    assert follower.look_up(4) == [1, 1, 1, 1]
