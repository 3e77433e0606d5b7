"""The work that goes on beside the shop's requests: its events go out, those of the services come in.

Any number of processes share it. A broker or a database that is away is waited for; the shop itself never waits.
It decides what the bus is told of an event: taken, never to be taken (a dead letter, and a conflict), or not now.
"""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TypeVar
from uuid import uuid4

from django.db import InterfaceError, OperationalError, connection

from extracted_services.contracts.envelope import BadEvent, Event, decode, find_traces
from extracted_services.messaging.ports import Bus, BusUnavailable, Delivery, NotNow, Poison
from extracted_services.messaging.relay import OutboxRow, Relay
from legacy_monolith.config import log as log_context
from legacy_monolith.orders import takeover

from . import inbox, outbox
from .kinds import Untakable
from .models import Side

GROUP = "monolith"
TOPICS = ("order", "payment", "stock")  # of products the shop hears nothing: nobody else writes them
CHECK_EVERY = timedelta(seconds=2)
CHORES = (
    (takeover.finish_pending_orders, timedelta(seconds=1)),
    (takeover.give_back_what_is_kept, timedelta(seconds=10)),
    (outbox.forget_published, timedelta(hours=1)),
)

log = logging.getLogger(__name__)
Result = TypeVar("Result")


class Lane:
    """One thread, with a connection to the database of its own, for work that waits."""

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def run(self, act: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._executor, _act, act)

    def close(self) -> None:
        self._executor.submit(connection.close)
        self._executor.shutdown()


def _act(act: Callable[[], Result]) -> Result:
    try:
        return act()
    except (OperationalError, InterfaceError):
        connection.close()  # the next use opens another one
        raise


@dataclass(frozen=True)
class Outbox:
    """The outbox as a relay sees it (`messaging.relay.OutboxStore`)."""

    lane: Lane

    async def take_lease(self, holder: str, seconds: float) -> bool:
        return await self.lane.run(partial(outbox.take_lease, holder, seconds))

    async def unpublished(self, limit: int) -> Sequence[OutboxRow]:
        return await self.lane.run(partial(outbox.unpublished, limit))

    async def mark_published(self, ids: Sequence[int]) -> None:
        await self.lane.run(partial(outbox.mark_published, ids))


@dataclass
class Worker:
    """`trouble` says what is wrong with the broker, None while nothing is."""

    bus: Bus
    trouble: str | None = field(default=None, init=False)
    outward: Lane = field(default_factory=partial(Lane, "outbox"))
    inward: Lane = field(default_factory=partial(Lane, "inbox"))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Works for as long as the context lasts."""
        relay = Relay(Outbox(self.outward), self.bus, holder=f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}")
        chores = [self._repeat(act, every) for act, every in CHORES]
        outbox.call_after_commit(relay.poke)
        tasks = [asyncio.create_task(duty) for duty in (relay.run(), self._watch(), *chores)]
        try:
            async with self.bus.subscribe(TOPICS, GROUP, self.handle, dead=self.bury):
                yield
        finally:
            outbox.call_no_more(relay.poke)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.bus.close()
            self.outward.close()
            self.inward.close()

    async def handle(self, delivery: Delivery) -> None:
        """Takes one message of the bus. Raises `Poison` or `NotNow`."""
        traces = find_traces(delivery.message.value)
        if traces is not None and traces.origin == Side.LEGACY:
            return  # our own, come back to us: both sides publish to the same topics
        try:
            event = decode(delivery.message.value)
        except BadEvent as problem:
            raise Poison(str(problem)) from None
        try:
            decision = await self._wait_for_database(partial(_take, event))
        except Untakable as problem:
            raise Poison(str(problem)) from None
        level = logging.WARNING if decision == "conflict" else logging.DEBUG
        log.log(level, "%s %s version %d: %s", event.type, event.aggregate_id, event.aggregate_version, decision)

    async def bury(self, delivery: Delivery, reason: str) -> None:
        """A message has become a dead letter: that is recorded, so that nobody thinks both sides equal."""
        traces = find_traces(delivery.message.value)
        if traces is not None and traces.origin == Side.SERVICE and traces.entity in TOPICS:
            await self._wait_for_database(partial(inbox.bury, traces, reason))

    async def _wait_for_database(self, act: Callable[[], Result]) -> Result:
        try:
            return await self.inward.run(act)
        except (OperationalError, InterfaceError) as problem:
            raise NotNow(f"the database is away ({type(problem).__name__})") from problem

    async def _watch(self) -> None:
        while True:
            try:
                await self.bus.check()
                found = None
            except BusUnavailable as problem:
                found = str(problem) or "it does not answer"
            if found != self.trouble:
                level = logging.WARNING if found else logging.INFO
                log.log(level, "The broker %s", f"is away: {found}" if found else "answers")
            self.trouble = found
            await asyncio.sleep(CHECK_EVERY.total_seconds())

    async def _repeat(self, act: Callable[[], object], every: timedelta) -> None:
        """Now and then, for ever; what fails is tried again, more and more seldom."""
        failures = 0
        while True:
            await asyncio.sleep(every.total_seconds() * 2 ** min(failures, 6))
            try:
                await self.inward.run(act)
                failures = 0
            except (OperationalError, InterfaceError):
                failures += 1  # the requests that meet it say so
            except Exception:
                failures += 1
                log.exception("%s.%s failed", act.__module__, act.__name__)


def _take(event: Event) -> str:
    token = log_context.traceparent.set(event.traceparent)
    try:
        return inbox.take(event)
    finally:
        log_context.traceparent.reset(token)
