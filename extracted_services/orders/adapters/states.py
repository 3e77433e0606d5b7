"""An order's state as events tell it (`contracts/events/Order*.json`), and an order from such a state.

Lines stand in the order of their SKUs there, whatever order they were asked for in.
"""

from collections.abc import Mapping
from typing import Any

from extracted_services.chassis.encoding import read_money, read_time, show_money, show_time
from extracted_services.orders.adapters.rows import read_change, write_change
from extracted_services.orders.domain.order import Address, Line, Order, Reason, Status
from extracted_services.orders.service_layer.answers import pending_answer


def show_state(order: Order) -> dict[str, Any]:
    """Without the answer."""
    return {
        "order": {
            "id": order.id,
            "customer": order.customer,
            "status": order.status.value,
            "reason": None if order.reason is None else order.reason.value,
            "lines": [_show_line(line) for line in sorted(order.lines, key=lambda line: line.sku)],
            "total": show_money(order.total_cents),
            "shipping_address": show_address(order.address),
            "created_at": show_time(order.created_at),
            "updated_at": show_time(order.updated_at),
        },
        "history": [write_change(change) for change in order.history],
        "card_reference": order.card_reference,
    }


def show_answer(order: Order) -> dict[str, Any] | None:
    """What whoever comes with the request's key is to be told: as long as nothing was, `pending`, so that a request
    repeated on the other side finds the order instead of placing another."""
    if order.asked is None:
        return None
    told = order.told or pending_answer(order)
    return {
        "customer": order.asked.customer,
        "path": order.asked.path,
        "key": order.asked.key,
        "body_hash": order.asked.body_hash,
        "status": told.status,
        "location": told.location or "",
        "body": told.body,
    }


def read_state(data: Mapping[str, Any], version: int, peer_version: int) -> Order:
    told = data["order"]
    return Order(
        id=told["id"],
        customer=told["customer"],
        lines=tuple(
            Line(line["sku"], line["name"], line["quantity"], read_money(line["unit_price"])) for line in told["lines"]
        ),
        address=Address(**{name: told["shipping_address"][name] for name in Address.__dataclass_fields__}),
        created_at=read_time(told["created_at"]),
        updated_at=read_time(told["updated_at"]),
        status=Status(told["status"]),
        reason=None if told["reason"] is None else Reason(told["reason"]),
        history=tuple(read_change(change) for change in data["history"]),
        card_reference=data["card_reference"],
        version=version,
        peer_version=peer_version,
    )


def show_address(address: Address) -> dict[str, str]:
    return {name: getattr(address, name) for name in ("name", "street", "postcode", "city", "country")}


def _show_line(line: Line) -> dict[str, Any]:
    return {
        "sku": line.sku,
        "name": line.name,
        "quantity": line.quantity,
        "unit_price": show_money(line.unit_price_cents),
    }
