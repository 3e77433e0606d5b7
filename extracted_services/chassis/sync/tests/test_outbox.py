import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from extracted_services.chassis import trace
from extracted_services.chassis.database import reading, writing
from extracted_services.chassis.sync.outbox import Change, SqlOutbox, record
from extracted_services.chassis.sync.ownership import Owned, require_owner
from extracted_services.chassis.sync.tables import outbox, outbox_position
from extracted_services.chassis.sync.tests.service import payment, write_payment
from extracted_services.contracts.envelope import Malformed, decode
from extracted_services.contracts.tests.examples import ID, OTHER_ID
from extracted_services.messaging.relay import OutboxStore

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def name(number: int) -> str:
    return f"019ccb1e-5a00-7c3e-9d52-{number:012x}"


async def positions(engine: AsyncEngine) -> list[int]:
    async with reading(engine) as connection:
        return list((await connection.execute(select(outbox.c.position).order_by(outbox.c.id))).scalars())


async def last_position(engine: AsyncEngine) -> int:
    async with reading(engine) as connection:
        query = select(outbox_position.c.last).where(outbox_position.c.entity == "payment")
        return int((await connection.execute(query)).scalar_one())


async def test_an_event_holds_the_change_and_where_it_stands(owning: AsyncEngine) -> None:
    span = trace.start_trace()
    token = trace.current.set(span)
    try:
        async with writing(owning) as connection:
            owned = await require_owner(connection, "payment")
            change = Change("PaymentCompleted", ID, 1, payment(ID) | {"answer": None})
            await record(connection, owned, change, now=NOW)
    finally:
        trace.current.reset(token)

    [row] = await SqlOutbox(owning).unpublished(10)
    event = decode(row.message.value)
    assert (row.message.topic, row.message.key, row.message.id) == ("payment", ID, event.id)
    assert (event.type, event.aggregate_version, event.origin, event.position) == ("PaymentCompleted", 1, "service", 1)
    assert (event.occurred_at, event.traceparent) == (NOW, span.traceparent)
    assert event.data == payment(ID) | {"answer": None}


async def test_events_of_one_transaction_keep_their_order(owning: AsyncEngine) -> None:
    async with writing(owning) as connection:
        owned = await require_owner(connection, "payment")
        changes = [Change("PaymentCompleted", name(n), 1, payment(name(n)) | {"answer": None}) for n in range(3)]
        await record(connection, owned, *changes)

    rows = await SqlOutbox(owning).unpublished(10)
    assert [decode(row.message.value).aggregate_id for row in rows] == [name(0), name(1), name(2)]
    assert await positions(owning) == [1, 2, 3]
    assert await last_position(owning) == 3


async def test_nothing_to_tell_is_nothing_told(owning: AsyncEngine) -> None:
    async with writing(owning) as connection:
        await record(connection, Owned("payment", 2))

    assert await positions(owning) == []


async def test_an_event_that_nobody_could_read_takes_its_change_back(owning: AsyncEngine) -> None:
    with pytest.raises(Malformed):
        await write_payment(owning, ID, status="lost")

    assert await positions(owning) == []
    assert await last_position(owning) == 0


async def test_a_writer_that_is_rolled_back_leaves_no_gap(owning: AsyncEngine) -> None:
    await write_payment(owning, ID)

    async def record_and_fail() -> None:
        async with writing(owning) as connection:
            owned = await require_owner(connection, "payment")
            await record(connection, owned, Change("PaymentCompleted", ID, 2, payment(ID) | {"answer": None}))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await record_and_fail()
    await write_payment(owning, OTHER_ID)

    assert await positions(owning) == [1, 2]


async def test_positions_of_many_writers_have_no_gaps_and_commit_in_order(owning: AsyncEngine) -> None:
    seen: list[list[int]] = []
    for number in range(7):
        await write_payment(owning, name(number))

    async def write(number: int) -> None:
        await write_payment(owning, name(number % 7))
        seen.append(await positions(owning))

    await asyncio.gather(*(write(number) for number in range(20)))

    for found in seen:  # at every moment the committed ones were 1, 2, …
        assert found == list(range(1, len(found) + 1))
    assert await last_position(owning) == 27


async def test_an_aggregates_events_stand_in_the_order_of_its_versions(owning: AsyncEngine) -> None:
    for number in range(2):
        await write_payment(owning, name(number))
    await asyncio.gather(*(write_payment(owning, name(number % 2)) for number in range(12)))

    events = [decode(row.message.value) for row in await SqlOutbox(owning).unpublished(20)]
    for aggregate in (name(0), name(1)):
        assert [e.aggregate_version for e in events if e.aggregate_id == aggregate] == list(range(1, 8))


async def test_what_was_published_is_not_offered_again_and_forgotten_later(owning: AsyncEngine) -> None:
    store: OutboxStore = SqlOutbox(owning, lambda: NOW)
    for number in range(3):
        await write_payment(owning, name(number))
    first, second, third = await store.unpublished(10)

    await store.mark_published([first.id, third.id])

    assert await store.unpublished(10) == [second]
    assert await store.unpublished(0) == []
    assert await SqlOutbox(owning).forget_published(NOW) == 0
    assert await SqlOutbox(owning).forget_published(NOW + timedelta(seconds=1)) == 2
    async with reading(owning) as connection:
        assert (await connection.execute(select(func.count()).select_from(outbox))).scalar_one() == 1


async def test_one_relay_holds_the_lease_until_it_runs_out_or_is_given_back(engine: AsyncEngine) -> None:
    now = NOW
    store = SqlOutbox(engine, lambda: now)

    assert await store.take_lease("a", 5.0)
    assert not await store.take_lease("b", 5.0)
    now += timedelta(seconds=4)
    assert await store.take_lease("a", 5.0)  # prolonged
    now += timedelta(seconds=4)
    assert not await store.take_lease("b", 5.0)
    now += timedelta(seconds=1)
    assert await store.take_lease("b", 5.0)
    assert not await store.take_lease("a", 0.0)  # only one's own can be given back
    assert await store.take_lease("b", 0.0)
    assert await store.take_lease("a", 5.0)


async def test_of_many_processes_one_gets_the_lease(engine: AsyncEngine) -> None:
    store = SqlOutbox(engine, lambda: NOW)

    taken = await asyncio.gather(*(store.take_lease(f"process {number}", 5.0) for number in range(8)))

    assert sum(taken) == 1
