"""The inventory service, as orders see it: products to price, and goods to set aside."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from extracted_services.chassis.encoding import read_money
from extracted_services.orders.adapters.asking import Client, Unreachable, ask, refused
from extracted_services.orders.domain.order import Order
from extracted_services.orders.domain.product import Product
from extracted_services.orders.saga.outcomes import Done, Json, Outcome
from extracted_services.orders.service_layer.ports import ServiceUnavailable

AT_ONCE = 8  # of an order's products, so that one large order does not take the whole connection pool


class InventoryService:
    """The `Goods` port."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def find_products(self, skus: Sequence[str]) -> dict[str, Product]:
        gate = asyncio.Semaphore(AT_ONCE)

        async def find(sku: str) -> Product | None:
            async with gate:
                return await self._find(sku)

        try:
            found = await asyncio.gather(*(find(sku) for sku in skus))
        except Unreachable:
            raise ServiceUnavailable("Products cannot be looked up at the moment") from None
        return {product.sku: product for product in found if product is not None}

    async def reserve(self, key: str, order: Order) -> Outcome:
        lines = [{"sku": line.sku, "quantity": line.quantity} for line in order.lines]
        return await ask(
            self._client,
            "POST",
            "/internal/reservations",
            document={"order_id": order.id, "customer": order.customer, "lines": lines},
            key=key,
            done=lambda told: {"reservation": told["id"]},
            refusals={
                "insufficient-stock": refused("insufficient_stock"),
                "invalid-fields": refused("unknown_product"),
            },
        )

    async def commit(self, key: str, reservation: str) -> Outcome:
        return await ask(
            self._client,
            "POST",
            f"/internal/reservations/{reservation}/commit",
            key=key,
            done=_nothing,
            refusals={"conflict": refused("insufficient_stock")},  # it expired, and the goods went back
        )

    async def release(self, key: str, reservation: str) -> Outcome:
        return await ask(self._client, "POST", f"/internal/reservations/{reservation}/release", key=key, done=_nothing)

    async def release_order(self, key: str, order_id: str) -> Outcome:
        found = await ask(self._client, "GET", f"/internal/reservations?order_id={order_id}", done=dict)
        if not isinstance(found, Done):
            return found
        for reservation in found.result["items"]:
            if reservation["status"] != "released":
                outcome = await self.release(f"{key}:{reservation['id']}", reservation["id"])
                if not isinstance(outcome, Done):
                    return outcome
        return Done()

    async def _find(self, sku: str) -> Product | None:
        status, told = await self._client.ask("GET", f"/api/products/{sku}")
        if status == 404:
            return None
        if status != 200:
            raise Unreachable(f"a product was answered with {status}", unsent=True)
        return Product(told["sku"], told["name"], read_money(told["price"]))


def _nothing(_told: Mapping[str, Any]) -> Json:
    return {}
