from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from extracted_services.chassis.database import writing
from extracted_services.chassis.paging import Page
from extracted_services.chassis.sync.ownership import own
from extracted_services.inventory.adapters.catalogue import SqlCatalogue
from extracted_services.inventory.adapters.runs import SqlStore
from extracted_services.inventory.domain.backfill import RESUME_WITHIN, Run, Tally
from extracted_services.inventory.domain.model import Product, StockLevel
from extracted_services.inventory.service_layer.backfill import SourceEmpty, backfill
from extracted_services.inventory.service_layer.ports import RunOvertaken, SourceInvalid, SourceUnreachable, StockIsOurs
from extracted_services.inventory.tests.shop import MORNING, ShopInMemory, level, product

pytestmark = pytest.mark.anyio
Fill = Callable[[ShopInMemory], Awaitable[Run]]


async def read_all(catalogue: SqlCatalogue) -> tuple[list[Product], list[StockLevel]]:
    products = await catalogue.list_products("", 100, None, ())
    stock = await catalogue.list_stock("", 100)
    return list(products.items), list(stock.items)


async def test_the_first_run_copies_everything(fill: Fill, catalogue: SqlCatalogue) -> None:
    shop = ShopInMemory.selling("A", "B", "C-1", "C-2", "D")

    run = await fill(shop)

    assert await read_all(catalogue) == (list(shop.products.values()), list(shop.stock.values()))
    assert run.tallies == {"products": Tally(read=5, added=5), "stock": Tally(read=5, added=5)}


async def test_running_it_again_changes_nothing(fill: Fill) -> None:
    shop = ShopInMemory.selling("A", "B", "C")
    await fill(shop)

    assert (await fill(shop)).tallies == {"products": Tally(read=3), "stock": Tally(read=3)}


async def test_a_later_run_follows_the_shop(fill: Fill, catalogue: SqlCatalogue) -> None:
    shop = ShopInMemory.selling("A", "C", "D", "F", "X", "Z")
    await fill(shop)
    for sku in ("A", "D", "Z"):  # the first, one in the middle, the last
        del shop.products[sku], shop.stock[sku]
    shop.products["B"] = product("B")
    shop.products["F"] = replace(product("F"), tags=(), image=None, price_cents=5)
    shop.stock["C"] = level("C", on_hand=0, reserved=0)

    run = await fill(shop)

    wanted = sorted(shop.products.values(), key=lambda item: item.sku), list(shop.stock.values())
    assert await read_all(catalogue) == wanted
    assert run.tallies == {
        "products": Tally(read=4, added=1, changed=1, removed=3),
        "stock": Tally(read=3, changed=1, removed=3),
    }


async def test_an_interrupted_run_goes_on_where_it_stopped(fill: Fill, catalogue: SqlCatalogue) -> None:
    shop = ShopInMemory.selling("A", "B", "C", "D", "E")
    shop.fails_at = 2
    with pytest.raises(SourceUnreachable):
        await fill(shop)
    shop.fails_at = None

    run = await fill(shop)

    assert shop.requests == [
        ("products", ""),
        ("products", "B"),
        ("products", "D"),
        ("stock", ""),
        ("stock", "B"),
        ("stock", "D"),
    ]
    assert run.tallies["products"] == Tally(read=5, added=5)
    assert await read_all(catalogue) == (list(shop.products.values()), list(shop.stock.values()))


async def test_a_run_that_rested_long_begins_anew(store: SqlStore) -> None:
    first = await store.open_run("http://shop.test", MORNING, restart=False)
    soon = await store.open_run("http://shop.test", MORNING + RESUME_WITHIN, restart=False)
    late = await store.open_run("http://shop.test", MORNING + RESUME_WITHIN + timedelta(seconds=1), restart=False)

    assert soon == first
    assert late.id == first.id + 1


async def test_restart_begins_anew(store: SqlStore) -> None:
    first = await store.open_run("http://shop.test", MORNING, restart=False)

    assert (await store.open_run("http://shop.test", MORNING, restart=True)).id == first.id + 1


async def test_of_two_processes_on_one_run_the_slower_one_stops(store: SqlStore, catalogue: SqlCatalogue) -> None:
    run = await store.open_run("http://shop.test", MORNING, restart=False)
    await store.apply_products(run, Page((product("A"),), None), MORNING)

    with pytest.raises(RunOvertaken):
        await store.apply_products(run, Page((product("B"),), None), MORNING)
    assert [item.sku for item in (await read_all(catalogue))[0]] == ["A"]


async def test_a_run_that_was_begun_anew_elsewhere_stops(store: SqlStore) -> None:
    run = await store.open_run("http://shop.test", MORNING, restart=False)
    await store.open_run("http://shop.test", MORNING, restart=True)

    with pytest.raises(RunOvertaken):
        await store.apply_products(run, Page((product("A"),), None), MORNING)


async def test_a_shop_that_seems_to_have_lost_everything_is_not_believed(
    fill: Fill, store: SqlStore, catalogue: SqlCatalogue
) -> None:
    await fill(ShopInMemory.selling("A"))

    with pytest.raises(SourceEmpty):
        await fill(ShopInMemory())
    assert await read_all(catalogue) == ([product("A")], [level("A")])

    await backfill(ShopInMemory(), store, lambda: MORNING, lambda run: None, allow_empty=True)
    assert await read_all(catalogue) == ([], [])


async def test_an_empty_shop_fills_an_empty_database(fill: Fill) -> None:
    assert (await fill(ShopInMemory())).finished_at == MORNING


async def test_pages_out_of_order_are_not_kept(store: SqlStore, catalogue: SqlCatalogue) -> None:
    class Shuffled(ShopInMemory):
        async def read_products(self, cursor: str | None) -> Page[Product]:
            return Page((product("B"), product("A")), None)

    with pytest.raises(SourceInvalid, match="A came after B"):
        await backfill(Shuffled(), store, lambda: MORNING, lambda run: None)
    assert await read_all(catalogue) == ([], [])


async def test_it_reports_its_start_and_every_page(store: SqlStore) -> None:
    reported: list[tuple[str, int]] = []

    await backfill(
        ShopInMemory.selling("A", "B", "C"),
        store,
        lambda: MORNING,
        lambda run: reported.append((run.collection, run.pages)),
    )

    assert reported == [("products", 0), ("products", 1), ("stock", 2), ("stock", 3), ("stock", 4)]


async def test_nothing_is_copied_where_this_service_writes_stock_itself(
    fill: Fill, store: SqlStore, catalogue: SqlCatalogue, engine: AsyncEngine
) -> None:
    await fill(ShopInMemory.selling("A"))
    run = await store.open_run("http://shop.test", MORNING, restart=False)
    async with writing(engine) as connection:
        await own(connection, ["stock"], 2)

    with pytest.raises(StockIsOurs):
        await store.apply_products(run, Page((product("B"),), None), MORNING)
    with pytest.raises(StockIsOurs):
        await fill(ShopInMemory.selling("A", "B"))
    assert await read_all(catalogue) == ([product("A")], [level("A")])
