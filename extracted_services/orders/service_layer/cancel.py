"""Cancelling an order at its customer's wish: cancelled at once, money and goods given back by a saga.

A pending order's own saga sees that it is not wanted any more and undoes what it did; a confirmed one gets a saga for
that. Either survives whatever dies.
"""

from extracted_services.orders.domain.order import Order, Reason, Status, cancel, tell
from extracted_services.orders.service_layer.answers import answer_of
from extracted_services.orders.service_layer.place import GIVE_BACK, Counter
from extracted_services.orders.service_layer.ports import Begun


class OrderUnknown(Exception):
    """There is no order with this id, or none that the caller may see."""


async def find_order(order_id: str, customer: str | None, counter: Counter) -> Order:
    """`customer` None sees everyone's. Raises OrderUnknown."""
    order = await counter.orders.find(order_id)
    if order is None or order.is_draft or (customer is not None and order.customer != customer):
        raise OrderUnknown
    return order


async def cancel_order(*, order_id: str, customer: str | None, counter: Counter) -> Order:
    """The cancelled order; one that was cancelled before stays as it is. Raises OrderUnknown, NotPossible, NotOwner."""
    found = await find_order(order_id, customer, counter)
    if found.status is Status.CANCELLED:
        return found
    order, saga = await _cancel(order_id, counter)
    if saga is not None:
        await counter.sagas.start(saga)
    await _await_the_giving_back(order_id, counter)
    return order


async def _cancel(order_id: str, counter: Counter) -> tuple[Order, Begun | None]:
    async with counter.work() as unit:
        await unit.own()
        order = await unit.lock(order_id)
        if order is None:
            raise OrderUnknown
        if order.status is Status.CANCELLED:
            return order, None
        cancelled = cancel(order, Reason.REQUESTED, counter.now())
        cancelled = tell(cancelled, answer_of(cancelled))  # whoever still waits for its placing is told this
        await unit.save(cancelled, "OrderCancelled")
        is_fulfilled = order.status is not Status.PENDING
        return cancelled, await unit.begin_saga(GIVE_BACK, order_id) if is_fulfilled else None


async def _await_the_giving_back(order_id: str, counter: Counter) -> None:
    """So that whoever looks at payments and stock next sees it; not longer than a customer waits."""
    deadline = counter.monotonic() + counter.seconds
    with counter.signals.listening(order_id) as ear:
        while (left := deadline - counter.monotonic()) > 0 and await counter.orders.is_being_worked_on(order_id):
            await ear.wait(left)
