import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from extracted_services.chassis.database import reading, writing
from extracted_services.chassis.sync.inbox import Inbox, cover, find_imported_at, mark_imported
from extracted_services.chassis.sync.status import read_status
from extracted_services.chassis.sync.tables import inbox as inbox_table
from extracted_services.chassis.sync.tables import inbox_position, sync_conflicts
from extracted_services.chassis.sync.tests.service import States, answers, payment, write_payment
from extracted_services.contracts.envelope import Event, Traces
from extracted_services.contracts.takeover import Local
from extracted_services.contracts.tests.examples import ANSWER, ID, OTHER_ID, make_event

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def told(version: int, position: int | None, name: str = ID, **changed: Any) -> Event:
    answer = changed.pop("answer", None)
    return make_event(
        "PaymentCompleted",
        aggregate_id=name,
        aggregate_version=version,
        position=position,
        data=payment(name, **changed) | {"answer": answer},
    )


async def take(engine: AsyncEngine, inbox: Inbox, *events: Event) -> list[str]:
    decisions = []
    for event in events:
        async with writing(engine) as connection:
            decisions.append(await inbox.take(connection, event))
    return decisions


async def find(engine: AsyncEngine, name: str = ID, kind: str = "payment") -> Local | None:
    async with writing(engine) as connection:
        return await States().find(connection, kind, name)


async def progress(engine: AsyncEngine, entity: str = "payment") -> tuple[int, int, list[int]]:
    """Applied without a gap, duplicates, applied above the gap."""
    async with reading(engine) as connection:
        row = (await connection.execute(select(inbox_position).where(inbox_position.c.entity == entity))).one()
        above = await connection.execute(select(inbox_table.c.position).where(inbox_table.c.entity == entity))
        return row.last, row.duplicates, sorted(above.scalars())


async def conflicts(engine: AsyncEngine) -> list[Any]:
    async with reading(engine) as connection:
        return list(await connection.execute(select(sync_conflicts).order_by(sync_conflicts.c.id)))


async def test_a_state_of_the_other_side_is_taken_over_with_its_version(engine: AsyncEngine, inbox: Inbox) -> None:
    assert await take(engine, inbox, told(1, 1), told(2, 2, status="refunded")) == ["take", "take"]

    assert await find(engine) == Local(2, 2, payment(ID, status="refunded"))
    assert await progress(engine) == (2, 0, [])


async def test_the_same_event_again_is_counted_and_does_nothing(engine: AsyncEngine, inbox: Inbox) -> None:
    await take(engine, inbox, told(1, 1), told(2, 2, status="refunded"), told(1, 4, OTHER_ID))

    assert await take(engine, inbox, told(1, 1), told(1, 4, OTHER_ID)) == ["duplicate", "duplicate"]
    assert await find(engine) == Local(2, 2, payment(ID, status="refunded"))
    assert await progress(engine) == (2, 2, [4])


async def test_positions_above_a_gap_count_when_it_closes(engine: AsyncEngine, inbox: Inbox) -> None:
    names = [f"019ccb1e-5a00-7c3e-9d52-{number:012x}" for number in range(6)]
    for position in (3, 5, 2, 6):
        await take(engine, inbox, told(1, position, names[position - 1]))
    assert await progress(engine) == (0, 0, [2, 3, 5, 6])

    await take(engine, inbox, told(1, 1, names[0]))
    assert await progress(engine) == (3, 0, [5, 6])

    await take(engine, inbox, told(1, 4, names[3]))
    assert await progress(engine) == (6, 0, [])


async def test_a_long_run_above_a_gap_is_closed_whole(engine: AsyncEngine, inbox: Inbox) -> None:
    async with writing(engine) as connection:
        rows = [{"entity": "payment", "position": position} for position in range(2, 1204)]
        await connection.execute(inbox_table.insert(), rows)

    await take(engine, inbox, told(1, 1))
    assert await progress(engine) == (1203, 0, [])


async def test_entities_have_positions_of_their_own(engine: AsyncEngine, inbox: Inbox) -> None:
    await take(engine, inbox, told(1, 1), make_event("StockChanged", position=1))

    assert await progress(engine, "payment") == (1, 0, [])
    assert await progress(engine, "stock") == (1, 0, [])
    assert await progress(engine, "product") == (0, 0, [])


async def test_what_only_tells_moves_the_position(engine: AsyncEngine, inbox: Inbox) -> None:
    assert await take(engine, inbox, make_event("InventoryRejected", position=1)) == ["told"]

    assert await progress(engine, "stock") == (1, 0, [])


async def test_a_removed_aggregate_has_no_state(engine: AsyncEngine, inbox: Inbox) -> None:
    changed = make_event("ProductChanged", aggregate_version=1, position=1)
    removed = make_event("ProductRemoved", aggregate_version=2, position=2)

    assert await take(engine, inbox, changed, removed) == ["take", "take"]
    assert await find(engine, "MUG-0001", "product") == Local(2, 2, None)


async def test_a_state_that_both_sides_have_changed_is_a_conflict_and_stays(owning: AsyncEngine, inbox: Inbox) -> None:
    await take(owning, inbox, told(1, 1))
    await write_payment(owning, ID, status="refunded")

    assert await take(owning, inbox, told(2, 2, status="declined")) == ["conflict"]

    assert await find(owning) == Local(2, 1, payment(ID, status="refunded"))
    assert await progress(owning) == (2, 0, [])
    [row] = await conflicts(owning)
    assert (row.entity, row.aggregate_id, row.local_version, row.peer_version) == ("payment", ID, 2, 2)
    assert row.reason == "both sides have changed it: PaymentCompleted is version 2"
    assert (row.local_state, row.peer_state) == (payment(ID, status="refunded"), payment(ID, status="declined"))


async def test_a_state_that_is_equal_already_is_agreed_on(owning: AsyncEngine, inbox: Inbox) -> None:
    await write_payment(owning, ID)

    assert await take(owning, inbox, told(1, 1)) == ["agree"]
    assert await find(owning) == Local(1, 1, payment(ID))
    assert await conflicts(owning) == []


async def test_the_same_conflict_is_recorded_once(owning: AsyncEngine, inbox: Inbox) -> None:
    await write_payment(owning, ID)
    again = told(1, None, status="declined")

    for event in (again, replace(again, id=OTHER_ID)):
        async with writing(owning) as connection:
            decisions = await inbox.take_all(connection, [event])
        assert decisions == {"told": 0, "take": 0, "old": 0, "agree": 0, "conflict": 1}
    assert len(await conflicts(owning)) == 1


async def test_a_first_answer_travels_with_the_state(engine: AsyncEngine, inbox: Inbox) -> None:
    async def kept() -> str | None:
        async with reading(engine) as connection:
            return (await connection.execute(select(answers.c.body))).scalar_one_or_none()

    await take(engine, inbox, told(2, 2))
    assert await kept() is None
    await take(engine, inbox, told(1, 1, answer=ANSWER | {"body": "first"}))  # old, but its answer is missing here
    assert await kept() == "first"
    await take(engine, inbox, told(3, 3, answer=ANSWER | {"body": "second"}))
    assert await kept() == "second"
    await take(engine, inbox, told(2, 4, answer=ANSWER | {"body": "first"}))
    assert await kept() == "second"
    local = await find(engine)
    assert local is not None
    assert local.data == payment(ID)  # without the answer


async def test_a_dead_letter_is_a_conflict_and_does_not_hold_up_the_rest(engine: AsyncEngine, inbox: Inbox) -> None:
    await take(engine, inbox, told(1, 2, OTHER_ID))
    for _ in range(2):
        async with writing(engine) as connection:
            await inbox.bury(connection, Traces("", "payment", "legacy", 1, ID), "lacks data")

    assert await progress(engine) == (2, 0, [])
    [row] = await conflicts(engine)
    assert (row.aggregate_id, row.reason) == (ID, "position 1 became a dead letter: lacks data")
    assert (row.local_version, row.local_state, row.peer_state) == (None, None, None)


async def test_a_dead_letter_that_is_replayed_after_a_repair_is_taken_in(engine: AsyncEngine, inbox: Inbox) -> None:
    event = told(1, 1)
    async with writing(engine) as connection:
        await inbox.bury(connection, Traces(event.id, "payment", "legacy", 1, ID), "a mistake of ours")

    assert await take(engine, inbox, event, event) == ["take", "old"]
    assert await find(engine) == Local(1, 1, payment(ID))
    assert len(await conflicts(engine)) == 1


async def test_a_backfill_covers_positions_that_the_bus_has_forgotten(engine: AsyncEngine, inbox: Inbox) -> None:
    for position in (90, 101, 102, 104):
        await take(engine, inbox, told(position, position))
    async with writing(engine) as connection:
        await cover(connection, "payment", 100)
        await cover(connection, "payment", 40)

    assert await progress(engine) == (102, 0, [104])


async def test_a_service_is_filled_when_all_its_entities_are(engine: AsyncEngine, inbox: Inbox) -> None:
    async with writing(engine) as connection:
        assert await find_imported_at(connection, {"stock", "product"}) is None
        await mark_imported(connection, ["stock"], NOW)
        assert await find_imported_at(connection, {"stock", "product"}) is None
        await mark_imported(connection, ["product"], NOW)
        assert await find_imported_at(connection, {"stock", "product"}) == NOW


async def test_the_status_tells_how_far_each_entity_is(owning: AsyncEngine, inbox: Inbox) -> None:
    await write_payment(owning, ID)
    await take(owning, inbox, told(1, 1, status="declined"), told(1, 3, OTHER_ID))

    async with reading(owning) as connection:
        status = await read_status(connection, datetime.now(UTC))
    waited = status["payment"]["oldest_unpublished_seconds"]
    assert 0 <= waited < 60
    assert status["payment"] == {
        "owner": "service",
        "epoch": 2,
        "outbox_last": 1,
        "unpublished": 1,
        "oldest_unpublished_seconds": waited,
        "applied_from_peer": 1,
        "conflicts": 1,
    }
    assert status["product"] == {
        "owner": "legacy",
        "epoch": 1,
        "outbox_last": 0,
        "unpublished": 0,
        "oldest_unpublished_seconds": 0.0,
        "applied_from_peer": 0,
        "conflicts": 0,
    }


async def test_consumers_side_by_side_apply_everything_once(engine: AsyncEngine, inbox: Inbox) -> None:
    """Two processes after a rebalance: both see some events, in any order of aggregates."""
    events = [told(1, position, f"019ccb1e-5a00-7c3e-9d52-{position:012x}") for position in range(1, 16)]

    async def consume(order: list[Event]) -> list[str]:
        return await take(engine, inbox, *order)

    decisions = await asyncio.gather(consume(events), consume(events[::-1]), consume(events[5:] + events[:5]))

    assert sorted(sum(decisions, [])) == ["duplicate"] * 30 + ["take"] * 15  # noqa: RUF017 - three lists
    assert await progress(engine) == (15, 30, [])
