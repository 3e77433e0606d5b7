"""What `/readyz` tells of this service beside database and broker."""

from collections.abc import Awaitable, Callable

from extracted_services.chassis.web.probes import Details, NotReady
from extracted_services.orders.service_layer.watch import SagaBook


def check_filled(is_filled: Callable[[], Awaitable[bool]]) -> Callable[[], Awaitable[None]]:
    """Ready once the monolith's orders are here, or are no longer its own."""

    async def check() -> None:
        if not await is_filled():
            raise NotReady("never filled: run the monolith's `manage.py backfill orders`")

    return check


def tell_stuck(book: SagaBook) -> Callable[[], Awaitable[Details]]:
    """Sagas that wait for a person. Other orders go on, so this is no reason to send requests elsewhere."""

    async def tell() -> Details:
        return {"stuck": await book.count_stuck()}

    return tell
