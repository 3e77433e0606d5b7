from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extracted_services.chassis.paging import Page, encode_cursor
from extracted_services.inventory.domain.backfill import (
    RESUME_WITHIN,
    PageOutOfOrder,
    Tally,
    advance,
    check_page,
    may_resume,
    plan_change,
    start_run,
)
from extracted_services.inventory.domain.model import StockLevel
from extracted_services.inventory.tests.shop import MORNING, level

SHELVES = st.dictionaries(st.sampled_from("ABCDEFGH"), st.integers(0, 3)).map(
    lambda found: [level(sku, on_hand=10 + count) for sku, count in sorted(found.items())]
)


@given(SHELVES, SHELVES)
def test_a_change_makes_the_rows_equal_to_the_page(held: list[StockLevel], wanted: list[StockLevel]) -> None:
    change = plan_change(held, Page(tuple(wanted), None))

    rows = {item.sku: item for item in held if item.sku not in change.removed}
    rows |= {item.sku: item for item in (*change.added, *change.changed)}
    assert sorted(rows.values(), key=lambda item: item.sku) == wanted


@given(SHELVES)
def test_equal_rows_need_no_change(held: list[StockLevel]) -> None:
    page = Page(tuple(held), None)

    assert plan_change(held, page).tally(page) == Tally(read=len(held))


def test_a_run_reads_products_then_stock_then_ends() -> None:
    run = start_run(1, "http://shop.test", MORNING)

    run = advance(run, Tally(read=2, added=2), encode_cursor("B"), MORNING)
    assert (run.collection, run.after, run.pages) == ("products", "B", 1)

    run = advance(run, Tally(read=1, changed=1), None, MORNING)
    assert (run.collection, run.after, run.finished_at) == ("stock", "", None)

    run = advance(run, Tally(removed=4), None, MORNING)
    assert run.finished_at == MORNING
    assert run.tallies == {"products": Tally(read=3, added=2, changed=1), "stock": Tally(removed=4)}


def test_a_run_is_gone_on_with_only_soon_and_from_the_same_shop() -> None:
    run = start_run(1, "http://shop.test", MORNING)

    assert may_resume(run, "http://shop.test", MORNING + RESUME_WITHIN)
    assert not may_resume(run, "http://shop.test", MORNING + RESUME_WITHIN + timedelta(seconds=1))
    assert not may_resume(run, "http://other.test", MORNING)
    assert not may_resume(replace(run, finished_at=MORNING), "http://shop.test", MORNING)


@pytest.mark.parametrize(
    ("after", "page"),
    [
        ("", Page((level("B"), level("A")), None)),
        ("", Page((level("A"), level("A")), None)),
        ("B", Page((level("B"),), None)),
        ("", Page((level("A"),), encode_cursor("B"))),
        ("", Page((), encode_cursor("A"))),
    ],
)
def test_a_page_out_of_order_is_refused(after: str, page: Page[StockLevel]) -> None:
    with pytest.raises(PageOutOfOrder):
        check_page(after, page)
