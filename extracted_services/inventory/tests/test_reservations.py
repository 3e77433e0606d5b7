"""Reservations on a real database: what a transaction leaves behind, in stock, in answers and in the outbox."""

import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from extracted_services.chassis.database import reading, writing
from extracted_services.chassis.identifiers import uuid7
from extracted_services.chassis.paging import PageRequest
from extracted_services.chassis.sync.ownership import NotOwner, fence, own
from extracted_services.chassis.sync.tables import outbox
from extracted_services.inventory.adapters.catalogue import SqlCatalogue
from extracted_services.inventory.adapters.reservations import SqlDuties, SqlReservations
from extracted_services.inventory.adapters.warehouse import ChangedMeanwhile, open_warehouse
from extracted_services.inventory.domain.backfill import Run
from extracted_services.inventory.domain.model import StockLevel
from extracted_services.inventory.domain.reservations import Line, Reservation, ReservationReleased, Shortage, Status
from extracted_services.inventory.service_layer.stock import (
    NoSuchReservation,
    OpenWarehouse,
    UnknownProducts,
    Warehouse,
    commit,
    expire,
    release,
    reserve,
)
from extracted_services.inventory.service_layer.upkeep import Done, see_to_duties
from extracted_services.inventory.tests.client import ALICE
from extracted_services.inventory.tests.shop import MORNING, ShopInMemory, level, product

pytestmark = pytest.mark.anyio
Fill = Callable[[ShopInMemory], Awaitable[Run]]
NOON = MORNING + timedelta(hours=2, minutes=30)
ORDER = "019ccb1e-5a00-7c3e-9d52-0f3e6f0a7b11"


@pytest.fixture
async def open_stock(engine: AsyncEngine, fill: Fill) -> OpenWarehouse:
    """Stock of A (10 of which 3 are promised), B (5) and C (none), which this service owns."""
    stock = [level("A", 10, 3), level("B", 5, 0), level("C", 0, 0)]
    await fill(ShopInMemory([product(item.sku) for item in stock], stock))
    async with writing(engine) as connection:
        await own(connection, ["stock"], 2)
    return open_warehouse(engine, lambda: None)


async def set_aside(
    warehouse: Warehouse, lines: dict[str, int], hold_for: timedelta | None = None, now: datetime = MORNING
) -> Reservation | Shortage:
    return await reserve(
        warehouse,
        reservation_id=str(uuid7()),
        order_id=ORDER,
        customer=ALICE,
        lines=[Line(sku, quantity) for sku, quantity in lines.items()],
        hold_for=hold_for,
        now=now,
    )


async def hold(open_stock: OpenWarehouse, lines: dict[str, int], hold_for: timedelta | None = None) -> Reservation:
    async with open_stock() as warehouse:
        made = await set_aside(warehouse, lines, hold_for)
    assert isinstance(made, Reservation)
    return made


async def counts(engine: AsyncEngine) -> dict[str, tuple[int, int]]:
    stock = await SqlCatalogue(engine).list_stock("", 100)
    return {item.sku: (item.on_hand, item.reserved) for item in stock.items}


async def told(engine: AsyncEngine) -> list[dict[str, Any]]:
    async with reading(engine) as connection:
        return [
            json.loads(value)
            for value in (await connection.execute(select(outbox.c.value).order_by(outbox.c.id))).scalars()
        ]


async def test_what_is_reserved_is_promised_and_told_in_one_transaction(
    engine: AsyncEngine, open_stock: OpenWarehouse
) -> None:
    made = await hold(open_stock, {"B": 2, "A": 7})

    assert await counts(engine) == {"A": (10, 10), "B": (5, 2), "C": (0, 0)}
    assert await SqlReservations(engine).find(made.id, customer=ALICE) == made
    events = await told(engine)
    assert [(event["type"], event["aggregate_id"], event["aggregate_version"]) for event in events] == [
        ("StockChanged", "A", 1),
        ("StockChanged", "B", 1),
        ("InventoryReserved", made.id, 1),
    ]
    assert [event["position"] for event in events] == [1, 2, 3]
    assert events[0]["data"] == {
        "level": {"sku": "A", "on_hand": 10, "reserved": 10, "updated_at": "2026-03-01T09:30:00.000Z"}
    }
    assert events[2]["data"] == {
        "reservation": {
            "id": made.id,
            "order_id": ORDER,
            "customer": ALICE,
            "status": "held",
            "lines": [{"sku": "A", "quantity": 7}, {"sku": "B", "quantity": 2}],
            "expires_at": None,
            "created_at": "2026-03-01T09:30:00.000Z",
            "updated_at": "2026-03-01T09:30:00.000Z",
        },
        "answer": None,
    }


async def test_when_one_product_is_short_nothing_is_promised_and_that_is_told(
    engine: AsyncEngine, open_stock: OpenWarehouse
) -> None:
    before = await counts(engine)

    async with open_stock() as warehouse:
        assert await set_aside(warehouse, {"A": 8, "B": 1, "C": 1}) == Shortage({"A": 7, "C": 0})

    assert await counts(engine) == before
    [event] = await told(engine)
    assert (event["type"], event["aggregate_id"], event["aggregate_version"]) == ("InventoryRejected", ORDER, 0)
    assert event["data"] == {"order_id": ORDER, "short": {"A": 7, "C": 0}}


async def test_what_is_not_for_sale_cannot_be_reserved(engine: AsyncEngine, open_stock: OpenWarehouse) -> None:
    with pytest.raises(UnknownProducts) as refused:
        async with open_stock() as warehouse:
            await set_aside(warehouse, {"A": 1, "X": 1, "Y": 1})

    assert refused.value.skus == {"X", "Y"}
    assert await told(engine) == []


async def test_a_committed_reservation_leaves_stock_and_a_released_one_comes_back(
    engine: AsyncEngine, open_stock: OpenWarehouse
) -> None:
    made = await hold(open_stock, {"A": 2})
    async with open_stock() as warehouse:
        committed = await commit(warehouse, reservation_id=made.id, now=NOON)
    assert (committed.status, committed.updated_at, committed.version) == (Status.COMMITTED, NOON, 2)
    assert (await counts(engine))["A"] == (8, 3)

    async with open_stock() as warehouse:
        released = await release(warehouse, reservation_id=made.id, now=NOON)
    assert (released.status, released.version) == (Status.RELEASED, 3)
    assert (await counts(engine))["A"] == (10, 3)
    assert [event["type"] for event in await told(engine)] == [
        "StockChanged",
        "InventoryReserved",
        "StockChanged",
        "InventoryCommitted",
        "StockChanged",
        "InventoryReleased",
    ]


async def test_a_repeated_step_changes_and_tells_nothing(engine: AsyncEngine, open_stock: OpenWarehouse) -> None:
    made = await hold(open_stock, {"A": 2})
    for step in (commit, commit, release, release):
        async with open_stock() as warehouse:
            await step(warehouse, reservation_id=made.id, now=NOON)

    with pytest.raises(ReservationReleased):
        async with open_stock() as warehouse:
            await commit(warehouse, reservation_id=made.id, now=NOON)
    assert (await counts(engine))["A"] == (10, 3)
    assert len(await told(engine)) == 6


async def test_a_reservation_that_is_not_there_is_refused(open_stock: OpenWarehouse) -> None:
    with pytest.raises(NoSuchReservation):
        async with open_stock() as warehouse:
            await release(warehouse, reservation_id=ORDER, now=NOON)


async def test_a_transaction_that_fails_leaves_nothing_not_even_a_position(
    engine: AsyncEngine, open_stock: OpenWarehouse
) -> None:
    before = await counts(engine)

    async def fail_after_reserving() -> None:
        async with open_stock() as warehouse:
            await set_aside(warehouse, {"A": 1})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_after_reserving()

    assert (await counts(engine), await told(engine)) == (before, [])
    await hold(open_stock, {"A": 1})
    assert [event["position"] for event in await told(engine)] == [1, 2]


async def test_who_does_not_own_stock_changes_nothing(engine: AsyncEngine, open_stock: OpenWarehouse) -> None:
    made = await hold(open_stock, {"A": 1})
    async with writing(engine) as connection:
        await fence(connection, ["stock"], 3)
    before = await counts(engine)

    for step in (commit, release):
        with pytest.raises(NotOwner):
            async with open_stock() as warehouse:
                await step(warehouse, reservation_id=made.id, now=NOON)
    with pytest.raises(NotOwner):
        await hold(open_stock, {"A": 1})
    assert (await counts(engine), len(await told(engine))) == (before, 2)


async def test_what_is_held_for_a_time_is_released_when_it_is_over(
    engine: AsyncEngine, open_stock: OpenWarehouse
) -> None:
    for_ever = await hold(open_stock, {"A": 1})
    soon = await hold(open_stock, {"A": 2, "B": 1}, timedelta(minutes=15))
    in_time = await hold(open_stock, {"B": 2}, timedelta(minutes=15))
    async with open_stock() as warehouse:
        await commit(warehouse, reservation_id=in_time.id, now=MORNING)
    duties, over = SqlDuties(engine), MORNING + timedelta(minutes=15)

    assert await see_to_duties(duties, open_stock, over - timedelta(milliseconds=1)) == Done(0, 0)
    assert await see_to_duties(duties, open_stock, over) == Done(1, 0)
    assert await see_to_duties(duties, open_stock, over) == Done(0, 0)

    assert await counts(engine) == {"A": (10, 4), "B": (3, 0), "C": (0, 0)}
    found = {
        item.id: item.status
        for item in (await SqlReservations(engine).list_newest(PageRequest("", 9), customer=None)).items
    }
    assert found == {for_ever.id: Status.HELD, soon.id: Status.RELEASED, in_time.id: Status.COMMITTED}
    assert (await told(engine))[-1]["type"] == "InventoryReleased"


async def test_one_that_cannot_be_released_holds_up_no_other(engine: AsyncEngine, open_stock: OpenWarehouse) -> None:
    first, second = [await hold(open_stock, {sku: 1}, timedelta(minutes=1)) for sku in ("A", "B")]
    async with writing(engine) as connection:
        await connection.exec_driver_sql("UPDATE stock_levels SET reserved = 0 WHERE sku = 'A'")

    done = await see_to_duties(SqlDuties(engine), open_stock, NOON)

    assert (done.expired, list(done.failed)) == (1, [first.id])
    assert (await counts(engine))["B"] == (5, 0)
    found = await SqlReservations(engine).find(second.id, customer=None)
    assert found is not None
    assert found.status is Status.RELEASED


async def test_what_was_committed_in_the_last_moment_does_not_expire(
    engine: AsyncEngine, open_stock: OpenWarehouse
) -> None:
    made = await hold(open_stock, {"A": 1}, timedelta(minutes=15))
    async with open_stock() as warehouse:
        await commit(warehouse, reservation_id=made.id, now=NOON)

    async with open_stock() as warehouse:
        assert not await expire(warehouse, reservation_id=made.id, now=NOON)
    assert (await counts(engine))["A"] == (9, 3)


async def test_a_product_without_a_level_gets_an_empty_one(engine: AsyncEngine, open_stock: OpenWarehouse) -> None:
    async with writing(engine) as connection:
        await connection.exec_driver_sql("DELETE FROM stock_levels WHERE sku = 'B'")

    assert await see_to_duties(SqlDuties(engine), open_stock, NOON) == Done(0, 1)
    assert await see_to_duties(SqlDuties(engine), open_stock, NOON) == Done(0, 0)

    assert (await counts(engine))["B"] == (0, 0)
    [event] = await told(engine)
    assert (event["type"], event["aggregate_id"], event["aggregate_version"]) == ("StockChanged", "B", 1)


async def test_levels_are_locked_in_the_order_of_their_skus(engine: AsyncEngine, open_stock: OpenWarehouse) -> None:
    async with open_stock() as warehouse:
        assert list(await warehouse.lock_levels(["C", "A", "X", "B"])) == ["A", "B", "C"]


async def test_a_level_is_never_saved_over_one_that_was_not_seen(
    engine: AsyncEngine, open_stock: OpenWarehouse
) -> None:
    async with open_stock() as warehouse:
        with pytest.raises(ChangedMeanwhile, match="there is no version 4 to follow"):
            await warehouse.save_levels([StockLevel("A", 10, 4, NOON, version=5)])
