"""Rollouts on live traffic: a route goes up by itself, a fault takes it back, and too little traffic moves nothing."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from tests.support.server import Server, serving
from tests.support.turning_shop import Fault, TurningShop

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

WINDOW_S = 2.0
USERS = 2000
PATIENCE_S = 60.0  # a busy machine answers less in a window, and waits for more


def text(legacy: TurningShop, service: TurningShop, samples: int) -> str:
    return f"""\
version: 1
listen: {{ public: 127.0.0.1:0, console: 127.0.0.1:0 }}
upstreams:
  monolith: {{ url: "http://127.0.0.1:{legacy.port}" }}
  inventory: {{ url: "http://127.0.0.1:{service.port}" }}
defaults: {{ legacy: monolith }}
routes:
  - name: products
    match: GET /api/products/**
    to: inventory
    stage: canary   # by the team that owns it
    canary:
      weight: 10%   # where it begins
      steps: [10%, 50%, 100%]
      hold: 0s
      sticky: {{ header: X-Customer }}
    gates: {{ window: {WINDOW_S:g}s, samples: ">= {samples}", latency_p95: "<= legacy * 50" }}
"""


class Place:
    """A server that rolls a route out, both its sides, and users on their way."""

    def __init__(self, server: Server, legacy: TurningShop, service: TurningShop) -> None:
        self.server, self.legacy, self.service = server, legacy, service
        self.failed = 0

    async def rollout(self) -> dict[str, Any]:
        answer = await asyncio.to_thread(self.server.api, "rollouts")
        (found,) = answer.json()["rollouts"]
        return dict(found)

    async def until(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        late = time.monotonic() + PATIENCE_S
        while time.monotonic() < late:
            if holds(found := await self.rollout()):
                return found
            await asyncio.sleep(0.05)
        raise AssertionError(f"after {PATIENCE_S} s: {json.dumps(found, indent=1)}")

    def history(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.server.api("history").json()["entries"]
        return entries

    async def visit(self, chance: Random) -> None:
        """One user after the other, for ever."""
        async with httpx.AsyncClient(trust_env=False, timeout=15) as client:
            while True:
                user = {"X-Customer": f"user-{chance.randrange(USERS)}"}
                answer = await client.get(f"http://127.0.0.1:{self.server.public}/api/products/7", headers=user)
                self.failed += answer.status_code != 200
                await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def rolling(folder: Path, *, samples: int) -> AsyncIterator[Place]:
    async with TurningShop.serving() as legacy, TurningShop.serving() as service:
        file = text(legacy, service, samples)
        with contextlib.ExitStack() as stack:
            server = await asyncio.to_thread(stack.enter_context, serving(folder, file, "--workers", "2"))
            place = Place(server, legacy, service)
            users = [asyncio.create_task(place.visit(Random(n))) for n in range(3)]
            try:
                yield place
            finally:
                for user in users:
                    user.cancel()
                await asyncio.gather(*users, return_exceptions=True)
                await asyncio.to_thread(stack.close)


async def test_a_route_goes_from_its_first_step_to_all_users_by_itself(tmp_path: Path) -> None:
    async with rolling(tmp_path, samples=15) as place:
        await place.until(lambda found: found["weight"] == 1.0 and found["doing"] == "finish")
        before = place.legacy.asked
        entries = await asyncio.to_thread(place.history)
    assert [(each["who"], each["to"]["weight"]) for each in entries] == [
        ("rollout", "50%"),
        ("rollout", "95%"),
        ("rollout", "100%"),
    ]
    assert place.failed == 0
    assert before > 0
    written = (tmp_path / "routes.yaml").read_text()
    assert "weight: 100%   # where it begins" in written
    assert written.replace("weight: 100% ", "weight: 10% ") == text(place.legacy, place.service, 15)


@pytest.mark.parametrize("fault", [Fault.ERRORS, Fault.WRONG])
async def test_a_fault_takes_the_route_back_and_the_ledger_says_why(tmp_path: Path, fault: Fault) -> None:
    async with rolling(tmp_path, samples=15) as place:
        await place.until(lambda found: found["weight"] == 0.5)
        place.service.fault = fault
        began = time.monotonic()
        found = await place.until(lambda found: found["stage"] == "legacy")
        print(f"{fault}: back after {time.monotonic() - began:.1f} s, a window is {WINDOW_S:g} s: {found['why']}")
        place.failed, asked = 0, place.legacy.asked
        await asyncio.sleep(0.5)
        last = (await asyncio.to_thread(place.history))[-1]
        assert place.failed == 0
        assert place.legacy.asked > asked
    assert (last["who"], last["verb"], last["to"]) == ("rollout", "rollback", {"stage": "legacy"})
    gate = "match_rate" if fault is Fault.WRONG else ("match_rate", "error_rate")
    assert last["why"].startswith(gate), last["why"]
    assert [each["gate"] for each in last["evidence"]["gates"] if each["outcome"] == "breach"]


async def test_with_too_little_traffic_nothing_moves_and_it_says_so(tmp_path: Path) -> None:
    async with rolling(tmp_path, samples=100_000) as place:
        found = await place.until(lambda found: found["doing"] == "hold" and "samples waits" in found["why"])
        await asyncio.sleep(2 * WINDOW_S)
        after = await place.rollout()
        said = (await asyncio.to_thread(place.server.cli, "status")).stdout
    assert (found["weight"], after["weight"]) == (0.1, 0.1)
    assert "of 100000 answers of the service" in after["why"]
    assert "of 100000 answers of the service" in said
    assert await asyncio.to_thread((tmp_path / "routes.yaml").read_text) == text(place.legacy, place.service, 100_000)
