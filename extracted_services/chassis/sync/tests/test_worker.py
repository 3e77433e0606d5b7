import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from extracted_services.chassis import trace
from extracted_services.chassis.database import open_engine, reading
from extracted_services.chassis.settings import parse_database
from extracted_services.chassis.sync.inbox import Inbox
from extracted_services.chassis.sync.status import read_status
from extracted_services.chassis.sync.tables import sync_conflicts
from extracted_services.chassis.sync.tests.service import ENTITIES, States, payment, write_payment
from extracted_services.chassis.sync.worker import SyncWorker
from extracted_services.chassis.web.probes import NotReady
from extracted_services.contracts.envelope import Event, decode, encode
from extracted_services.contracts.tests.examples import ID, OTHER_ID, make_event
from extracted_services.messaging.embedded.bus import EmbeddedBus
from extracted_services.messaging.ports import (
    RETRY,
    BusUnavailable,
    DeadHandler,
    DeadLetter,
    Delivery,
    Handler,
    Message,
    NotNow,
    Poison,
    Position,
    Retry,
)

pytestmark = pytest.mark.anyio

SECONDS = 60.0  # longer than anything here takes on a busy machine


class AbsentBus:
    """A broker that nobody can reach."""

    async def publish(self, messages: Sequence[Message]) -> None:
        raise BusUnavailable("nobody answers")

    def subscribe(
        self,
        topics: Sequence[str],
        group: str,
        handler: Handler,
        *,
        dead: DeadHandler | None = None,
        retry: Retry = RETRY,
    ) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    async def check(self) -> None:
        raise BusUnavailable("nobody answers")

    async def lag(self, group: str, topics: Sequence[str]) -> int:
        raise BusUnavailable("nobody answers")

    async def dead_letters(self, topics: Sequence[str], limit: int) -> list[DeadLetter]:
        raise BusUnavailable("nobody answers")

    async def replay(self, group: str, topic: str, *, since: Position) -> int:
        raise BusUnavailable("nobody answers")

    async def close(self) -> None:
        return None


def told(version: int, position: int, name: str = ID, status: str = "captured") -> Event:
    data = payment(name, status=status) | {"answer": None}
    return make_event("PaymentCompleted", aggregate_id=name, aggregate_version=version, position=position, data=data)


def delivery(value: bytes) -> Delivery:
    return Delivery(Message("payment", ID, value, OTHER_ID), 0, 0)


def message(event: Event) -> Message:
    return Message(event.aggregate_type, event.aggregate_id, encode(event), f"message {event.position}")


@pytest.fixture
def absent(engine: AsyncEngine, inbox: Inbox) -> SyncWorker:
    return SyncWorker("payments", "a process", engine, AbsentBus(), inbox)


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[EmbeddedBus]:
    bus = EmbeddedBus(tmp_path / "broker.db")
    yield bus
    await bus.close()


async def status(engine: AsyncEngine) -> dict[str, object]:
    async with reading(engine) as connection:
        return dict((await read_status(connection, datetime.now().astimezone()))["payment"])


async def until(engine: AsyncEngine, **wanted: object) -> None:
    """Wait until the status of payments is that."""
    async with asyncio.timeout(SECONDS):
        while True:
            if wanted.items() <= (await status(engine)).items():
                return
            await asyncio.sleep(0.02)


async def test_a_message_that_is_no_event_is_poison(absent: SyncWorker) -> None:
    with pytest.raises(Poison, match="is not JSON"):
        await absent.handle(delivery(b"{"))
    with pytest.raises(Poison, match=r"PaymentCompleted\.v9 is not known here"):
        await absent.handle(delivery(encode(told(1, 1)).replace(b'"schema_version":1', b'"schema_version":9')))


async def test_ones_own_events_that_come_back_are_left_alone(absent: SyncWorker, engine: AsyncEngine) -> None:
    own = json.loads(encode(told(1, 1))) | {"origin": "service"}
    await absent.handle(delivery(json.dumps(own).encode()))

    assert (await status(engine))["applied_from_peer"] == 0


async def test_events_of_others_are_left_alone(engine: AsyncEngine) -> None:
    worker = SyncWorker("stock", "a process", engine, AbsentBus(), Inbox(States(), frozenset({"stock"})))
    await worker.handle(delivery(encode(told(1, 1))))

    assert (await status(engine))["applied_from_peer"] == 0


async def test_a_dead_letter_of_the_other_side_is_a_conflict(absent: SyncWorker, engine: AsyncEngine) -> None:
    bad = json.loads(encode(told(1, 1)))
    del bad["data"]
    await absent.bury(delivery(json.dumps(bad).encode()), "lacks data")
    await absent.bury(delivery(json.dumps(bad | {"origin": "service", "position": 2}).encode()), "lacks data")
    await absent.bury(delivery(b"{"), "is not JSON")

    found = await status(engine)
    assert (found["applied_from_peer"], found["conflicts"]) == (1, 1)


async def test_a_database_that_is_away_makes_the_event_wait(inbox: Inbox) -> None:
    nowhere = open_engine(parse_database("postgresql://nobody@127.0.0.1:1/nothing"))
    worker = SyncWorker("payments", "a process", nowhere, AbsentBus(), inbox)

    with pytest.raises(NotNow):
        await worker.handle(delivery(encode(told(1, 1))))
    with pytest.raises(NotNow):
        await worker.bury(delivery(encode(told(1, 1))), "whatever")
    await nowhere.dispose()


async def test_the_work_belongs_to_the_trace_of_the_event(engine: AsyncEngine) -> None:
    seen: list[trace.Trace | None] = []

    class Watching(States):
        async def find(self, *asked: object) -> None:
            seen.append(trace.current.get())

    worker = SyncWorker("payments", "a process", engine, AbsentBus(), Inbox(Watching(), ENTITIES))
    await worker.handle(delivery(encode(told(1, 1))))

    assert seen[0] is not None
    assert (seen[0].trace_id, seen[0].request_id) == ("a" * 32, OTHER_ID)
    assert trace.current.get() is None


async def test_readiness_tells_that_the_broker_is_away(absent: SyncWorker) -> None:
    with pytest.raises(NotReady, match="nobody answers"):
        await absent.check()


async def test_writes_succeed_while_the_broker_is_away_and_are_published_when_it_is_back(
    owning: AsyncEngine, inbox: Inbox, bus: EmbeddedBus
) -> None:
    async with SyncWorker("payments", "a process", owning, AbsentBus(), inbox).running():
        await write_payment(owning, ID)
        assert (await status(owning))["unpublished"] == 1

    async with SyncWorker("payments", "a process", owning, bus, inbox).running():
        await until(owning, unpublished=0)


async def test_events_go_out_and_come_in_while_a_worker_runs(
    owning: AsyncEngine, inbox: Inbox, bus: EmbeddedBus
) -> None:
    arrived: asyncio.Queue[Event] = asyncio.Queue()

    async def read(delivered: Delivery) -> None:
        arrived.put_nowait(decode(delivered.message.value))

    worker = SyncWorker("payments", "a process", owning, bus, inbox)
    async with worker.running(), bus.subscribe(["payment"], "monolith", read):
        await write_payment(owning, OTHER_ID)
        worker.poke()
        async with asyncio.timeout(SECONDS):
            event = await arrived.get()
        assert (event.origin, event.aggregate_id, event.position) == ("service", OTHER_ID, 1)

        await bus.publish([message(told(1, 1)), message(told(2, 2, status="refunded")), message(told(1, 1))])
        await until(owning, applied_from_peer=2, conflicts=0)
        assert (await worker.check())["lag"] >= 0


async def test_bad_events_do_not_stop_those_behind_them(owning: AsyncEngine, inbox: Inbox, bus: EmbeddedBus) -> None:
    """All of one key, and so of one partition."""
    lacking = json.loads(encode(told(2, 2)))
    del lacking["data"]["payment"]
    unknown = json.loads(encode(told(3, 3))) | {"schema_version": 2}
    oversized = json.loads(encode(told(4, 4))) | {"more": "x" * 300_000}
    values = [encode(told(1, 1)), b"{", *(json.dumps(bad).encode() for bad in (lacking, unknown, oversized))]
    values.append(encode(told(5, 5, status="refunded")))

    async with SyncWorker("payments", "a process", owning, bus, inbox).running():
        await bus.publish([Message("payment", ID, value, f"message {n}") for n, value in enumerate(values)])
        await until(owning, applied_from_peer=5, conflicts=3)

    async with reading(owning) as connection:
        reasons = list((await connection.execute(select(sync_conflicts.c.reason).order_by("id"))).scalars())
    assert [reason.partition(": ")[2] for reason in reasons] == [
        "data lacks payment",
        "PaymentCompleted.v2 is not known here",
        f"{len(values[4])} bytes are more than 262144",
    ]
    letters = await bus.dead_letters(["payment"], 10)
    assert len(letters) == 4
