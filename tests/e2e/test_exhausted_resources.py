"""What is bounded is used up, in real processes: clear errors for those who are too many, and no lasting harm.

`make chaos` plays the same with more clients.
"""

from pathlib import Path

import pytest

from tests.e2e.exhausting import answer_wrongly, ask_too_often, fill_the_bulkhead, keep_still, use_up_the_files

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def test_who_finds_no_place_at_an_upstream_waits_or_is_told_at_once(tmp_path: Path) -> None:
    await fill_the_bulkhead(tmp_path)


async def test_with_few_open_files_as_many_are_served_as_can_be_and_the_others_are_told(tmp_path: Path) -> None:
    await use_up_the_files(tmp_path, clients=300)


async def test_answers_that_break_or_are_none_are_never_taken_for_good_ones(tmp_path: Path) -> None:
    await answer_wrongly(tmp_path, rounds=6)


async def test_thousands_of_silent_clients_cost_little_and_one_too_many_is_told(tmp_path: Path) -> None:
    await keep_still(tmp_path, clients=2000)


@pytest.mark.parametrize("workers", [1, 3])
async def test_a_rate_holds_for_all_workers_together(tmp_path: Path, workers: int) -> None:
    await ask_too_often(tmp_path, workers=workers)
