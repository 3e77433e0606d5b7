"""The whole shop as real processes: orders while services are killed, a side that was stopped, ownership that moves.

In one file, so that one process fills the grounds for all of them. `make chaos` plays the same in full size.
"""

from pathlib import Path
from random import Random

import pytest

from tests.support.grounds import Ground
from tests.support.system import running
from tests.system.proxied import VICTIMS, Size, move_under_writers
from tests.system.scenarios import Fire, burn, catch_up, move_to_and_fro

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def test_every_order_ends_and_all_adds_up_though_services_are_killed(ground: Ground, chance: Random) -> None:
    """A saga has an end whatever dies, and nothing is sold or charged twice."""
    faults = f"decline=0.05,timeout=0.2,duplicate=0.1,delay=0.02,seed={chance.randint(0, 10**6)}"
    async with running(ground, faults=faults) as system:
        await burn(system, chance, Fire(orders=16, kills=3))


async def test_a_side_that_was_stopped_has_everything_soon_after_its_start(embedded: Ground, chance: Random) -> None:
    async with running(embedded) as system:
        await catch_up(system, chance, orders=8)


async def test_what_was_acknowledged_is_there_once_on_both_sides(brokerless: Ground, chance: Random) -> None:
    """Ownership is moved by hand, with writers on both sides and everybody killed now and then."""
    async with running(brokerless) as system:
        await move_to_and_fro(system, chance, switches=2)


async def test_orders_are_there_once_after_handovers_by_the_proxy_with_somebody_killed(
    embedded: Ground, chance: Random, tmp_path: Path
) -> None:
    async with running(embedded) as system:
        size = Size(writers=4, victims=("", chance.choice(VICTIMS)), most_rest=1.0)
        await move_under_writers(system, chance, tmp_path / "proxy", size)
