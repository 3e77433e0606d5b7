from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import event

from extracted_services.chassis.database import open_engine
from extracted_services.inventory.adapters.catalogue import SqlCatalogue
from extracted_services.inventory.settings import Settings
from extracted_services.inventory.tests.shop import ShopInMemory

pytestmark = pytest.mark.anyio


async def test_every_read_is_one_statement_along_an_index(
    settings: Settings, fill: Callable[[ShopInMemory], Awaitable[object]]
) -> None:
    await fill(ShopInMemory.selling("A", "B", "C"))
    engine = open_engine(settings.database)
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

    reads = tuple(statements)
    assert len(reads) == 6
    async with engine.connect() as connection:
        for statement, values in reads:
            plan = [row.detail for row in await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]
            assert len(plan) == 1, plan  # no sorting step
            assert plan[0].startswith("SEARCH"), plan
    await engine.dispose()
