"""Sees to the duties of stock's owner for as long as the application serves, every few seconds.

A round that fails is told once and tried again with the next; nothing here may end the service.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime

from extracted_services.chassis.database import DatabaseUnavailable
from extracted_services.chassis.sync.ownership import NotOwner
from extracted_services.chassis.trace import current, start_trace
from extracted_services.inventory.service_layer.stock import OpenWarehouse
from extracted_services.inventory.service_layer.upkeep import Duties, see_to_duties

EVERY_SECONDS = 2.0  # what a reservation that expires may be late by

logger = logging.getLogger("keeper")


@dataclass(frozen=True, slots=True)
class Keeper:
    duties: Duties
    open_warehouse: OpenWarehouse
    now: Callable[[], datetime]
    every_seconds: float = EVERY_SECONDS

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._run(), name="keeper")
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        was_well = True
        while True:
            current.set(start_trace())  # what this round writes is told as one piece of work
            is_well = await self._see_to_duties(tell=was_well)
            if is_well and not was_well:
                logger.info("stock is seen to again")
            was_well = is_well
            await asyncio.sleep(self.every_seconds)

    async def _see_to_duties(self, *, tell: bool) -> bool:
        try:
            done = await see_to_duties(self.duties, self.open_warehouse, self.now())
        except NotOwner:
            return True  # whoever owns stock sees to it
        except DatabaseUnavailable as problem:
            if tell:
                logger.warning("stock cannot be seen to: %s", problem)
            return False
        except Exception:
            if tell:
                logger.exception("stock cannot be seen to")
            return False
        if done.expired or done.opened:
            fields = {"expired": done.expired, "opened": done.opened}
            logger.info("%d reservations expired, %d levels opened", *fields.values(), extra={"fields": fields})
        if tell:
            for reservation_id, failure in done.failed.items():
                logger.error("reservation %s cannot be released", reservation_id, exc_info=failure)
        return not done.failed
