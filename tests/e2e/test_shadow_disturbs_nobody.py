"""A shadowed service that is ill, in real processes: nobody's request fails for it, and nothing grows without bound.

`make chaos` plays the same for longer and faster, and judges latencies.
"""

from pathlib import Path

import pytest

from tests.e2e.shadowing import Illness, beside_the_ill, disturb_nobody

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def test_a_shadow_that_stalls_dies_or_reads_slowly_disturbs_nobody(tmp_path: Path) -> None:
    async with beside_the_ill(tmp_path) as here:
        for illness in Illness:
            await disturb_nobody(here, illness, rate=200, seconds=0.6, pairs=1)
