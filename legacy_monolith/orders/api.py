import re
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse

from legacy_monolith.accounts.tokens import Caller
from legacy_monolith.api import fields, idempotency, problems
from legacy_monolith.api.endpoint import Reply
from legacy_monolith.api.paging import NEWEST_FIRST, Filter, page
from legacy_monolith.stock.api import insufficient_stock, quantities_of
from legacy_monolith.stock.services import InsufficientStock

from . import selectors, services
from .models import Order
from .representations import show

NEW_ORDER = fields.record(lines=fields.lines, shipping_address=fields.address, card=fields.card)
BY_STATUS = Filter(
    re.compile("|".join(Order.Status.values)),
    f"must be one of {', '.join(Order.Status.values)}",
    lambda orders, status: orders.filter(status=status),
)


def list_orders(request: HttpRequest, caller: Caller) -> Reply:
    return Reply(page(request, selectors.orders_of(caller.user), NEWEST_FIRST, show, status=BY_STATUS))


def create_order(request: HttpRequest, caller: Caller) -> Reply:
    document = fields.read_json(request)
    key = idempotency.read_key(request)
    wanted = fields.check(document, NEW_ORDER)
    return idempotency.once(
        key=key, customer=caller.user, path=request.path, body=document, act=lambda: _place(caller, wanted)
    )


def get_order(request: HttpRequest, caller: Caller, order_id: UUID) -> Reply:
    return Reply(show(_find(caller, order_id)))


def cancel_order(request: HttpRequest, caller: Caller, order_id: UUID) -> Reply:
    try:
        return Reply(show(services.cancel_order(order=_find(caller, order_id))))
    except services.NotPossibleError as refusal:
        raise problems.Problem("conflict", f"A {refusal.status} order cannot be cancelled") from None


def _place(caller: Caller, wanted: dict) -> Reply:
    try:
        order = services.place_order(
            customer=caller.user,
            quantities=quantities_of(wanted["lines"]),
            address=services.Address(**wanted["shipping_address"]),
            card_number=wanted["card"]["number"],
        )
    except InsufficientStock as short:
        raise insufficient_stock(short, wanted["lines"]) from None
    if order.status == Order.Status.CANCELLED:
        references = {"order_id": order.public_id}
        raise problems.Problem("payment-declined", "The card was declined", references=references)
    location = reverse("api:order", args=[order.public_id])
    return Reply({"id": str(order.public_id), "status": order.status}, 201, {"Location": location})


def _find(caller: Caller, order_id: UUID) -> Order:
    order = selectors.orders_seen_by(caller).filter(public_id=order_id).first()
    if order is None:
        raise problems.not_found("order with this id")
    return order
