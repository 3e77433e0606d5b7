"""The two stories of an order, each step one call or one transaction.

    fulfil order    reserve goods → accept order → charge card → commit goods → confirm order
                    undone by       release goods ← refund card, and last of all cancel order
    give back       refund every payment → release every reservation      (of a confirmed order that was cancelled)

Goods are set aside before the order is accepted, so an order that stock is short for never was one; it is accepted,
and told to the other side, before any money is taken, so no charge is without an order that somebody finishes.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from extracted_services.chassis.database import DatabaseUnavailable
from extracted_services.chassis.sync.ownership import NotOwner
from extracted_services.orders.domain.order import Order, Reason, Status, accept, cancel, confirm, tell
from extracted_services.orders.saga.outcomes import Done, NotNow, Outcome, Refused, Superseded, Unknown
from extracted_services.orders.saga.story import Act, Call, Saga
from extracted_services.orders.service_layer.answers import answer_of, unknown_products
from extracted_services.orders.service_layer.place import FULFIL, GIVE_BACK, give_up
from extracted_services.orders.service_layer.ports import Cards, Clock, Goods, Orders, Unit, Work

STOCK_SECONDS = timedelta(seconds=5)
CARD_SECONDS = timedelta(seconds=10)  # a card processor is asked behind it

_REASONS = {
    "payment_declined": Reason.PAYMENT_DECLINED,
    "insufficient_stock": Reason.INSUFFICIENT_STOCK,
    "unknown_product": Reason.INSUFFICIENT_STOCK,  # of an order that was accepted already
    "requested": Reason.REQUESTED,
}

Decide = Callable[[Unit, Order], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class Fulfilment:
    """The steps, with what they need."""

    work: Work
    orders: Orders
    goods: Goods
    cards: Cards
    now: Clock

    def stories(self) -> tuple[Saga, ...]:
        fulfil = (
            Saga(FULFIL, undone_by=Act("cancel", self.cancel))
            .step("reserve", self.reserve, timeout=STOCK_SECONDS)
            .compensated_by("release", self.release)
            .step("accept", self.accept)
            .step("charge", self.charge, timeout=CARD_SECONDS)
            .compensated_by("refund", self.refund)
            .step("commit", self.commit, timeout=STOCK_SECONDS)  # undone by release, too
            .step("confirm", self.confirm)
        )
        give_back = (
            Saga(GIVE_BACK)
            .step("refund", self.refund_all, timeout=CARD_SECONDS)
            .step("release", self.release_all, timeout=STOCK_SECONDS)
        )
        return replace(fulfil, unwanted=self.is_cancelled), give_back

    async def is_cancelled(self, order_id: str) -> Refused | None:
        order = await self.orders.find(order_id)
        return Refused("requested") if order is not None and order.status is Status.CANCELLED else None

    async def reserve(self, call: Call) -> Outcome:
        return await self._unless_finished(call, lambda order: self.goods.reserve(call.key, order))

    async def release(self, call: Call) -> Outcome:
        reservation = call.results["reserve"]["reservation"]
        return await self._unless_finished(call, lambda _: self.goods.release(call.key, reservation))

    async def accept(self, call: Call) -> Outcome:
        async def decide(unit: Unit, order: Order) -> Outcome:
            if order.status is Status.CANCELLED:
                return Refused("requested")
            if order.is_draft:
                await unit.save(accept(order), "OrderCreated")
            return Done()

        outcome = await self._decide(call, decide)
        if isinstance(outcome, NotNow) and await give_up(call.subject, self.work, self.now):
            return Refused("requested")  # whoever waited for it is told to ask the other side
        return outcome

    async def charge(self, call: Call) -> Outcome:
        return await self._unless_finished(call, lambda order: self.cards.charge(call.key, order))

    async def refund(self, call: Call) -> Outcome:
        payment = call.results["charge"]["payment"]
        return await self._unless_finished(call, lambda _: self.cards.refund(call.key, payment))

    async def commit(self, call: Call) -> Outcome:
        reservation = call.results["reserve"]["reservation"]
        return await self._unless_finished(call, lambda _: self.goods.commit(call.key, reservation))

    async def confirm(self, call: Call) -> Outcome:
        async def decide(unit: Unit, order: Order) -> Outcome:
            if order.status is Status.CANCELLED:
                return Refused("requested")
            if order.status is Status.PENDING:
                confirmed = confirm(order, self.now())
                await unit.save(tell(confirmed, answer_of(confirmed)), "OrderConfirmed")
            return Done()

        return await self._decide(call, decide)

    async def cancel(self, call: Call) -> Outcome:
        """Why is in the refusal that turned the saga round."""
        refusal = call.refusal
        assert refusal is not None

        async def decide(unit: Unit, order: Order) -> Outcome:
            if order.status is Status.PENDING:
                cancelled = cancel(order, _REASONS[refusal.reason], self.now())
                await unit.save(tell(cancelled, answer_of(cancelled)), "OrderCancelled")
            return Done()

        if await self._drop_draft(call.subject, refusal):
            return Done()
        return await self._decide(call, decide)

    async def refund_all(self, call: Call) -> Outcome:
        return await self.cards.refund_order(call.key, call.subject)

    async def release_all(self, call: Call) -> Outcome:
        return await self.goods.release_order(call.key, call.subject)

    async def _drop_draft(self, order_id: str, refusal: Refused) -> bool:
        """Whether it was a draft: then it never was an order, no leave is needed, and its customer is told why."""
        async with self.work() as unit:
            order = await unit.lock(order_id)
            if order is None or not order.is_draft:
                return False
            if not order.is_settled:
                dropped = cancel(order, Reason.INSUFFICIENT_STOCK, self.now())
                errors = refusal.detail.get("errors", ())
                if refusal.reason == "unknown_product":  # an answer that is not kept: the key may be used again
                    await unit.save(replace(tell(dropped, unknown_products(errors)), asked=None))
                    if order.asked is not None:
                        await unit.forget(order.asked)
                else:
                    await unit.save(tell(dropped, answer_of(dropped, errors)))
            return True

    async def _decide(self, call: Call, decide: Decide) -> Outcome:
        """What a transaction decides that has leave to write, and holds the order."""
        try:
            async with self.work() as unit:
                epoch = await unit.own()
                order = await unit.lock(call.subject)
                if order is None:
                    raise LookupError(f"there is no order {call.subject}")
                if order.is_overtaken(epoch):
                    return NotNow("orders were written elsewhere since the draft was made")
                return _find_finished(order) or await decide(unit, order)
        except NotOwner as refusal:
            return NotNow(str(refusal))
        except DatabaseUnavailable as problem:  # it may have gone away after the commit
            return Unknown(str(problem))

    async def _unless_finished(self, call: Call, ask: Callable[[Order], Awaitable[Outcome]]) -> Outcome:
        """What asking another service comes to, unless the other side has finished the order: then nothing of it is
        this saga's business any more, in neither direction."""
        try:
            order = await self.orders.find(call.subject)
        except DatabaseUnavailable as problem:
            return NotNow(str(problem))
        if order is None:
            raise LookupError(f"there is no order {call.subject}")
        return _find_finished(order) or await ask(order)


def _find_finished(order: Order) -> Superseded | None:
    if order.is_settled and order.is_from_peer:
        return Superseded(f"the other side has made the order {order.status}")
    return None
