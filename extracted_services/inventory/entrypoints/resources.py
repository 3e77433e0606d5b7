"""The paths of the shop's API that this service has taken over: products and stock, for reading.

Each is answered exactly as the monolith answers it, headers and wording of errors included.
"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from extracted_services.chassis.paging import BY_SKU, is_sku
from extracted_services.chassis.web.parameters import read_list_request
from extracted_services.chassis.web.problems import Problem, not_found, unavailable
from extracted_services.chassis.web.resource import public, reply, resource
from extracted_services.inventory.adapters.states import show_product
from extracted_services.inventory.entrypoints.parameters import read_product_request
from extracted_services.inventory.entrypoints.representations import show_page, show_stock_level
from extracted_services.inventory.service_layer.ports import Catalogue
from extracted_services.inventory.service_layer.readiness import Gate


def routes(catalogue: Catalogue, gate: Gate) -> list[BaseRoute]:
    reads = Reads(catalogue, gate)
    return [
        resource("/api/products", GET=public(reads.list_products)),
        resource("/api/products/{sku}", GET=public(reads.get_product)),
        resource("/api/stock", GET=public(reads.list_stock)),
        resource("/api/stock/{sku}", GET=public(reads.get_stock)),
    ]


class Reads:
    """The handlers; until the first copy is whole they refuse, since an empty list would be a wrong answer."""

    def __init__(self, catalogue: Catalogue, gate: Gate) -> None:
        self._catalogue = catalogue
        self._gate = gate

    async def list_products(self, request: Request) -> Response:
        page, chosen = read_product_request(request.scope["query_string"])
        await self._require_filled()
        products = await self._catalogue.list_products(page.after, page.limit, chosen.category, chosen.words)
        return reply(show_page(products, show_product))

    async def get_product(self, request: Request) -> Response:
        sku = request.path_params["sku"]
        await self._require_filled()
        product = await self._catalogue.find_product(sku) if is_sku(sku) else None
        if product is None:
            raise not_found("product with this SKU")
        return reply(show_product(product))

    async def list_stock(self, request: Request) -> Response:
        page, _ = read_list_request(request.scope["query_string"], BY_SKU)
        await self._require_filled()
        return reply(show_page(await self._catalogue.list_stock(page.after, page.limit), show_stock_level))

    async def get_stock(self, request: Request) -> Response:
        sku = request.path_params["sku"]
        await self._require_filled()
        level = await self._catalogue.find_stock(sku) if is_sku(sku) else None
        if level is None:
            raise not_found("stock for this SKU")
        return reply(show_stock_level(level))

    async def _require_filled(self) -> None:
        if not await self._gate.is_filled():
            raise not_filled()


def not_filled() -> Problem:
    """An empty list would say that the shop sells nothing."""
    return unavailable("The catalogue has not been copied yet")
