"""Fills the inventory database from the monolith, or brings it up to date.

A page is read, checked and written before the next one is asked for. Nothing is removed on the word of a
source that seems to have lost everything.
"""

from collections.abc import Callable
from datetime import datetime

from extracted_services.chassis.paging import Page
from extracted_services.inventory.domain.backfill import Item, PageOutOfOrder, Run, check_page
from extracted_services.inventory.domain.model import Product, StockLevel
from extracted_services.inventory.service_layer.ports import Source, SourceInvalid, Store


class SourceEmpty(Exception):
    """The source lists nothing where this database holds something: more likely a wrong source than the truth."""


async def backfill(
    source: Source,
    store: Store,
    now: Callable[[], datetime],
    report: Callable[[Run], None],
    *,
    restart: bool = False,
    allow_empty: bool = False,
) -> Run:
    """Copy everything; `report` is told of the run at its start and after every page. Returns the finished run.

    Raises SourceUnreachable, SourceInvalid, SourceEmpty and RunOvertaken; what was written until then stays,
    and the next call goes on from there.
    """
    run = await store.open_run(source.name, now(), restart=restart)
    report(run)
    while run.finished_at is None:
        if run.collection == "products":
            products = _checked(run, await source.read_products(run.cursor))
            await _refuse_loss(run, products, store, allow_empty=allow_empty)
            run = await store.apply_products(run, products, now())
        else:
            stock = _checked(run, await source.read_stock(run.cursor))
            await _refuse_loss(run, stock, store, allow_empty=allow_empty)
            run = await store.apply_stock(run, stock, now())
        report(run)
    return run


def _checked(run: Run, page: Page[Item]) -> Page[Item]:
    try:
        check_page(run.after, page)
    except PageOutOfOrder as problem:
        raise SourceInvalid(f"the list of {run.collection} is not in order: {problem}") from None
    return page


async def _refuse_loss(run: Run, page: Page[Product] | Page[StockLevel], store: Store, *, allow_empty: bool) -> None:
    if page.items or run.cursor is not None or allow_empty:
        return
    if await store.holds_any(run.collection):
        raise SourceEmpty(run.collection)
