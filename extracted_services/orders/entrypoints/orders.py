"""The paths of the shop's API that this service has taken over: a customer's orders.

Each is answered exactly as the monolith answers it, headers and wording of errors included.
"""

import re
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from extracted_services.chassis.paging import NEWEST_FIRST
from extracted_services.chassis.web import fields
from extracted_services.chassis.web.app import Refusals
from extracted_services.chassis.web.bodies import read_json
from extracted_services.chassis.web.idempotency import read_asked
from extracted_services.chassis.web.identity import Caller
from extracted_services.chassis.web.parameters import Filter, read_list_request
from extracted_services.chassis.web.problems import (
    MEDIA_TYPE,
    FieldError,
    conflict,
    invalid_fields,
    not_found,
    unavailable,
)
from extracted_services.chassis.web.resource import customer, reply, resource
from extracted_services.orders.domain.order import Address, NotPossible, Status
from extracted_services.orders.entrypoints.representations import show_order, show_page
from extracted_services.orders.service_layer.cancel import OrderUnknown, cancel_order, find_order
from extracted_services.orders.service_layer.place import (
    MOST_CENTS,
    Counter,
    TooExpensive,
    UnknownProducts,
    place_order,
)
from extracted_services.orders.service_layer.ports import Placed, ServiceUnavailable, Wanted

NEW_ORDER = fields.record(lines=fields.lines, shipping_address=fields.address, card=fields.card)
BY_STATUS = Filter(re.compile("|".join(Status)), f"must be one of {', '.join(Status)}")

REFUSALS: Refusals = {
    OrderUnknown: lambda _: not_found("order with this id"),
    NotPossible: lambda refusal: conflict(f"A {refusal.status} order cannot be cancelled"),
    UnknownProducts: lambda refusal: invalid_fields(
        [FieldError(f"lines[{place}].sku", "is not the SKU of a product") for place in refusal.lines]
    ),
    TooExpensive: lambda _: invalid_fields(
        [FieldError("lines", f"come to more than {MOST_CENTS // 100}.{MOST_CENTS % 100:02d} EUR")]
    ),
    ServiceUnavailable: lambda refusal: unavailable(str(refusal)),
}
"""Which problem each refusal of the use cases is told as."""


def routes(counter: Counter, is_filled: Callable[[], Awaitable[bool]]) -> list[BaseRoute]:
    handlers = Handlers(counter, is_filled)
    return [
        resource("/api/orders", GET=customer(handlers.list_orders), POST=customer(handlers.create_order)),
        resource("/api/orders/{order_id:id}", GET=customer(handlers.get_order)),
        resource("/api/orders/{order_id:id}/cancel", POST=customer(handlers.cancel_order)),
    ]


class Handlers:
    """Until the orders have been copied from the monolith nothing is said of them: an empty list would be a lie."""

    def __init__(self, counter: Counter, is_filled: Callable[[], Awaitable[bool]]) -> None:
        self._counter = counter
        self._is_filled = is_filled

    async def list_orders(self, request: Request, caller: Caller) -> Response:
        page, chosen = read_list_request(request.scope["query_string"], NEWEST_FIRST, status=BY_STATUS)
        await self._require_filled()
        status = Status(chosen["status"]) if "status" in chosen else None
        return reply(show_page(await self._counter.orders.list_of(caller.subject, status, page), show_order))

    async def create_order(self, request: Request, caller: Caller) -> Response:
        document = await read_json(request)
        asked = read_asked(request, caller.subject, document)
        wanted = fields.check(document, NEW_ORDER)
        placed = await place_order(
            customer=caller.subject,
            lines=[Wanted(line["sku"], line["quantity"]) for line in wanted["lines"]],
            address=Address(**wanted["shipping_address"]),
            card_number=wanted["card"]["number"],
            asked=asked,
            counter=self._counter,
        )
        return _answer(placed)

    async def get_order(self, request: Request, caller: Caller) -> Response:
        await self._require_filled()
        order = await find_order(request.path_params["order_id"], _whose(caller), self._counter)
        return reply(show_order(order))

    async def cancel_order(self, request: Request, caller: Caller) -> Response:
        await self._require_filled()
        order_id = request.path_params["order_id"]
        return reply(show_order(await cancel_order(order_id=order_id, customer=_whose(caller), counter=self._counter)))

    async def _require_filled(self) -> None:
        if not await self._is_filled():
            raise unavailable("The orders have not been copied yet")


def _whose(caller: Caller) -> str | None:
    """Staff see the orders of everyone."""
    return None if caller.is_staff else caller.subject


def _answer(placed: Placed) -> Response:
    told = placed.told
    headers = {"Location": told.location} if told.location else {}
    if placed.is_replay:
        headers["Idempotency-Replayed"] = "true"
    return Response(told.body.encode(), told.status, headers, "application/json" if told.status < 400 else MEDIA_TYPE)
