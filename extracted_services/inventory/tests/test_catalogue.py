from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from extracted_services.chassis.paging import PageRequest
from extracted_services.inventory.adapters.catalogue import SqlCatalogue
from extracted_services.inventory.adapters.reservations import SqlDuties, SqlReservations
from extracted_services.inventory.tests.client import ALICE, BOB
from extracted_services.inventory.tests.shop import MORNING, ShopInMemory

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
async def test_every_read_is_one_statement_along_an_index(
    engine: AsyncEngine, fill: Callable[[ShopInMemory], Awaitable[object]]
) -> None:
    await fill(ShopInMemory.selling("A", "B", "C"))
    statements: list[tuple[str, tuple[object, ...]]] = []

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def note(_connection: object, _cursor: object, statement: str, values: tuple[object, ...], *_rest: object) -> None:
        statements.append((statement, values))

    catalogue = SqlCatalogue(engine)
    await catalogue.list_products("A", 20, None, ())
    await catalogue.list_products("A", 20, "kitchen", ())
    await catalogue.list_products("A", 20, "kitchen", ("mug",))
    await catalogue.find_product("A")
    await catalogue.list_stock("A", 20)
    await catalogue.find_stock("A")
    reservations, page = SqlReservations(engine), PageRequest("", 20)
    await reservations.list_newest(page, customer=None)
    await reservations.list_newest(PageRequest(ALICE, 20), customer=None)
    await reservations.list_newest(page, customer=ALICE)
    await reservations.list_newest(page, customer=None, order_id=ALICE)
    await reservations.find(ALICE, customer=BOB)
    await SqlDuties(engine).find_overdue(MORNING, 100)

    reads = tuple(statements)
    assert len(reads) == 12
    async with engine.connect() as connection:
        for statement, values in reads:
            plan = [row.detail for row in await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]
            assert " INDEX " in plan[0], (statement, plan)
            assert not any("TEMP B-TREE" in step for step in plan), (statement, plan)  # no sorting step
            assert not any(step.startswith("SCAN") for step in plan[1:]), (statement, plan)
