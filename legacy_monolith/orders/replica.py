"""Orders as the orders service is told of them, and as it tells of them."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet

from legacy_monolith.accounts.replica import find_customer
from legacy_monolith.api.encoding import time
from legacy_monolith.catalogue.models import Product
from legacy_monolith.sync.kinds import Kind

from .models import Order, OrderLine, StatusChange
from .representations import show

EVENTS = {
    Order.Status.PENDING: "OrderCreated",
    Order.Status.CONFIRMED: "OrderConfirmed",
    Order.Status.SHIPPED: "OrderShipped",
    Order.Status.DELIVERED: "OrderDelivered",
    Order.Status.CANCELLED: "OrderCancelled",
}


class Orders(Kind):
    entity, name, key = "order", "order", "public_id"

    def rows(self) -> QuerySet[Order]:
        return Order.objects.select_related("customer").prefetch_related("lines", "changes")

    def state(
        self, row: Order, lines: Iterable[OrderLine] | None = None, changes: Iterable[StatusChange] | None = None
    ) -> dict[str, Any]:
        order = show(row, lines)
        for line in order["lines"]:
            del line["total"]
        history = sorted(row.changes.all() if changes is None else changes, key=lambda change: change.pk)
        return {
            "order": order,
            "history": [{"status": change.status, "at": time(change.at)} for change in history],
            "card_reference": row.card_reference or None,
            "answer": None,
        }

    def event_of(self, row: Order) -> str:
        return EVENTS[row.status]

    def take(self, key: str, version: int, state: Mapping[str, Any]) -> None:
        fields = _fields(state) | {"version": version, "peer_version": version}
        order = Order.objects.filter(public_id=key).first()
        if order is None:
            customer = find_customer(state["order"]["customer"])
            [order] = Order.objects.bulk_create([Order(public_id=key, customer=customer, **fields)])
        else:
            Order.objects.filter(pk=order.pk).update(**fields)
        _take_lines(order, state["order"]["lines"])
        _take_history(order, state["history"])


def _fields(state: Mapping[str, Any]) -> dict[str, Any]:
    order = state["order"]
    address = order["shipping_address"]
    return {
        "status": order["status"],
        "reason": order["reason"] or "",
        "total": Decimal(order["total"]["amount"]),
        "ship_to": address["name"],
        "street": address["street"],
        "postcode": address["postcode"],
        "city": address["city"],
        "country": address["country"],
        "card_reference": state["card_reference"] or "",
        "created_at": datetime.fromisoformat(order["created_at"]),
        "updated_at": datetime.fromisoformat(order["updated_at"]),
    }


def _take_lines(order: Order, lines: list[Mapping[str, Any]]) -> None:
    wanted = [(line["sku"], line["name"], line["quantity"], Decimal(line["unit_price"]["amount"])) for line in lines]
    if sorted(order.lines.values_list("sku", "name", "quantity", "unit_price")) == sorted(wanted):
        return
    order.lines.all().delete()
    products = {product.sku: product for product in Product.objects.filter(sku__in=[sku for sku, *_ in wanted])}
    OrderLine.objects.bulk_create(
        OrderLine(order=order, product=products.get(sku), sku=sku, name=name, quantity=quantity, unit_price=price)
        for sku, name, quantity, price in wanted
    )


def _take_history(order: Order, history: list[Mapping[str, Any]]) -> None:
    """What is known stays as it is: the live status stream counts on its keys."""
    wanted = [(change["status"], change["at"]) for change in history]
    known = [(change.status, time(change.at)) for change in order.changes.order_by("pk")]
    if wanted[: len(known)] != known:
        order.changes.all().delete()
        known = []
    StatusChange.objects.bulk_create(
        StatusChange(order=order, status=status, at=datetime.fromisoformat(at)) for status, at in wanted[len(known) :]
    )


ORDERS = Orders()
