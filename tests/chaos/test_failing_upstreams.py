"""Upstreams that die, flap and stall, and whatever can be used up: longer, faster and with more clients than in CI."""

from pathlib import Path
from random import Random

import pytest

from proxy.forwarding.files import most_clients
from tests.e2e.exhausting import answer_wrongly, keep_still, use_up_the_files
from tests.e2e.failing import fall_back, flap, kill_one_of_two
from tests.e2e.shadowing import PAIRS, Illness, beside_the_ill, disturb_nobody, judge_the_latencies
from tests.e2e.stalling import break_and_mend, compare_in_pairs, storm

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("workers", [1, 3])
async def test_killing_one_of_two_endpoints_again_and_again(tmp_path: Path, chance: Random, workers: int) -> None:
    for turn in range(5):
        folder = tmp_path / str(turn)
        folder.mkdir()
        await kill_one_of_two(folder, chance, workers=workers, rate=500, seconds=10)


async def test_an_endpoint_that_comes_and_goes_for_a_minute(tmp_path: Path) -> None:
    await flap(tmp_path, seconds=60)


async def test_a_service_that_goes_down_ten_times(tmp_path: Path) -> None:
    await fall_back(tmp_path, rounds=10)


async def test_a_stalled_neighbour_at_length(tmp_path: Path) -> None:
    await compare_in_pairs(tmp_path, rate=250, seconds=4)


@pytest.mark.parametrize("illness", Illness)
async def test_a_shadow_that_is_ill_at_length(tmp_path: Path, illness: Illness) -> None:
    async with beside_the_ill(tmp_path) as here:
        judge_the_latencies(await disturb_nobody(here, illness, rate=500, seconds=4, pairs=PAIRS))


@pytest.mark.parametrize("workers", [1, 3])
async def test_a_breaker_over_many_rounds_of_probes(tmp_path: Path, workers: int) -> None:
    await break_and_mend(tmp_path, workers=workers, probes=20)


@pytest.mark.parametrize("workers", [1, 3])
async def test_a_storm_of_half_a_minute(tmp_path: Path, workers: int) -> None:
    await storm(tmp_path, workers=workers, rate=400, seconds=30)


async def test_a_thousand_clients_where_there_are_files_for_a_hundred(tmp_path: Path) -> None:
    await use_up_the_files(tmp_path, clients=1000)


async def test_wrong_answers_for_a_while(tmp_path: Path) -> None:
    await answer_wrongly(tmp_path, rounds=300)


async def test_ten_thousand_silent_clients(tmp_path: Path) -> None:
    """Or as many as this machine's files allow: the server keeps one in reserve for each client's upstream."""
    await keep_still(tmp_path, clients=min(10_000, most_clients() or 10_000))
