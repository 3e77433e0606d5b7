"""Rollouts on live traffic: a route goes up by itself, a fault takes it back, and too little traffic moves nothing."""

import asyncio
from pathlib import Path

import pytest

from tests.e2e.rolling import Plan, rolling, text
from tests.support.turning_shop import Fault

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def test_a_route_goes_from_its_first_step_to_all_users_by_itself(tmp_path: Path) -> None:
    async with rolling(tmp_path, Plan(samples=5, window=4.0)) as place:
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
    assert written.replace("weight: 100% ", "weight: 10% ") == text(place.legacy, place.service, place.plan)


@pytest.mark.parametrize("fault", [Fault.ERRORS, Fault.WRONG])
async def test_a_fault_takes_the_route_back_and_the_ledger_says_why(tmp_path: Path, fault: Fault) -> None:
    async with rolling(tmp_path, Plan(samples=15)) as place:
        await place.until(lambda found: found["weight"] == 0.5)
        await place.turn(fault)
        await asyncio.to_thread(place.server.wait_until_taken)
        await place.more()  # until nothing is on its way to the service
        place.failed = 0
        await place.more()
        last = (await asyncio.to_thread(place.history))[-1]
        assert place.failed == 0
    assert (last["who"], last["verb"], last["to"]) == ("rollout", "rollback", {"stage": "legacy"})
    gate = "match_rate" if fault is Fault.WRONG else ("match_rate", "error_rate")
    assert last["why"].startswith(gate), last["why"]
    assert [each["gate"] for each in last["evidence"]["gates"] if each["outcome"] == "breach"]


async def test_with_too_little_traffic_nothing_moves_and_it_says_so(tmp_path: Path) -> None:
    plan = Plan(samples=100_000)
    async with rolling(tmp_path, plan) as place:
        found = await place.until(lambda found: found["doing"] == "hold" and "samples waits" in found["why"])
        await asyncio.sleep(2 * plan.window)
        after = await place.rollout()
        said = (await asyncio.to_thread(place.server.cli, "status")).stdout
    assert (found["weight"], after["weight"]) == (0.1, 0.1)
    assert "of 100000 answers of the service" in after["why"]
    assert "of 100000 answers of the service" in said
    assert await asyncio.to_thread((tmp_path / "routes.yaml").read_text) == text(place.legacy, place.service, plan)
