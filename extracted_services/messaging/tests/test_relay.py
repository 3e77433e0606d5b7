"""A relay between an outbox in memory and a bus that can be away."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from extracted_services.messaging.ports import BusUnavailable, Message
from extracted_services.messaging.relay import LEASE_SECONDS, OutboxRow, Relay
from extracted_services.messaging.tests.recorder import messages

pytestmark = pytest.mark.anyio
NEVER = timedelta(hours=1)
SOON = timedelta(milliseconds=5)


class Outbox:
    """One table and its lease; the lease runs out when `clock` says so."""

    def __init__(self) -> None:
        self.rows: dict[int, Message] = {}
        self.leases: list[tuple[str, float]] = []
        self.holder: str | None = None
        self.changed = asyncio.Event()
        self.asked = asyncio.Event()

    def add(self, published: Sequence[Message]) -> None:
        for message in published:
            self.rows[len(self.rows) + 1] = message

    async def take_lease(self, holder: str, seconds: float) -> bool:
        self.leases.append((holder, seconds))
        self.asked.set()
        if self.holder not in (None, holder):
            return False
        self.holder = holder if seconds else None
        return True

    async def unpublished(self, limit: int) -> Sequence[OutboxRow]:
        return [OutboxRow(number, message) for number, message in sorted(self.rows.items())[:limit]]

    async def mark_published(self, ids: Sequence[int]) -> None:
        for number in ids:
            del self.rows[number]
        self.changed.set()


class FakeBus:
    def __init__(self) -> None:
        self.published: list[Message] = []
        self.failures: list[Exception] = []
        self.tried = asyncio.Event()

    async def publish(self, messages: Sequence[Message]) -> None:
        self.tried.set()
        if self.failures:
            raise self.failures.pop(0)
        self.published += messages


@asynccontextmanager
async def running(relay: Relay) -> AsyncIterator[None]:
    task = asyncio.create_task(relay.run())
    try:
        async with asyncio.timeout(60):
            yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def until_empty(outbox: Outbox) -> None:
    while outbox.rows:
        outbox.changed.clear()
        await outbox.changed.wait()


async def test_rows_are_published_in_the_order_of_their_ids_and_marked() -> None:
    outbox, bus, rows = Outbox(), FakeBus(), messages("order", *"abc" * 400)
    outbox.add(rows)
    async with running(Relay(outbox, bus, holder="one", poll=NEVER)):
        await until_empty(outbox)
    assert bus.published == rows


async def test_a_poke_from_any_thread_publishes_at_once() -> None:
    outbox, bus, rows = Outbox(), FakeBus(), messages("order", *"abc")
    relay = Relay(outbox, bus, holder="one", poll=NEVER)
    relay.poke()  # before it runs: nothing
    async with running(relay):
        await asyncio.sleep(0.01)
        outbox.add(rows)
        await asyncio.to_thread(threading.Thread(target=relay.poke).run)
        await until_empty(outbox)
    relay.poke()  # after it ran: nothing
    assert bus.published == rows


async def test_a_bus_that_is_away_is_told_once_and_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "extracted_services.messaging.relay")
    outbox, bus, rows = Outbox(), FakeBus(), messages("order", *"abc")
    outbox.add(rows)
    bus.failures = [BusUnavailable("no room on the disk"), BusUnavailable("no room on the disk"), OSError("odd")]
    async with running(Relay(outbox, bus, holder="one", poll=SOON, clock=lambda: 100.0, chance=lambda: 0.01)):
        await until_empty(outbox)
        await asyncio.sleep(0.01)
    assert bus.published == rows
    told = [record.getMessage() for record in caplog.records]
    assert told == [
        "The relay cannot publish; it goes on trying: no room on the disk",
        "The relay publishes again, after 3 failures",
    ]


async def test_only_the_holder_of_the_lease_publishes_and_another_takes_over_when_it_ends() -> None:
    outbox, first, second = Outbox(), FakeBus(), FakeBus()
    async with running(Relay(outbox, second, holder="two", poll=SOON)):
        async with running(Relay(outbox, first, holder="one", poll=SOON)):
            await asyncio.sleep(0.03)
            holder = outbox.holder
            outbox.add(messages("order", *"abc"))
            await until_empty(outbox)
        assert len(first.published) == (3 if holder == "one" else 0)
        assert len(second.published) == (3 if holder == "two" else 0)
        outbox.holder = None if holder == "one" else outbox.holder
        outbox.add(messages("order", *"abc"))
        await until_empty(outbox)
        assert len(second.published) >= 3


async def test_the_lease_is_asked_for_when_half_of_it_has_passed_and_given_back_at_the_end() -> None:
    now, outbox = 100.0, Outbox()
    relay = Relay(outbox, FakeBus(), holder="one", poll=SOON, clock=lambda: now)
    async with running(relay):
        await asyncio.sleep(0.05)
        assert outbox.leases == [("one", LEASE_SECONDS)]
        outbox.asked.clear()
        now += LEASE_SECONDS / 2
        await outbox.asked.wait()
        await asyncio.sleep(0.05)
        assert outbox.leases == [("one", LEASE_SECONDS)] * 2
    assert outbox.leases[-1] == ("one", 0.0)
    assert outbox.holder is None
