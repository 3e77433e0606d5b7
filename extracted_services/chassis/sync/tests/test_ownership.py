import asyncio

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from extracted_services.chassis.database import reading, writing
from extracted_services.chassis.sync.ownership import (
    Immovable,
    NotOwner,
    Owned,
    StaleEpoch,
    Standing,
    UnknownEntity,
    fence,
    own,
    require_owner,
)
from extracted_services.chassis.sync.tables import outbox, ownership
from extracted_services.chassis.sync.tests.service import states, write_payment
from extracted_services.contracts.tests.examples import ID, OTHER_ID

pytestmark = pytest.mark.anyio

WITHIN_S = 60.0


async def owner_of(engine: AsyncEngine, entity: str) -> tuple[str, int]:
    async with reading(engine) as connection:
        row = (await connection.execute(select(ownership).where(ownership.c.entity == entity))).one()
    return row.owner, row.epoch


async def test_at_the_beginning_the_monolith_owns_everything(engine: AsyncEngine) -> None:
    for entity in ("payment", "product", "stock"):
        assert await owner_of(engine, entity) == ("legacy", 1)


async def test_who_does_not_own_an_entity_has_done_nothing(engine: AsyncEngine) -> None:
    with pytest.raises(NotOwner, match="payments are written elsewhere at the moment"):
        await write_payment(engine, ID)

    async with reading(engine) as connection:
        assert (await connection.execute(select(func.count()).select_from(states))).scalar_one() == 0
        assert (await connection.execute(select(func.count()).select_from(outbox))).scalar_one() == 0


async def test_stock_is_one_thing() -> None:
    assert str(NotOwner("stock")) == "stock is written elsewhere at the moment"


async def test_an_owner_has_leave_to_write(owning: AsyncEngine) -> None:
    async with writing(owning) as connection:
        assert await require_owner(connection, "payment") == Owned("payment", 2)


async def test_an_entity_that_is_not_the_services_is_an_error(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        with pytest.raises(UnknownEntity):
            await require_owner(connection, "order")


async def test_a_fence_tells_the_last_event_and_may_be_repeated(owning: AsyncEngine) -> None:
    await write_payment(owning, ID)
    await write_payment(owning, OTHER_ID)

    for _ in range(2):
        async with writing(owning) as connection:
            standing = await fence(connection, ["stock", "payment"], 3)
        assert standing == {"payment": Standing("legacy", 3, 2), "stock": Standing("legacy", 3, 0)}
    with pytest.raises(NotOwner):
        await write_payment(owning, ID)


async def test_taking_ownership_may_be_repeated_too(engine: AsyncEngine) -> None:
    for _ in range(2):
        async with writing(engine) as connection:
            assert await own(connection, ["payment"], 2) == {"payment": Standing("service", 2, 0)}
    await write_payment(engine, ID)


async def test_an_epoch_that_has_passed_moves_nothing(owning: AsyncEngine) -> None:
    for move, epoch in ((fence, 2), (fence, 1), (own, 1)):
        async with writing(owning) as connection:
            with pytest.raises(StaleEpoch, match="payment is at epoch 2, owned by service"):
                await move(connection, ["payment"], epoch)

    assert await owner_of(owning, "payment") == ("service", 2)


async def test_entities_move_all_or_none(owning: AsyncEngine) -> None:
    async with writing(owning) as connection:
        await fence(connection, ["stock"], 5)
    with pytest.raises(StaleEpoch):
        async with writing(owning) as connection:
            await fence(connection, ["payment", "stock"], 4)
    with pytest.raises(UnknownEntity):
        async with writing(owning) as connection:
            await fence(connection, ["payment", "order"], 9)

    assert await owner_of(owning, "payment") == ("service", 2)
    assert await owner_of(owning, "stock") == ("legacy", 5)


async def test_products_stay_with_the_monolith(engine: AsyncEngine) -> None:
    for move in (fence, own):
        async with writing(engine) as connection:
            with pytest.raises(Immovable):
                await move(connection, ["product"], 9)


async def test_a_fence_waits_for_the_writes_under_way(owning: AsyncEngine) -> None:
    order: list[str] = []

    async def fence_payments() -> None:
        async with writing(owning) as connection:
            standing = await fence(connection, ["payment"], 3)
        order.append(f"fenced at {standing['payment'].outbox_last}")

    async with writing(owning) as connection:
        owned = await require_owner(connection, "payment")
        fencing = asyncio.create_task(fence_payments())
        await asyncio.sleep(0.1)  # time in which a fence that did not wait would be through
        assert order == []
        order.append(f"wrote {owned.entity}")
    await fencing

    assert order == ["wrote payment", "fenced at 0"]


async def test_a_fence_is_not_kept_out_by_writers_that_overlap_for_ever(owning: AsyncEngine) -> None:
    """A row's shared lock has no line: whoever wants it for itself would wait until nobody at all held it."""
    written, is_busy, ends = 0, asyncio.Event(), asyncio.Event()

    async def write_until_refused() -> None:
        nonlocal written
        while not ends.is_set():
            try:
                async with writing(owning) as connection:
                    await require_owner(connection, "payment")
                    await asyncio.sleep(0.03)
            except NotOwner:
                return
            written += 1
            if written == 20:
                is_busy.set()

    writers = [asyncio.create_task(write_until_refused()) for _ in range(12)]
    try:
        async with asyncio.timeout(WITHIN_S):
            await is_busy.wait()
            async with writing(owning) as connection:
                await fence(connection, ["payment"], 3)
            await asyncio.gather(*writers)
    finally:
        ends.set()
        await asyncio.gather(*writers)


async def test_what_a_fence_tells_stays_true_until_ownership_comes_back(owning: AsyncEngine) -> None:
    written, is_refused, ends = 0, asyncio.Event(), asyncio.Event()
    names = [f"019ccb1e-5a00-7c3e-9d52-{number:012x}" for number in range(8)]

    async def keep_writing(name: str) -> None:
        nonlocal written
        while not ends.is_set():
            try:
                await write_payment(owning, name)
                written += 1
            except NotOwner:
                is_refused.set()

    async def count_events() -> int:
        async with reading(owning) as connection:
            return (await connection.execute(select(func.count()).select_from(outbox))).scalar_one()

    writers = [asyncio.create_task(keep_writing(name)) for name in names]
    try:
        for epoch in range(3, 23, 2):
            async with writing(owning) as connection:
                told = (await fence(connection, ["payment"], epoch))["payment"].outbox_last
            assert await count_events() == told
            is_refused.clear()
            async with asyncio.timeout(WITHIN_S):
                await is_refused.wait()  # somebody does try meanwhile
            assert await count_events() == told
            async with writing(owning) as connection:
                await own(connection, ["payment"], epoch + 1)
    finally:
        ends.set()
        await asyncio.gather(*writers)

    assert await count_events() == written > 0
