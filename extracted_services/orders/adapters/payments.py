"""The payments service, as orders see it: cards by reference, charges, refunds. A card's number only passes through."""

from extracted_services.chassis.encoding import show_money
from extracted_services.orders.adapters.asking import Client, Unreachable, ask, refused
from extracted_services.orders.domain.order import Order
from extracted_services.orders.saga.outcomes import Done, Outcome
from extracted_services.orders.service_layer.ports import ServiceUnavailable


class PaymentsService:
    """The `Cards` port."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def remember(self, number: str) -> str:
        try:
            status, told = await self._client.ask("POST", "/internal/cards", document={"number": number})
        except Unreachable:
            status, told = 503, {}
        if status != 201:
            raise ServiceUnavailable("Cards cannot be taken at the moment")
        return str(told["reference"])

    async def charge(self, key: str, order: Order) -> Outcome:
        if order.card_reference is None:
            raise LookupError(f"the order {order.id} has no card")
        return await ask(
            self._client,
            "POST",
            "/internal/charges",
            document={
                "order_id": order.id,
                "customer": order.customer,
                "amount": show_money(order.total_cents),
                "card_reference": order.card_reference,
            },
            key=key,
            done=lambda told: {"payment": told["id"]},
            refusals={"payment-declined": refused("payment_declined")},
        )

    async def refund(self, key: str, payment: str) -> Outcome:
        return await ask(self._client, "POST", f"/internal/charges/{payment}/refund", key=key, done=lambda _: {})

    async def refund_order(self, key: str, order_id: str) -> Outcome:
        found = await ask(self._client, "GET", f"/internal/charges?order_id={order_id}", done=dict)
        if not isinstance(found, Done):
            return found
        for payment in found.result["items"]:
            if payment["status"] == "captured":
                outcome = await self.refund(f"{key}:{payment['id']}", payment["id"])
                if not isinstance(outcome, Done):
                    return outcome
        return Done()
