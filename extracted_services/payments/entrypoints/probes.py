"""What must hold besides the database and the broker, before this process may be sent requests."""

from collections.abc import Awaitable, Callable

from extracted_services.chassis.web.probes import NotReady
from extracted_services.payments.service_layer.readiness import Gate, NotFilled


def check_filled(gate: Gate) -> Callable[[], Awaitable[None]]:
    async def check() -> None:
        try:
            await gate.require_filled()
        except NotFilled:
            raise NotReady("never filled: run the monolith's backfill") from None

    return check
