"""The whole shop under fire, on both kinds of ground, for as long as it takes."""

from random import Random

import pytest

from tests.support.grounds import Ground
from tests.support.system import running
from tests.system.scenarios import Fire, burn, catch_up, move_to_and_fro

pytestmark = pytest.mark.anyio


async def test_two_hundred_orders_while_a_service_is_killed_every_second(ground: Ground, chance: Random) -> None:
    faults = f"decline=0.05,timeout=0.2,duplicate=0.1,delay=0.02,seed={chance.randint(0, 10**6)}"
    async with running(ground, faults=faults) as system:
        await burn(system, chance, Fire(orders=200, kills=60))


async def test_a_thousand_orders_on_one_side_while_the_other_is_stopped(ground: Ground, chance: Random) -> None:
    async with running(ground) as system:
        await catch_up(system, chance, orders=1000)


async def test_fifty_moves_under_writers_on_both_sides_and_kills(ground: Ground, chance: Random) -> None:
    async with running(ground) as system:
        await move_to_and_fro(system, chance, switches=50)
