"""A service that accepts and never answers, or always fails, in real processes: nobody else pays for it.

`make chaos` plays the same for longer, and faster.
"""

from pathlib import Path

import pytest

from tests.e2e.stalling import break_and_mend, compare_in_pairs, storm

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def test_a_stalled_service_disturbs_neither_its_neighbour_nor_the_proxy(tmp_path: Path) -> None:
    await compare_in_pairs(tmp_path, rate=150, seconds=0.5)


@pytest.mark.parametrize("workers", [1, 3])
async def test_a_breaker_opens_in_time_asks_with_one_request_a_worker_and_closes(tmp_path: Path, workers: int) -> None:
    await break_and_mend(tmp_path, workers=workers, probes=2)


@pytest.mark.parametrize("workers", [1, 3])
async def test_retries_never_become_a_storm(tmp_path: Path, workers: int) -> None:
    await storm(tmp_path, workers=workers, rate=300, seconds=1.5)
