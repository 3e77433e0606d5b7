"""Upstreams that die, flap and stay away, in real processes: users notice as little as can be, writes happen once.

`make chaos` plays the same for longer, and faster.
"""

from pathlib import Path
from random import Random

import pytest

from tests.e2e.failing import fall_back, flap, kill_one_of_two

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

RATE = 500
"""Requests a second."""


@pytest.mark.parametrize("workers", [1, 3])
async def test_a_killed_endpoint_costs_only_what_it_had_under_way_and_no_write_is_sent_twice(
    tmp_path: Path, workers: int
) -> None:
    await kill_one_of_two(tmp_path, Random(workers), workers=workers, rate=RATE, seconds=3)


async def test_an_endpoint_that_comes_and_goes_fails_no_read_and_is_not_ejected_before_its_time(tmp_path: Path) -> None:
    await flap(tmp_path, seconds=8)


async def test_the_monolith_reads_for_a_service_that_is_down_and_never_writes_for_it(tmp_path: Path) -> None:
    await fall_back(tmp_path, rounds=1)
