"""The payments service, as orders see it: cards by reference, charges, refunds. A card's number only passes through."""

from extracted_services.chassis.client import Answered, ServiceClient
from extracted_services.chassis.encoding import show_money
from extracted_services.orders.adapters.asking import judge, nothing, refused
from extracted_services.orders.domain.order import Order
from extracted_services.orders.saga.outcomes import Done, Outcome
from extracted_services.orders.service_layer.ports import ServiceUnavailable


class PaymentsService:
    """The `Cards` port. `steps` is asked once at a time, because a saga asks again by itself; `lookups` may repeat."""

    def __init__(self, steps: ServiceClient, lookups: ServiceClient) -> None:
        self._steps, self._lookups = steps, lookups

    async def remember(self, number: str) -> str:
        match await self._lookups.post("/internal/cards", {"number": number}):
            case Answered(body={"reference": str(reference)}):
                return reference
            case _:
                raise ServiceUnavailable("Cards cannot be taken at the moment")

    async def charge(self, key: str, order: Order) -> Outcome:
        if order.card_reference is None:
            raise LookupError(f"the order {order.id} has no card")
        charge = {
            "order_id": order.id,
            "customer": order.customer,
            "amount": show_money(order.total_cents),
            "card_reference": order.card_reference,
        }
        answer = await self._steps.post("/internal/charges", charge, key=key)
        refusals = {"payment-declined": refused("payment_declined")}
        return judge(answer, lambda payment: {"payment": payment["id"]}, refusals)

    async def refund(self, key: str, payment: str) -> Outcome:
        return judge(await self._steps.post(f"/internal/charges/{payment}/refund", key=key), nothing)

    async def refund_order(self, key: str, order_id: str) -> Outcome:
        found = judge(await self._steps.get("/internal/charges", {"order_id": order_id}), dict)
        if not isinstance(found, Done):
            return found
        for payment in found.result["items"]:
            if payment["status"] == "captured":
                outcome = await self.refund(f"{key}:{payment['id']}", payment["id"])
                if not isinstance(outcome, Done):
                    return outcome
        return Done()
