"""The inventory service, as orders see it: products to price, and goods to set aside."""

import asyncio
from collections.abc import Sequence

from extracted_services.chassis.client import Answered, Refused, ServiceClient
from extracted_services.chassis.encoding import read_money
from extracted_services.orders.adapters.asking import judge, nothing, refused
from extracted_services.orders.domain.order import Order
from extracted_services.orders.domain.product import Product
from extracted_services.orders.saga.outcomes import Done, Outcome
from extracted_services.orders.service_layer.ports import ServiceUnavailable

AT_ONCE = 8  # of an order's products, so that one large order does not take the whole connection pool


class InventoryService:
    """The `Goods` port. `steps` is asked once at a time, because a saga asks again by itself; `lookups` may repeat."""

    def __init__(self, steps: ServiceClient, lookups: ServiceClient) -> None:
        self._steps, self._lookups = steps, lookups

    async def find_products(self, skus: Sequence[str]) -> dict[str, Product]:
        gate = asyncio.Semaphore(AT_ONCE)

        async def find(sku: str) -> Product | None:
            async with gate:
                return await self._find(sku)

        found = await asyncio.gather(*(find(sku) for sku in skus))
        return {product.sku: product for product in found if product is not None}

    async def reserve(self, key: str, order: Order) -> Outcome:
        lines = [{"sku": line.sku, "quantity": line.quantity} for line in order.lines]
        wanted = {"order_id": order.id, "customer": order.customer, "lines": lines}
        answer = await self._steps.post("/internal/reservations", wanted, key=key)
        refusals = {"insufficient-stock": refused("insufficient_stock"), "invalid-fields": refused("unknown_product")}
        return judge(answer, lambda reservation: {"reservation": reservation["id"]}, refusals)

    async def commit(self, key: str, reservation: str) -> Outcome:
        answer = await self._steps.post(f"/internal/reservations/{reservation}/commit", key=key)
        return judge(
            answer, nothing, {"conflict": refused("insufficient_stock")}
        )  # it expired, and the goods went back

    async def release(self, key: str, reservation: str) -> Outcome:
        return judge(await self._steps.post(f"/internal/reservations/{reservation}/release", key=key), nothing)

    async def release_order(self, key: str, order_id: str) -> Outcome:
        found = judge(await self._steps.get("/internal/reservations", {"order_id": order_id}), dict)
        if not isinstance(found, Done):
            return found
        for reservation in found.result["items"]:
            if reservation["status"] != "released":
                outcome = await self.release(f"{key}:{reservation['id']}", reservation["id"])
                if not isinstance(outcome, Done):
                    return outcome
        return Done()

    async def _find(self, sku: str) -> Product | None:
        match await self._lookups.get(f"/api/products/{sku}"):
            case Answered(body=product):
                return Product(product["sku"], product["name"], read_money(product["price"]))
            case Refused(status=404):
                return None
            case _:
                raise ServiceUnavailable("Products cannot be looked up at the moment")
