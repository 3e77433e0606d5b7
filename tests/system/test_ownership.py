"""Ownership moved by hand, with writers on both sides and everybody killed now and then."""

from random import Random

import pytest

from tests.support.grounds import Ground
from tests.support.system import running
from tests.system.scenarios import move_to_and_fro

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def test_what_was_acknowledged_is_there_once_on_both_sides(brokerless: Ground, chance: Random) -> None:
    async with running(brokerless) as system:
        await move_to_and_fro(system, chance, switches=4)
