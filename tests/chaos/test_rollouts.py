"""A whole rollout of small steps, and every kind of fault at its second step, where few users have it."""

from pathlib import Path

import pytest

from tests.e2e.rolling import Plan, rolling
from tests.support.turning_shop import Fault

pytestmark = pytest.mark.anyio

PLAN = Plan(
    samples=15, steps=(1, 5, 25, 50, 100), window=10.0, clients=6, rate=60.0, patience=240.0, latency="<= legacy * 1.5"
)
LOOK_S = 3.0


async def test_a_route_goes_from_one_percent_to_all_users_by_itself(tmp_path: Path) -> None:
    async with rolling(tmp_path, PLAN) as place:
        await place.until(lambda found: found["weight"] == 1.0 and found["doing"] == "finish")
        assert place.failed == 0
        assert len(place.history()) == 5  # from half of the users to all of them it takes two


@pytest.mark.parametrize("fault", [Fault.ERRORS, Fault.WRONG, Fault.SLOW])
async def test_a_fault_at_five_percent_takes_it_back_within_a_window(tmp_path: Path, fault: Fault) -> None:
    async with rolling(tmp_path, PLAN) as place:
        await place.until(lambda found: found["weight"] == 0.05)
        found = await place.turn(fault)
        assert found["took"] <= PLAN.window + LOOK_S
        assert place.history()[-1]["who"] == "rollout"
