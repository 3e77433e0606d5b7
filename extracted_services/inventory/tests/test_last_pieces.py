"""Many buyers and few goods: processes that reserve at the same moment never promise a piece twice."""

import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from extracted_services.chassis.database import reading, writing
from extracted_services.chassis.sync.ownership import own
from extracted_services.chassis.sync.tables import outbox
from extracted_services.inventory.adapters.catalogue import SqlCatalogue
from extracted_services.inventory.adapters.tables import reservations
from extracted_services.inventory.domain.backfill import Run
from extracted_services.inventory.settings import Settings
from extracted_services.inventory.tests.shop import ShopInMemory, level, product

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
Fill = Callable[[ShopInMemory], Awaitable[Run]]
ROOT = Path(__file__).parents[3]
PROCESSES, BUYERS = 4, 25
EVENTS = {"held": 1, "committed": 2, "released": 3}


@pytest.fixture
def race(settings: Settings) -> Callable[[str, str], int]:
    """Let 100 buyers in four processes go at once; how many reserved."""
    url = settings.database.render_as_string(hide_password=False).replace("+aiosqlite", "").replace("+psycopg", "")

    def run(skus: str, choices: str) -> int:
        command = [sys.executable, "-m", "extracted_services.inventory.tests.buyers", url, str(BUYERS), skus, choices]
        processes = [
            subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(PROCESSES)
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        told = [process.communicate(timeout=240)[0] for process in processes]
        assert [process.returncode for process in processes] == [0] * PROCESSES
        return sum(json.loads(line) for line in told)

    return run


@pytest.fixture
async def stock(engine: AsyncEngine, fill: Fill) -> None:
    """Ten pieces of A, eight of B, six of C."""
    levels = [level("A", 10, 0), level("B", 8, 0), level("C", 6, 0)]
    await fill(ShopInMemory([product(item.sku) for item in levels], levels))
    async with writing(engine) as connection:
        await own(connection, ["stock"], 2)


@pytest.mark.usefixtures("stock")
async def test_of_a_hundred_who_want_the_last_ten_exactly_ten_get_one(
    engine: AsyncEngine, race: Callable[[str, str], int]
) -> None:
    assert race("A", "keep") == 10

    found = await SqlCatalogue(engine).find_stock("A")
    assert found is not None
    assert (found.on_hand, found.reserved, found.version) == (10, 10, 10)
    assert await positions(engine) == list(range(1, 10 * 2 + 90 + 1))


@pytest.mark.parametrize("settings", ["postgresql"], indirect=True)
@pytest.mark.usefixtures("stock")
async def test_buyers_of_several_things_never_wait_for_each_other_in_a_ring_and_every_piece_is_accounted_for(
    engine: AsyncEngine, race: Callable[[str, str], int]
) -> None:
    reserved = race("C,A,B", "keep,buy,return")

    async with reading(engine) as connection:
        made = list((await connection.execute(select(reservations.c.status))).scalars())
    assert len(made) == reserved >= 6
    stock = await SqlCatalogue(engine).list_stock("", 9)
    for found, pieces in zip(stock.items, (10, 8, 6), strict=True):
        assert found.on_hand == pieces - made.count("committed")
        assert found.reserved == made.count("held")
    told = sum(EVENTS[status] * 4 for status in made) + (PROCESSES * BUYERS - reserved)
    assert await positions(engine) == list(range(1, told + 1))


async def positions(engine: AsyncEngine) -> list[int]:
    async with reading(engine) as connection:
        return list((await connection.execute(select(outbox.c.position).order_by(outbox.c.id))).scalars())
