"""A process of buyers who all want the same goods at once: `python -m …buyers DATABASE_URL BUYERS SKU[,SKU…]`.

It says "ready", waits for a line, then every buyer reserves one piece of each SKU (in an order of his own) and, as
chance has it, keeps, buys or returns it. Prints how many reserved, as JSON.
"""

import asyncio
import json
import random
import sys

from extracted_services.chassis import database
from extracted_services.chassis.identifiers import uuid7
from extracted_services.inventory.adapters.warehouse import open_warehouse
from extracted_services.inventory.bootstrap import now
from extracted_services.inventory.domain.reservations import Line, Reservation
from extracted_services.inventory.service_layer.stock import OpenWarehouse, commit, release, reserve
from extracted_services.inventory.settings import read_settings
from extracted_services.inventory.tests.client import ALICE

LOCK_SECONDS = 120.0  # a hundred stand in one line, and any of them may take long


async def buy(open_stock: OpenWarehouse, skus: list[str], *, then: str) -> int:
    async with open_stock() as warehouse:
        made = await reserve(
            warehouse,
            reservation_id=str(uuid7()),
            order_id=str(uuid7()),
            customer=ALICE,
            lines=[Line(sku, 1) for sku in random.sample(skus, len(skus))],
            hold_for=None,
            now=now(),
        )
    if not isinstance(made, Reservation):
        return 0
    for step in {"keep": (), "buy": (commit,), "return": (commit, release)}[then]:
        async with open_stock() as warehouse:
            await step(warehouse, reservation_id=made.id, now=now())
    return 1


async def main(url: str, buyers: int, skus: list[str], choices: list[str]) -> None:
    database.LOCK_SECONDS = LOCK_SECONDS
    engine = database.open_engine(read_settings({"DATABASE_URL": url}).database, lock_seconds=LOCK_SECONDS)
    open_stock = open_warehouse(engine, lambda: None)
    async with engine.connect():  # what connecting costs is no part of the race
        print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    reserved = await asyncio.gather(*(buy(open_stock, skus, then=random.choice(choices)) for _ in range(buyers)))
    print(json.dumps(sum(reserved)))
    await engine.dispose()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3].split(","), sys.argv[4].split(",")))
