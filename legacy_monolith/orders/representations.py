"""An order as the API writes it."""

from collections.abc import Iterable

from legacy_monolith.api.encoding import money, time

from .models import Order, OrderLine


def show(order: Order, lines: Iterable[OrderLine] | None = None) -> dict:
    """`lines` of the order, where somebody has them at hand."""
    wanted = order.lines.all() if lines is None else lines
    return {
        "id": str(order.public_id),
        "customer": str(order.customer.public_id),
        "status": order.status,
        "reason": order.reason or None,
        "lines": [
            {
                "sku": line.sku,
                "name": line.name,
                "quantity": line.quantity,
                "unit_price": money(line.unit_price),
                "total": money(line.total),
            }
            # By code point, whatever order the database's locale prefers.
            for line in sorted(wanted, key=lambda line: line.sku)
        ],
        "total": money(order.total),
        "shipping_address": {
            "name": order.ship_to,
            "street": order.street,
            "postcode": order.postcode,
            "city": order.city,
            "country": order.country,
        },
        "created_at": time(order.created_at),
        "updated_at": time(order.updated_at),
    }
