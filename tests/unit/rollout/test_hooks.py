"""Hooks: asked before a step, told after a rollback, and never waited for."""

import asyncio
import io
import json

from proxy.observability.log import Log
from proxy.rollout.asking import Answer, NoAnswer
from proxy.rollout.hooks import MAX_TELLING, Hooks
from tests.support.rolling import FakeAsks

URL = "http://hook/"
BODY = {"route": "r", "from": 0.01, "to": 0.05, "readings": []}


def hooks(asks: FakeAsks) -> tuple[Hooks, io.StringIO]:
    output = io.StringIO()
    return Hooks(asks, Log("t", output)), output


def test_a_hook_is_asked_once_and_its_word_is_there_at_a_later_look() -> None:
    async def story() -> None:
        asks = FakeAsks()
        found, _ = hooks(asks)
        assert found.before_step("r", URL, 5, BODY) is None
        await asyncio.sleep(0)
        assert found.before_step("r", URL, 5, BODY) == ""
        assert asks.asked == [(URL, BODY)]
        found.forget("r")
        assert found.before_step("r", URL, 5, BODY) is None

    asyncio.run(story())


def test_what_was_said_of_one_step_is_not_taken_for_another() -> None:
    async def story() -> None:
        found, _ = hooks(FakeAsks())
        found.before_step("r", URL, 5, BODY)
        await asyncio.sleep(0)
        assert found.before_step("r", URL, 5, {**BODY, "to": 0.25}) is None
        await asyncio.sleep(0)

    asyncio.run(story())


def test_anything_but_2xx_and_no_answer_keep_the_step_back() -> None:
    async def story() -> None:
        for answer in (Answer(302, b""), Answer(404, b""), NoAnswer("connection refused")):
            asks = FakeAsks()
            asks.answers[URL] = answer
            found, _ = hooks(asks)
            found.before_step("r", URL, 5, BODY)
            await asyncio.sleep(0)
            assert found.before_step("r", URL, 5, BODY)

    asyncio.run(story())


def test_a_rollback_is_told_and_a_failure_logged() -> None:
    async def story() -> None:
        asks = FakeAsks()
        found, output = hooks(asks)
        for answer in (Answer(200, b""), Answer(500, b"secret"), NoAnswer("no answer within 5 s")):
            asks.answers[URL] = answer
            found.after_rollback("r", URL, 5, {"because": "x"})
            await asyncio.sleep(0)
        lines = [json.loads(line) for line in output.getvalue().splitlines()]
        assert [line["detail"] for line in lines] == ["status 500", "no answer within 5 s"]

    asyncio.run(story())


def test_only_so_many_rollbacks_are_being_told() -> None:
    class Hangs(FakeAsks):
        async def ask(self, url: str, *, seconds: float, body: bytes | None = None) -> Answer:
            await asyncio.Event().wait()
            raise AssertionError

    async def story() -> None:
        found, output = hooks(Hangs())
        for _ in range(MAX_TELLING + 1):
            found.after_rollback("r", URL, 5, {})
        assert "too many" in output.getvalue()
        found.close()
        await asyncio.sleep(0)

    asyncio.run(story())
