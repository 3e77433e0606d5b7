"""How an order stands in a row, and comes back out of it equal."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Row

from extracted_services.chassis.answers import Asked
from extracted_services.chassis.encoding import read_time, show_time
from extracted_services.orders.domain.order import Address, Change, Line, Order, Reason, Status, Told


def write_order(order: Order) -> dict[str, Any]:
    return {
        "id": order.id,
        "customer": order.customer,
        "status": order.status.value,
        "reason": None if order.reason is None else order.reason.value,
        "lines": [asdict(line) for line in order.lines],
        "total_cents": order.total_cents,
        "address": asdict(order.address),
        "history": [write_change(change) for change in order.history],
        "card_reference": order.card_reference,
        "version": order.version,
        "peer_version": order.peer_version,
        "epoch": order.epoch,
        "created_at": order.created_at,
        "updated_at": order.updated_at,
        "asked_path": order.asked.path if order.asked else None,
        "asked_key": order.asked.key if order.asked else None,
        "body_hash": order.asked.body_hash if order.asked else None,
        "told_status": order.told.status if order.told else None,
        "told_location": order.told.location if order.told else None,
        "told_body": order.told.body if order.told else None,
    }


def read_order(row: Row[Any]) -> Order:
    return Order(
        id=row.id,
        customer=row.customer,
        lines=tuple(Line(**line) for line in row.lines),
        address=Address(**row.address),
        created_at=row.created_at,
        updated_at=row.updated_at,
        status=Status(row.status),
        reason=None if row.reason is None else Reason(row.reason),
        history=tuple(read_change(change) for change in row.history),
        card_reference=row.card_reference,
        version=row.version,
        peer_version=row.peer_version,
        epoch=row.epoch,
        asked=None if row.asked_key is None else Asked(row.customer, row.asked_path, row.asked_key, row.body_hash),
        told=None if row.told_status is None else Told(row.told_status, row.told_location, row.told_body),
    )


def write_change(change: Change) -> dict[str, str]:
    return {"status": change.status.value, "at": show_time(change.at)}


def read_change(document: Mapping[str, str]) -> Change:
    return Change(Status(document["status"]), read_time(document["at"]))
