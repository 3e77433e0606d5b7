"""Handovers by the proxy's own command under fifty writers, there and back twenty times."""

from pathlib import Path
from random import Random

import pytest

from tests.support.grounds import Ground
from tests.support.system import running
from tests.system.proxied import VICTIMS, Size, move_under_writers

pytestmark = pytest.mark.anyio
HANDOVERS = 20


async def test_fifty_writers_and_twenty_handovers_with_somebody_killed_in_each(
    embedded: Ground, chance: Random, tmp_path: Path
) -> None:
    victims = [chance.choice(VICTIMS) for _ in range(HANDOVERS)]
    async with running(embedded) as system:
        await move_under_writers(system, chance, tmp_path / "proxy", Size(50, victims, most_rest=10.0))


async def test_fifty_writers_and_twenty_handovers_with_nobody_killed(
    embedded: Ground, chance: Random, tmp_path: Path
) -> None:
    """The longest pause that it prints is what a handover costs."""
    async with running(embedded) as system:
        await move_under_writers(system, chance, tmp_path / "proxy", Size(50, [""] * HANDOVERS, most_rest=10.0))
