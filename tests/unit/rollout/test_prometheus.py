"""One number out of Prometheus, or the reason why there is none."""

import asyncio
import json
from typing import Any

import pytest

from proxy.config.moving import Bound, Gate, GateKind, Limit
from proxy.rollout.asking import Answer, NoAnswer
from proxy.rollout.checks import Unknown
from proxy.rollout.prometheus import EVERY_SECONDS, STALE_SECONDS, Numbers, query_url, read_number
from tests.support.rolling import FakeAsks

URL, QUERY = "http://prometheus:9090", 'sum(rate(errors{job="a"}[1m]))'
GATE = Gate("errors", GateKind.CUSTOM, Limit(Bound.AT_MOST, 5), QUERY, URL)
ASKED = query_url(URL, QUERY)


def says(kind: str, result: Any, status: str = "success") -> Answer:
    return Answer(200, json.dumps({"status": status, "data": {"resultType": kind, "result": result}}).encode())


ONE = says("vector", [{"metric": {}, "value": [1.0, "2.5"]}])


def test_a_query_is_one_of_the_http_api() -> None:
    assert ASKED == ("http://prometheus:9090/api/v1/query?query=sum%28rate%28errors%7Bjob%3D%22a%22%7D%5B1m%5D%29%29")
    assert query_url("http://p/prefix/", "up").startswith("http://p/prefix/api/v1/query?")


@pytest.mark.parametrize("answer", [ONE, says("scalar", [1.0, "2.5"])])
def test_a_scalar_and_a_vector_of_one_are_a_number(answer: Answer) -> None:
    assert read_number(answer) == 2.5


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (says("vector", []), "the query finds nothing"),
        (says("vector", [{"value": [1, "1"]}] * 3), "the query finds 3 numbers, not one"),
        (says("matrix", []), "the query gives a matrix, not one number"),
        (says("string", [1, "x"]), "the query gives a string, not one number"),
        (says("scalar", [1, "NaN"]), "the query gives no finite number"),
        (says("scalar", [1, "+Inf"]), "the query gives no finite number"),
        (says("scalar", [1, "many"]), "what answered is no Prometheus"),
        (says("secret", []), "what answered is no Prometheus"),
        (says("scalar", None, "error"), "Prometheus could not answer the query"),
        (Answer(200, b"<html>secret</html>"), "what answered is no Prometheus"),
        (Answer(200, b"[]"), "what answered is no Prometheus"),
        (Answer(200, b"[" * 100_000), "what answered is no Prometheus"),
        (Answer(400, b"secret"), "Prometheus answered with status 400"),
    ],
)
def test_everything_else_is_unknown_and_quotes_nothing(answer: Answer, why: str) -> None:
    assert read_number(answer) == Unknown(why)


def test_a_number_is_asked_for_now_and_then_and_known_between() -> None:
    async def story() -> None:
        asks = FakeAsks()
        asks.answers[ASKED] = ONE
        numbers = Numbers(asks)
        assert numbers.of(GATE, 100.0) == Unknown("it was not asked for yet")
        for second in range(100, 111):
            numbers.refresh([GATE, GATE], second)
            await asyncio.sleep(0)
        assert len(asks.asked) == 1 + 10 // EVERY_SECONDS
        assert numbers.of(GATE, 111.0) == 2.5
        asks.answers[ASKED] = NoAnswer("no answer within 2 s")
        numbers.refresh([GATE], 120.0)
        await asyncio.sleep(0)
        assert numbers.of(GATE, 120.0) == Unknown("Prometheus: no answer within 2 s")
        numbers.refresh([], 121.0)
        assert numbers.of(GATE, 121.0) == Unknown("it was not asked for yet")

    asyncio.run(story())


def test_a_prometheus_that_hangs_is_not_asked_again_meanwhile_and_what_it_said_gets_old() -> None:
    class Hangs(FakeAsks):
        async def ask(self, url: str, *, seconds: float, body: bytes | None = None) -> Answer:
            answer = await super().ask(url, seconds=seconds, body=body)
            if len(self.asked) > 1:
                await asyncio.Event().wait()
            return answer

    async def story() -> None:
        asks = Hangs()
        asks.answers[ASKED] = ONE
        numbers = Numbers(asks)
        for second in range(100, 150):
            numbers.refresh([GATE], second)
            await asyncio.sleep(0)
        assert len(asks.asked) == 2
        assert numbers.of(GATE, 100.0 + STALE_SECONDS) == 2.5
        assert numbers.of(GATE, 101.0 + STALE_SECONDS) == Unknown("Prometheus has not answered for a while")

    asyncio.run(story())
