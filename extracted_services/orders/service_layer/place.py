"""Placing an order: priced by the catalogue of this moment, kept as a draft together with its key and its saga, then
waited for; whoever has to wait too long is told `pending`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from extracted_services.chassis.answers import Answer, Asked
from extracted_services.chassis.identifiers import uuid7
from extracted_services.chassis.kept_answers import KeyReused
from extracted_services.chassis.sync.ownership import NotOwner
from extracted_services.orders.domain.order import (
    Address,
    Line,
    Order,
    Reason,
    Told,
    accept,
    cancel,
    draft,
    tell,
    tell_pending,
)
from extracted_services.orders.service_layer.answers import answer_of, pending_answer
from extracted_services.orders.service_layer.ports import (
    Begun,
    Cards,
    Clock,
    Goods,
    Orders,
    Placed,
    Sagas,
    Unit,
    Wanted,
    Work,
)
from extracted_services.orders.service_layer.signals import Signals

FULFIL = "fulfil order"
GIVE_BACK = "give back"
MOST_CENTS = 99_999_999_99  # what the contract's form of money can say


class UnknownProducts(Exception):
    """Some lines name no product that is for sale; `lines` are their places."""

    def __init__(self, lines: Sequence[int]) -> None:
        super().__init__(lines)
        self.lines = lines


class TooExpensive(Exception):
    """The total is more than an amount of money can be."""


@dataclass(frozen=True, slots=True)
class Counter:
    """Where orders are placed: everything that this takes. `seconds` is how long a customer waits there."""

    work: Work
    orders: Orders
    goods: Goods
    cards: Cards
    sagas: Sagas
    signals: Signals
    now: Clock
    monotonic: Callable[[], float]
    seconds: float = 2.0


async def place_order(
    *,
    customer: str,
    lines: Sequence[Wanted],
    address: Address,
    card_number: str,
    asked: Asked | None,
    counter: Counter,
) -> Placed:
    """Raises KeyReused, NotOwner, UnknownProducts, TooExpensive, ServiceUnavailable, DatabaseUnavailable.

    All but the last are raised before anything was done.
    """
    if asked is not None and (earlier := await _find_earlier(asked, counter)) is not None:
        return earlier
    if not await counter.orders.is_owned():
        raise NotOwner("order")
    priced = await _price(lines, counter.goods)
    order = draft(
        id=str(uuid7()),
        customer=customer,
        lines=priced,
        address=address,
        card_reference=await counter.cards.remember(card_number),
        asked=asked,
        now=counter.now(),
    )
    saga = await _open(order, counter)
    if saga is None:  # another request of this key was quicker
        return await _await_earlier(order, counter)
    await counter.sagas.start(saga)
    return Placed(await _await_answer(order.id, counter))


async def _find_earlier(asked: Asked, counter: Counter) -> Placed | None:
    kept = await counter.orders.find_answer(asked)
    if kept is None:
        return None
    if kept.asked.body_hash != asked.body_hash:
        raise KeyReused
    if kept.is_given:
        return Placed(_told(kept), is_replay=True)
    order = await counter.orders.find_asked(asked)
    return None if order is None else Placed(await _await_answer(order.id, counter), is_replay=True)


async def _await_earlier(order: Order, counter: Counter) -> Placed:
    assert order.asked is not None
    earlier = await _find_earlier(order.asked, counter)
    if earlier is None:  # it was given up in this very moment: nothing was done, and the customer may ask again
        raise NotOwner("order")
    return earlier


async def _price(lines: Sequence[Wanted], goods: Goods) -> tuple[Line, ...]:
    products = await goods.find_products([line.sku for line in lines])
    unknown = [place for place, line in enumerate(lines) if line.sku not in products]
    if unknown:
        raise UnknownProducts(unknown)
    priced = tuple(
        Line(line.sku, products[line.sku].name, line.quantity, products[line.sku].price_cents) for line in lines
    )
    if sum(line.total_cents for line in priced) > MOST_CENTS:
        raise TooExpensive
    return priced


async def _open(order: Order, counter: Counter) -> Begun | None:
    """The saga of the draft, which is kept now; None if its key was claimed before."""
    async with counter.work() as unit:
        epoch = await unit.own()
        if order.asked is not None and not await unit.claim(order.asked):
            return None
        await unit.add(replace(order, epoch=epoch))
        return await unit.begin_saga(FULFIL, order.id)


async def _await_answer(order_id: str, counter: Counter) -> Told:
    """Raises NotOwner or UnknownProducts for a draft that was given up."""
    deadline = counter.monotonic() + counter.seconds
    with counter.signals.listening(order_id) as ear:
        while (left := deadline - counter.monotonic()) > 0:
            order = await counter.orders.find(order_id)
            if order is None or order.is_settled or order.told is not None:
                return await _answer(order, counter)
            await ear.wait(left)
    return await stop_waiting(order_id, counter)


async def _answer(order: Order | None, counter: Counter) -> Told:
    if order is None or is_given_up(order):
        raise NotOwner("order")
    if order.told is None and order.asked is not None and order.is_from_peer:
        kept = await counter.orders.find_answer(order.asked)
        # Finished by the other side, where the order arrived with the answer `pending` under its key.
        return _told(kept) if kept is not None and kept.is_given else pending_answer(order)
    return order.told or answer_of(order)


def is_given_up(order: Order) -> bool:
    """A draft that became no order, and whose customer was told no reason that is kept."""
    return order.is_draft and order.is_settled and order.told is None


async def stop_waiting(order_id: str, counter: Counter) -> Told:
    """The customer is sent away with `pending`: from now on there is an order, whatever becomes of it.

    Unless orders are written elsewhere since: then a draft is given up, and an order is in the other side's hands,
    where the answer `pending` stands under its key already. Raises NotOwner.
    """
    try:
        async with counter.work() as unit:
            epoch = await unit.own()
            order = await unit.lock(order_id)
            if order is not None and order.told is None and not order.is_settled:
                return await _send_away(order, unit, epoch)
    except NotOwner:
        if await give_up(order_id, counter.work, counter.now):
            raise
    return await _answer(await counter.orders.find(order_id), counter)


async def _send_away(order: Order, unit: Unit, epoch: int) -> Told:
    if order.is_overtaken(epoch):
        raise NotOwner("order")
    told = pending_answer(order)
    if order.is_draft:
        await unit.save(tell(accept(order), told), "OrderCreated")
    elif order.asked is not None:
        await unit.save(tell_pending(order, told), "OrderAnswered")
    return told


async def give_up(order_id: str, work: Work, now: Clock) -> bool:
    """Make sure that a draft becomes no order, and forget its key; whether it was one.

    No write of an order, since a draft is none: so it needs no leave.
    """
    async with work() as unit:
        order = await unit.lock(order_id)
        if order is None or not order.is_draft:
            return False
        if not order.is_settled:
            await unit.save(replace(cancel(order, Reason.REQUESTED, now()), asked=None))
            if order.asked is not None:
                await unit.forget(order.asked)
        return order.told is None


def _told(kept: Answer) -> Told:
    return Told(kept.status, kept.location, kept.body)
