"""Orders while services are killed: a saga has an end whatever dies, and nothing is sold or charged twice."""

from random import Random

import pytest

from tests.support.grounds import Ground
from tests.support.system import running
from tests.system.scenarios import Fire, burn

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def test_every_order_ends_and_all_adds_up_though_services_are_killed(ground: Ground, chance: Random) -> None:
    faults = f"decline=0.05,timeout=0.2,duplicate=0.1,delay=0.02,seed={chance.randint(0, 10**6)}"
    async with running(ground, faults=faults) as system:
        await burn(system, chance, Fire(orders=24, kills=4))
