"""The paths of the shop's API that this service has taken over: products and stock, for reading.

Each is answered exactly as the monolith answers it, headers and wording of errors included.
"""

import re

from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from extracted_services.inventory.domain.model import Product, StockLevel
from extracted_services.inventory.domain.paging import is_sku
from extracted_services.inventory.entrypoints.parameters import read_page_request, read_product_request
from extracted_services.inventory.entrypoints.problems import method_not_allowed, not_filled, not_found
from extracted_services.inventory.entrypoints.representations import show_page, show_product, show_stock_level
from extracted_services.inventory.service_layer.ports import Catalogue

ALLOWED = "GET, HEAD, OPTIONS"


class Resource(HTTPEndpoint):
    """Something to be read: GET, and HEAD through it; OPTIONS; 405 for the rest."""

    async def options(self, _request: Request) -> Response:
        return Response(status_code=204, headers={"Allow": ALLOWED})

    async def method_not_allowed(self, request: Request) -> Response:
        return method_not_allowed(ALLOWED).response()


class ProductList(Resource):
    async def get(self, request: Request) -> Response:
        page, chosen = read_product_request(request.scope["query_string"])
        catalogue = await _open_catalogue(request)
        products = await catalogue.list_products(page.after, page.limit, chosen.category, chosen.words)
        return JSONResponse(show_page(products, show_product))


class ProductDetail(Resource):
    async def get(self, request: Request) -> Response:
        sku = request.path_params["sku"]
        catalogue = await _open_catalogue(request)
        product: Product | None = await catalogue.find_product(sku) if is_sku(sku) else None
        if product is None:
            raise not_found("product with this SKU")
        return JSONResponse(show_product(product))


class StockList(Resource):
    async def get(self, request: Request) -> Response:
        page = read_page_request(request.scope["query_string"])
        catalogue = await _open_catalogue(request)
        return JSONResponse(show_page(await catalogue.list_stock(page.after, page.limit), show_stock_level))


class StockDetail(Resource):
    async def get(self, request: Request) -> Response:
        sku = request.path_params["sku"]
        catalogue = await _open_catalogue(request)
        level: StockLevel | None = await catalogue.find_stock(sku) if is_sku(sku) else None
        if level is None:
            raise not_found("stock for this SKU")
        return JSONResponse(show_stock_level(level))


def routes() -> list[BaseRoute]:
    return [
        _route("/api/products", ProductList),
        _route("/api/products/{sku}", ProductDetail),
        _route("/api/stock", StockList),
        _route("/api/stock/{sku}", StockDetail),
    ]


def _route(path: str, resource: type[Resource]) -> Route:
    route = Route(path, resource)
    # "$" would also match before a line feed: "/api/products%0A" is another path.
    route.path_regex = re.compile(route.path_regex.pattern.removesuffix("$") + r"\Z")
    return route


async def _open_catalogue(request: Request) -> Catalogue:
    if not await request.app.state.gate.is_filled():
        raise not_filled()
    catalogue: Catalogue = request.app.state.catalogue
    return catalogue
