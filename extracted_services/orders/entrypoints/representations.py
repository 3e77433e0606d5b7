"""Orders as the contract writes them, and sagas as people read them; the keys in a fixed order."""

from collections.abc import Callable
from typing import Any, TypeVar

from extracted_services.chassis.encoding import show_money, show_time
from extracted_services.chassis.paging import Page
from extracted_services.orders.domain.order import Line, Order
from extracted_services.orders.service_layer.watch import SagaRecord

T = TypeVar("T")


def show_order(order: Order) -> dict[str, Any]:
    address = order.address
    return {
        "id": order.id,
        "customer": order.customer,
        "status": order.status,
        "reason": order.reason,
        "lines": [_show_line(line) for line in sorted(order.lines, key=lambda line: line.sku)],
        "total": show_money(order.total_cents),
        "shipping_address": {
            "name": address.name,
            "street": address.street,
            "postcode": address.postcode,
            "city": address.city,
            "country": address.country,
        },
        "created_at": show_time(order.created_at),
        "updated_at": show_time(order.updated_at),
    }


def show_saga(saga: SagaRecord) -> dict[str, Any]:
    """`step` is what it does next, or did last; `in_doubt`: that may be done already."""
    progress = saga.progress
    return {
        "id": saga.id,
        "name": saga.name,
        "order_id": saga.order_id,
        "state": saga.state,
        "step": saga.step,
        "done": list(progress.done),
        "undone": list(progress.undone),
        "refusal": None if progress.refusal is None else progress.refusal.reason,
        "problem": progress.problem,
        "in_doubt": progress.in_doubt,
        "tries": progress.tries,
        "run": saga.run,
        "next_try_at": None if saga.next_try_at is None else show_time(saga.next_try_at),
        "created_at": show_time(saga.created_at),
        "updated_at": show_time(saga.updated_at),
    }


def show_page(page: Page[T], show: Callable[[T], dict[str, Any]]) -> dict[str, Any]:
    return {"items": [show(item) for item in page.items], "next": page.next}


def _show_line(line: Line) -> dict[str, Any]:
    return {
        "sku": line.sku,
        "name": line.name,
        "quantity": line.quantity,
        "unit_price": show_money(line.unit_price_cents),
        "total": show_money(line.total_cents),
    }
