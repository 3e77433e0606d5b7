"""What the owner of stock sees to without being asked: reservations that nobody committed in time are released, and
every product for sale has a level.

Several processes may do it at once: each look is taken again under the lock of what is changed. What cannot be done for
one reservation holds up no other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from extracted_services.chassis.database import DatabaseUnavailable
from extracted_services.chassis.sync.ownership import NotOwner
from extracted_services.inventory.service_layer.stock import OpenWarehouse, expire, open_levels

AT_ONCE = 100


class Duties(Protocol):
    """What there is to do, as it looks without a lock."""

    async def find_overdue(self, now: datetime, limit: int) -> Sequence[str]:
        """Ids of reservations that should have been committed by now, the longest overdue first."""

    async def find_without_level(self, limit: int) -> Sequence[str]:
        """SKUs of products for sale that nobody told a level of."""


@dataclass(frozen=True, slots=True)
class Done:
    """How many reservations expired and levels were opened, and which reservations could not be released, and why."""

    expired: int = 0
    opened: int = 0
    failed: Mapping[str, Exception] = field(default_factory=dict)


async def see_to_duties(duties: Duties, open_warehouse: OpenWarehouse, now: datetime) -> Done:
    """One round. Raises NotOwner where somebody else sees to it, and DatabaseUnavailable."""
    expired, failed = 0, {}
    for reservation_id in await duties.find_overdue(now, AT_ONCE):
        try:
            async with open_warehouse() as warehouse:
                expired += await expire(warehouse, reservation_id=reservation_id, now=now)
        except (NotOwner, DatabaseUnavailable):
            raise
        except Exception as failure:
            failed[reservation_id] = failure
    skus = await duties.find_without_level(AT_ONCE)
    if skus:
        async with open_warehouse() as warehouse:
            await open_levels(warehouse, skus=skus, now=now)
    return Done(expired, len(skus), failed)
