"""Writing moves by the proxy's own command, under customers, and with somebody killed at a bad moment."""

from pathlib import Path
from random import Random

import pytest

from tests.support.grounds import Ground
from tests.support.system import running
from tests.system.proxied import VICTIMS, Size, move_under_writers

pytestmark = pytest.mark.anyio


async def test_orders_are_there_once_after_handovers_with_somebody_killed(
    embedded: Ground, chance: Random, tmp_path: Path
) -> None:
    async with running(embedded) as system:
        size = Size(writers=6, victims=("", chance.choice(VICTIMS)))
        await move_under_writers(system, chance, tmp_path / "proxy", size)
