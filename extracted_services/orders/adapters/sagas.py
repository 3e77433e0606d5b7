"""Runs the sagas of this service, and goes on with those that a dead process left behind.

Each process says every half second that it lives. Whoever sees one that has not for a while takes over what it ran;
a saga that a transaction began and nobody started is started. A process that was only slow does no harm: of two runs
only one can write, and every call carries the saga's key.
"""

import asyncio
import itertools
import logging
import random
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import astuple
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from extracted_services.chassis import trace
from extracted_services.chassis.database import DatabaseUnavailable, reading, writing
from extracted_services.orders.adapters.durable import DbosJournal, DurableFunctions
from extracted_services.orders.adapters.saga_book import SqlNotes, SqlSagaBook
from extracted_services.orders.adapters.tables import orders, saga_runners
from extracted_services.orders.domain.order import Status
from extracted_services.orders.saga.drive import Run, drive
from extracted_services.orders.saga.plan import Patience
from extracted_services.orders.saga.story import Saga
from extracted_services.orders.service_layer.ports import Begun, Clock

BEAT = timedelta(seconds=0.5)
LEASE = timedelta(seconds=3)  # six beats missed: gone, or as good as gone
OVERDUE = timedelta(seconds=5)  # whoever began a saga starts it within milliseconds, if it lives
LOOK_EVERY = 10  # beats
TIDY_EVERY = 7200  # beats: an hour
KEEP_JOURNAL = timedelta(days=7)  # to look into what happened; the sagas themselves are kept
KEEP_DRAFTS = timedelta(days=1)  # that became no order; by then nobody asks again
GONE = datetime(2000, 1, 1, tzinfo=UTC)

_draw = random.SystemRandom().random

logger = logging.getLogger("orders.sagas")


class SagaRunner:
    """The `Sagas` port. `name` is this process among those of the service; no other may ever have it."""

    def __init__(
        self,
        stories: Iterable[Saga],
        engine: AsyncEngine,
        functions: DurableFunctions,
        *,
        name: str,
        now: Clock,
        notify: Callable[[str], None],
        patience: Patience | None = None,
    ) -> None:
        self._stories = {story.name: story for story in stories}
        self._engine, self._functions, self._name, self._now, self._notify = engine, functions, name, now, notify
        self._patience = patience or Patience()
        self._book = SqlSagaBook(engine, now)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Raises DatabaseUnavailable."""
        async with writing(self._engine) as connection:
            await connection.execute(insert(saga_runners).values(id=self._name, seen_at=self._now()))
        self._functions.launch(saga=self._run)
        keeping = asyncio.create_task(self._keep(), name="sagas")
        try:
            yield
        finally:
            keeping.cancel()
            with suppress(asyncio.CancelledError):
                await keeping
            await self._functions.close()
            with suppress(DatabaseUnavailable):
                await self._beat(GONE)

    async def start(self, saga: Begun) -> None:
        try:
            await self._functions.start("saga", _name(saga), *astuple(saga))
        except Exception as failure:  # the journal is busy or away, which nobody who orders can help
            logger.warning("saga %s is started later: %s", saga.id, failure, extra={"fields": {"saga": saga.id}})

    async def tidy(self) -> None:
        """Remove what nobody needs any more."""
        now = self._now()
        while await self._functions.forget(now - KEEP_JOURNAL):
            pass
        dropped = delete(orders).where(orders.c.version == 0, orders.c.status == Status.CANCELLED.value)
        async with writing(self._engine) as connection:
            await connection.execute(dropped.where(orders.c.updated_at < now - KEEP_DRAFTS))

    async def _run(self, saga_id: str, name: str, order_id: str, run: int, traceparent: str | None) -> str:
        token = trace.current.set(trace.continue_trace(saga_id, traceparent))
        try:
            notes = SqlNotes(self._engine, self._now, run, self._notify)
            story, journal = self._stories[name], DbosJournal()
            return await drive(Run(story, saga_id, order_id, journal, notes, self._patience, _draw, is_resumed=run > 1))
        finally:
            trace.current.reset(token)

    async def _keep(self) -> None:
        is_away = False
        for beats in itertools.count():
            try:
                await self._beat(self._now())
                await self._adopt_orphans()
                if beats % LOOK_EVERY == 0:
                    await self._start_forgotten()
                if beats % TIDY_EVERY == 0:
                    await self.tidy()
            except DatabaseUnavailable as problem:
                if not is_away:
                    logger.warning("sagas wait for the database: %s", problem)
                is_away = True
            except Exception:  # whatever it is: sagas that nobody looks after would be worse
                logger.exception("looking after sagas failed")
            else:
                is_away = False
            await asyncio.sleep(BEAT.total_seconds())

    async def _beat(self, at: datetime) -> None:
        """Another process may have taken this one for dead, and its row away."""
        async with writing(self._engine) as connection:
            mine = update(saga_runners).where(saga_runners.c.id == self._name)
            if (await connection.execute(mine.values(seen_at=at))).rowcount == 0:
                await connection.execute(insert(saga_runners).values(id=self._name, seen_at=at))

    async def _adopt_orphans(self) -> None:
        gone = select(saga_runners.c.id).where(saga_runners.c.seen_at < self._now() - LEASE)
        async with reading(self._engine) as connection:
            names = list((await connection.execute(gone)).scalars())
        for name in names:
            if await self._is_mine_to_adopt(name):
                count = await self._functions.adopt([name])
                async with writing(self._engine) as connection:
                    await connection.execute(delete(saga_runners).where(saga_runners.c.id == name))
                logger.info("went on with %d sagas of %s", count, name, extra={"fields": {"sagas": count}})

    async def _is_mine_to_adopt(self, name: str) -> bool:
        """One adopts; should it die at that, another does after a lease."""
        dead = update(saga_runners).where(saga_runners.c.id == name, saga_runners.c.seen_at < self._now() - LEASE)
        async with writing(self._engine) as connection:
            return (await connection.execute(dead.values(seen_at=self._now()))).rowcount == 1

    async def _start_forgotten(self) -> None:
        """Not those that run, and are only slow."""
        for saga in await self._book.find_overdue(self._now() - OVERDUE):
            if not await self._functions.is_known(_name(saga.begun)):
                await self.start(saga.begun)


def _name(saga: Begun) -> str:
    """A run of a saga, to the journal."""
    return f"{saga.id}:{saga.run}"
