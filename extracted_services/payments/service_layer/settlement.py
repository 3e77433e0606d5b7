"""Brings to an end what a request began and did not finish: its process was killed, or the processor was silent.

Several processes may do so at once, beside the requests themselves: every step can be repeated.
"""

import logging
from datetime import timedelta

from extracted_services.chassis.database import DatabaseUnavailable
from extracted_services.chassis.kept_answers import KeyReused
from extracted_services.chassis.sync.ownership import NotOwner
from extracted_services.payments.domain.charge import Charge, Step, next_step
from extracted_services.payments.service_layer.charging import (
    OutcomeUnknown,
    Withdrawn,
    ask_until_known,
    give_back,
    record,
    withdraw,
)
from extracted_services.payments.service_layer.till import Till

BATCH = 100

logger = logging.getLogger("settlement")


async def settle(*, till: Till, after: timedelta) -> int:
    """Take one step with each charge that has waited for that long; returns how many there were.

    `after` is longer than a request takes, so that there is little work done twice. Raises DatabaseUnavailable.
    """
    charges = await till.book.list_unsettled(till.now() - after, BATCH)
    for charge in charges:
        try:
            await _take_step(till, charge)
        except DatabaseUnavailable:
            raise
        except Exception:  # one that cannot be settled keeps none of the others waiting
            logger.exception("the charge %s cannot be settled", charge.payment_id)
    return len(charges)


async def _take_step(till: Till, charge: Charge) -> None:
    match next_step(charge, owner=await till.book.is_owner()):
        case Step.ASK_AGAIN:
            await _finish(till, charge)
        case Step.WITHDRAW:
            await withdraw(till=till, payment_id=charge.payment_id, keep_key=False)
        case Step.GIVE_BACK:
            await give_back(till=till, payment_id=charge.payment_id)
        case Step.NOTHING:
            pass


async def _finish(till: Till, charge: Charge) -> None:
    try:
        await record(till, charge, await ask_until_known(till, charge))
    except (OutcomeUnknown, Withdrawn, NotOwner, KeyReused):
        return  # nothing more to be done now; the next round sees how it stands
