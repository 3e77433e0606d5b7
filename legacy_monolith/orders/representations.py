"""An order as the API writes it."""

from legacy_monolith.api.encoding import money, time

from .models import Order, OrderLine


def show(order: Order) -> dict:
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
            for line in lines_by_sku(order)
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


def lines_by_sku(order: Order) -> list[OrderLine]:
    """By code point, whatever order the database's locale prefers."""
    return sorted(order.lines.all(), key=lambda line: line.sku)
