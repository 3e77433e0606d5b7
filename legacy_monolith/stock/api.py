from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse

from legacy_monolith.accounts.tokens import Caller
from legacy_monolith.api import fields, idempotency, problems
from legacy_monolith.api.endpoint import Reply
from legacy_monolith.api.paging import BY_ORDER, BY_PRODUCT_SKU, NEWEST_FIRST, page
from legacy_monolith.catalogue.models import Product
from legacy_monolith.catalogue.selectors import products_for_sale

from . import selectors, services
from .models import Reservation
from .representations import show, show_level

NEW_RESERVATION = fields.record(order_id=fields.uuid, lines=fields.lines)


def list_stock(request: HttpRequest) -> Reply:
    return Reply(page(request, selectors.levels(), BY_PRODUCT_SKU, show_level))


def get_stock(request: HttpRequest, sku: str) -> Reply:
    level = selectors.levels().filter(product__sku=sku).first() if fields.is_sku(sku) else None
    if level is None:
        raise problems.not_found("stock for this SKU")
    return Reply(show_level(level))


def list_reservations(request: HttpRequest, caller: Caller) -> Reply:
    return Reply(page(request, selectors.reservations_seen_by(caller), NEWEST_FIRST, show, order_id=BY_ORDER))


def create_reservation(request: HttpRequest, caller: Caller) -> Reply:
    document = fields.read_json(request)
    key = idempotency.read_key(request)
    wanted = fields.check(document, NEW_RESERVATION)

    def act() -> Reply:
        quantities = quantities_of(wanted["lines"])
        try:
            reservation = services.reserve(
                order_id=UUID(wanted["order_id"]), customer=caller.user, quantities=quantities
            )
        except services.InsufficientStock as short:
            raise insufficient_stock(short, wanted["lines"]) from None
        location = reverse("api:reservation", args=[reservation.public_id])
        return Reply(show(reservation), 201, {"Location": location})

    return idempotency.once(key=key, customer=caller.user, path=request.path, body=document, act=act)


def get_reservation(request: HttpRequest, caller: Caller, reservation_id: UUID) -> Reply:
    return Reply(show(_find(caller, reservation_id)))


def commit_reservation(request: HttpRequest, caller: Caller, reservation_id: UUID) -> Reply:
    try:
        return Reply(show(services.commit(reservation=_find(caller, reservation_id))))
    except services.ReservationReleasedError:
        raise problems.Problem("conflict", "A released reservation cannot be committed") from None


def release_reservation(request: HttpRequest, caller: Caller, reservation_id: UUID) -> Reply:
    return Reply(show(services.release(reservation=_find(caller, reservation_id))))


def quantities_of(lines: list[dict]) -> dict[Product, int]:
    """Products and quantities of a body's lines; raises the problem 422 that names every unknown SKU."""
    found = {product.sku: product for product in products_for_sale().filter(sku__in=[line["sku"] for line in lines])}
    unknown = [
        problems.FieldError(f"lines[{index}].sku", "is not the SKU of a product")
        for index, line in enumerate(lines)
        if line["sku"] not in found
    ]
    if unknown:
        raise problems.with_errors("invalid-fields", unknown)
    return {found[line["sku"]]: line["quantity"] for line in lines}


def insufficient_stock(short: services.InsufficientStock, lines: list[dict]) -> problems.Problem:
    errors = [
        problems.FieldError(f"lines[{index}].quantity", f"is more than the {short.available[line['sku']]} available")
        for index, line in enumerate(lines)
        if line["sku"] in short.available
    ]
    return problems.with_errors("insufficient-stock", errors)


def _find(caller: Caller, reservation_id: UUID) -> Reservation:
    reservation = selectors.reservations_seen_by(caller).filter(public_id=reservation_id).first()
    if reservation is None:
        raise problems.not_found("reservation with this id")
    return reservation
