"""A replay's order, pace and bounds, against a system within the process."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from proxy.comparison.asking import Side
from proxy.comparison.remap import Remap
from proxy.comparison.replay import Pace, Replay, Unreachable, in_order
from proxy.wire.exchange import CapturedAnswer, CapturedRequest, Exchange

BEGAN = datetime(2026, 11, 22, 12, tzinfo=UTC)
AT_ONCE = Pace(speed=1000.0)


def recorded(target: str, *, at: float = 0.0, seconds: float = 0.001, method: str = "GET", **more: object) -> Exchange:
    body = more.get("body", b"")
    assert isinstance(body, bytes)
    fields = (("Content-Type", "application/json"),)
    answer = CapturedAnswer(200, fields, json.dumps(more.get("answer", {})).encode(), seconds)
    request = CapturedRequest(method, target, fields, body)
    return Exchange(BEGAN + timedelta(seconds=at), None, request, {"legacy": answer}, "legacy")


class System(httpx.AsyncBaseTransport):
    """Answers every request with the next id, and remembers how many it had at a time."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.most = self.now = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        target = request.extensions["target"].decode()
        self.seen.append(f"{request.method} {target}")
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.005 if "slow" in target else 0)
        self.now -= 1
        body = httpx.ByteStream(json.dumps({"id": 100 + len(self.seen)}).encode())
        status = 500 if "broken" in target else 200
        return httpx.Response(status, headers={"Content-Type": "application/json"}, stream=body)


def replay(exchanges: list[Exchange], system: httpx.AsyncBaseTransport, **options: object) -> Replay:
    async def story() -> Replay:
        async with Side("http://127.0.0.1:9", transport=system) as side:
            chosen = {"pace": AT_ONCE, "concurrency": 8, **options}
            run = Replay(side, Remap(), lambda *_: None, **chosen)
            run.result.position = start
            await run.run(in_order(exchanges), lambda _done: None)
            return run

    start = int(options.pop("position", 0))
    return asyncio.run(story())


def test_requests_go_in_the_order_in_which_they_began_not_ended():
    system = System()
    replay([recorded("/b", at=1), recorded("/a", at=0), recorded("/c", at=2)], system)
    assert system.seen == ["GET /a", "GET /b", "GET /c"]


def test_what_had_been_answered_before_is_answered_before_and_its_id_is_used():
    system = System()
    first = recorded("/slow", method="POST", answer={"id": 17})
    run = replay([first, recorded("/orders/17", at=1)], system, allow_writes=True)
    assert system.seen == ["POST /slow", "GET /orders/101"]
    assert run.result.well


def test_what_ran_at_the_same_time_runs_at_the_same_time_within_the_bound():
    wide, narrow = System(), System()
    exchanges = [recorded("/slow", at=0.001 * number, seconds=1) for number in range(6)]
    replay(exchanges, wide)
    replay(exchanges, narrow, concurrency=2)
    assert wide.most > 2
    assert narrow.most == 2


def test_writes_and_withheld_bodies_are_not_sent():
    system = System()
    withheld = recorded("/c", method="POST", body=b"[withheld: 12 bytes, application/pdf]")
    run = replay([recorded("/a"), recorded("/b", method="DELETE")], system)
    assert run.result.skipped == {"unsafe_method": 1}
    run = replay([withheld], system, allow_writes=True)
    assert run.result.skipped == {"body_withheld": 1}
    assert system.seen == ["GET /a"]


def test_another_status_than_the_recorded_one_is_told():
    run = replay([recorded("/broken"), recorded("/a", at=1)], System())
    assert run.result.other_status == {"200 → 500": 1}
    assert not run.result.well


def test_it_goes_on_from_a_position():
    system = System()
    run = replay([recorded(f"/{number}", at=number) for number in range(4)], system, position=2)
    assert system.seen == ["GET /2", "GET /3"]
    assert run.result.position == 4


def test_a_rate_spaces_requests_whatever_was_recorded():
    system = System()
    loop_times: list[float] = []
    exchanges = [recorded("/a") for _ in range(5)]

    async def story() -> None:
        async with Side("http://127.0.0.1:9", transport=system) as side:
            run = Replay(side, Remap(), lambda *_: None, pace=Pace(a_second=100), concurrency=4)
            loop_times.append(asyncio.get_running_loop().time())
            await run.run(exchanges, lambda _done: None)
            loop_times.append(asyncio.get_running_loop().time())

    asyncio.run(story())
    assert loop_times[1] - loop_times[0] >= 0.04


def test_a_system_that_answers_nothing_ends_the_replay():
    class Dead(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError("refused")

    with pytest.raises(Unreachable, match="answers nothing"):
        replay([recorded("/a", at=number) for number in range(9)], Dead())
