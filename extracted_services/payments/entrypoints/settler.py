"""The clock's way in: settles what requests left behind, for as long as the service runs."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from extracted_services.chassis.database import DatabaseUnavailable
from extracted_services.payments.service_layer.settlement import settle
from extracted_services.payments.service_layer.till import Till

LONGEST_PAUSE = timedelta(seconds=5)

logger = logging.getLogger("settlement")


@asynccontextmanager
async def settling(till: Till, after: timedelta) -> AsyncIterator[None]:
    """Settle in the background while the context lasts."""
    task = asyncio.create_task(_settle_forever(till, after), name="settlement")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _settle_forever(till: Till, after: timedelta) -> None:
    is_away = False
    while True:
        try:
            settled = await settle(till=till, after=after)
        except DatabaseUnavailable as problem:
            if not is_away:  # told once, not every few seconds
                logger.warning("waiting for the database: %s", problem)
            is_away = True
        except Exception:
            logger.exception("settlement failed")
        else:
            is_away = False
            if settled:
                logger.info("took up %d charges that were not finished", settled)
        await asyncio.sleep(min(after, LONGEST_PAUSE).total_seconds())
