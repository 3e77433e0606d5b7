"""A worker on a source in memory: when it commits, and what ends it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from extracted_services.messaging.delivery import Delivering, GivenUp
from extracted_services.messaging.ports import BusUnavailable, Delivery, Message, Poison, Retry
from extracted_services.messaging.worker import Lost, PartitionWorker

pytestmark = pytest.mark.anyio
QUICK = Retry(attempts=2, first=timedelta(milliseconds=1), most=timedelta(milliseconds=1))


@dataclass
class Memory:
    """Gives `batches` in turn, then nothing for ever; `failures` come before any commit or bury."""

    batches: list[list[Delivery]]
    failures: list[Exception] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    drained: asyncio.Event = field(default_factory=asyncio.Event)
    lost: asyncio.Event = field(default_factory=asyncio.Event)

    async def fetch(self) -> Sequence[Delivery]:
        if self.batches:
            return self.batches.pop(0)
        self.drained.set()
        return await asyncio.Future()

    async def commit(self, next_offset: int) -> None:
        self._act(f"commit {next_offset}")

    async def bury(self, letter: GivenUp) -> None:
        self._act(f"bury {letter.delivery.offset}")

    async def handle(self, delivery: Delivery) -> None:
        self.lines.append(f"handle {delivery.offset}")
        if delivery.message.key == "bad":
            raise Poison("bad")

    def _act(self, line: str) -> None:
        if self.failures:
            failure = self.failures.pop(0)
            if isinstance(failure, Lost):
                self.lost.set()
            raise failure
        self.lines.append(line)


def deliveries(*keys: str, first: int = 0) -> list[Delivery]:
    return [Delivery(Message("order", key, b"", f"{n}"), 0, n) for n, key in enumerate(keys, first)]


async def handled(source: Memory) -> PartitionWorker:
    worker = PartitionWorker("order/0", source, Delivering(source.handle, None, QUICK, chance=lambda: 0.01))
    worker.start()
    async with asyncio.timeout(60):
        await source.drained.wait()
    await worker.stop()
    return worker


async def test_a_position_is_committed_after_its_messages() -> None:
    source = Memory([deliveries("a", "b"), deliveries("c", first=2)])
    await handled(source)
    assert [line for line in source.lines if line != "commit 1"] == [
        *("handle 0", "handle 1", "commit 2", "handle 2", "commit 3")
    ]


async def test_a_dead_letter_is_kept_before_the_position_moves() -> None:
    source = Memory([deliveries("bad", "b")])
    await handled(source)
    assert source.lines.index("bury 0") < min(source.lines.index(line) for line in source.lines if "commit" in line)


async def test_a_bus_that_is_away_is_waited_for_and_nothing_is_skipped() -> None:
    source = Memory([deliveries("bad", "b")], failures=[BusUnavailable("away"), OSError("odd")])
    await handled(source)
    assert [line for line in source.lines if line != "commit 1"] == ["handle 0", "bury 0", "handle 1", "commit 2"]


async def test_a_claim_that_is_lost_ends_the_worker_without_another_commit() -> None:
    source = Memory([deliveries("a"), deliveries("b", first=1)], failures=[Lost()])
    worker = PartitionWorker("order/0", source, Delivering(source.handle))
    worker.start()
    async with asyncio.timeout(60):
        await source.lost.wait()
    await worker.stop()
    assert worker.ended
    assert source.lines == ["handle 0"]


async def test_a_handler_that_does_not_end_is_cancelled_when_time_is_up() -> None:
    source, started = Memory([deliveries("a")]), asyncio.Event()

    async def hang(delivery: Delivery) -> None:
        started.set()
        await asyncio.Future()

    worker = PartitionWorker("order/0", source, Delivering(hang))
    worker.start()
    await started.wait()
    await worker.stop(within=0.01)
    assert worker.ended
    assert source.lines == []
