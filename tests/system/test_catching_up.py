"""One side works on while the other is stopped; then that catches up."""

from random import Random

import pytest

from tests.support.grounds import Ground
from tests.support.system import running
from tests.system.scenarios import catch_up

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def test_a_side_that_was_stopped_has_everything_soon_after_its_start(embedded: Ground, chance: Random) -> None:
    async with running(embedded) as system:
        await catch_up(system, chance, orders=16)
