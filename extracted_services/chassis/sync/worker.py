"""The work of synchronisation that goes on beside a service's requests: its events go out, the other side's come in.

One worker per process, for as long as the application serves; several processes share the work. It decides what is told
to the bus of an event: taken, never to be taken (a dead letter, and a conflict), or not now (the database is away).
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from extracted_services.chassis import trace
from extracted_services.chassis.database import DatabaseUnavailable, writing
from extracted_services.chassis.sync.inbox import Inbox
from extracted_services.chassis.sync.outbox import SqlOutbox
from extracted_services.chassis.sync.tables import LEGACY
from extracted_services.chassis.web.probes import NotReady
from extracted_services.contracts.envelope import BadEvent, Event, decode, find_traces
from extracted_services.messaging.ports import Bus, BusUnavailable, Delivery, NotNow, Poison
from extracted_services.messaging.relay import Relay

KEEP_PUBLISHED = timedelta(days=7)  # to look into what was told, and when
TIDY_EVERY = timedelta(hours=1)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SyncWorker:
    """`name` is the service's, and its group on the bus; `holder` names this process among those of the service."""

    name: str
    holder: str
    engine: AsyncEngine
    bus: Bus
    inbox: Inbox
    _relay: Relay = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_relay", Relay(SqlOutbox(self.engine, self.inbox.now), self.bus, holder=self.holder))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work for as long as the context lasts. The bus and the database may be away, and come back."""
        relay = asyncio.create_task(self._relay.run(), name=f"{self.name} relay")
        tidying = asyncio.create_task(self._tidy(), name=f"{self.name} tidying")
        try:
            async with self.bus.subscribe(sorted(self.inbox.entities), self.name, self.handle, dead=self.bury):
                yield
        finally:
            for task in (tidying, relay):
                task.cancel()
            for task in (tidying, relay):
                with suppress(asyncio.CancelledError):
                    await task

    def poke(self) -> None:
        """An event was committed just now: publish it without waiting for the next look. From any thread."""
        self._relay.poke()

    async def handle(self, delivery: Delivery) -> None:
        """Take in one message of the bus. Raises Poison or NotNow."""
        try:
            event = decode(delivery.message.value)
        except BadEvent as problem:
            raise Poison(str(problem)) from None
        if event.origin != LEGACY or event.aggregate_type not in self.inbox.entities:
            return  # our own, come back to us: both sides publish to the same topics
        token = trace.current.set(trace.continue_trace(event.id, event.traceparent))
        try:
            await self._take(event)
        finally:
            trace.current.reset(token)

    async def bury(self, delivery: Delivery, reason: str) -> None:
        """A message has become a dead letter: record that, so that nobody thinks both sides equal. Raises NotNow."""
        traces = find_traces(delivery.message.value)
        if traces is None or traces.origin != LEGACY or traces.entity not in self.inbox.entities:
            return
        try:
            async with writing(self.engine) as connection:
                await self.inbox.bury(connection, traces, reason)
        except DatabaseUnavailable as problem:
            raise NotNow(str(problem)) from problem

    async def check(self) -> dict[str, Any]:
        """For readiness: how many messages wait to be taken in. Raises NotReady when the bus is away."""
        try:
            await self.bus.check()
            return {"lag": await self.bus.lag(self.name, sorted(self.inbox.entities))}
        except BusUnavailable as problem:
            raise NotReady(str(problem)) from problem

    async def _take(self, event: Event) -> None:
        try:
            async with writing(self.engine) as connection:
                decision = await self.inbox.take(connection, event)
        except DatabaseUnavailable as problem:
            raise NotNow(str(problem)) from problem
        level = logging.WARNING if decision == "conflict" else logging.DEBUG
        log.log(level, "%s %s version %d: %s", event.type, event.aggregate_id, event.aggregate_version, decision)

    async def _tidy(self) -> None:
        """Forget, now and then, what was published long ago; when the database is away, next time."""
        while True:
            await asyncio.sleep(TIDY_EVERY.total_seconds())
            with suppress(DatabaseUnavailable):
                await SqlOutbox(self.engine).forget_published(self.inbox.now() - KEEP_PUBLISHED)
