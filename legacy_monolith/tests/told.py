"""What the shop has told so far, and what a service might tell it."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from extracted_services.contracts.envelope import SUBJECTS, Event, decode, encode
from extracted_services.messaging.ports import Delivery, Message
from legacy_monolith.accounts.models import User
from legacy_monolith.identifiers import uuid7
from legacy_monolith.sync.models import OutboxEvent, Ownership, Side

MOMENT = "2026-03-01T09:30:00.000Z"
REFERENCE = "tok_" + "0" * 32 + "_16_"


def told(*entities: str) -> list[Event]:
    """Every event in the outbox, or those about some entities, in the order in which they were written."""
    events = [decode(row.event.encode()) for row in OutboxEvent.objects.order_by("pk")]
    return [event for event in events if not entities or event.aggregate_type in entities]


def types(*entities: str) -> list[str]:
    return [event.type for event in told(*entities)]


def forget() -> None:
    OutboxEvent.objects.all().delete()


def give_away(*entities: str) -> None:
    Ownership.objects.filter(entity__in=entities).update(owner=Side.SERVICE, epoch=2)


def event(kind_of_event: str, data: dict[str, Any], *, version: int = 1, position: int | None = 1) -> Event:
    """As a service tells it."""
    subject = SUBJECTS[kind_of_event]
    name: Any = data
    for step in subject.name_at:
        name = name[step]
    return Event(
        id=str(uuid4()),
        type=kind_of_event,
        schema_version=1,
        aggregate_type=subject.entity,
        aggregate_id=name,
        aggregate_version=version,
        occurred_at=datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
        origin="service",
        position=position,
        traceparent=None,
        data=data,
    )


def delivery(told: Event | bytes) -> Delivery:
    if isinstance(told, bytes):
        return Delivery(Message("order", "key", told, "id"), partition=0, offset=0)
    return Delivery(Message(told.aggregate_type, told.aggregate_id, encode(told), told.id), partition=0, offset=0)


def order_of(
    customer: User,
    *,
    status: str = "pending",
    reason: str | None = None,
    card: str = "4242",
    quantity: int = 2,
    **more: Any,
) -> dict[str, Any]:
    """The data of an event about an order of mugs, new unless it has an `id`."""
    history = ["pending"] if status == "pending" else ["pending", status]
    return {
        "order": {
            "id": more.get("id") or str(uuid7()),
            "customer": str(customer.public_id),
            "status": status,
            "reason": reason,
            "lines": [{"sku": "MUG-0001", "name": "Mug", "quantity": quantity, "unit_price": money("14.90")}],
            "total": money(f"{quantity * 14.90:.2f}"),
            "shipping_address": {
                "name": "Alice Larsen",
                "street": "Mill Lane 1",
                "postcode": "1050",
                "city": "Copenhagen",
                "country": "DK",
            },
            "created_at": MOMENT,
            "updated_at": MOMENT,
        },
        "history": [{"status": name, "at": MOMENT} for name in history],
        "card_reference": REFERENCE + card,
        "answer": more.get("answer"),
    }


def payment_of(customer: User, order_id: str, status: str = "captured", amount: str = "29.80") -> dict[str, Any]:
    payment = {
        "id": str(uuid7()),
        "order_id": order_id,
        "customer": str(customer.public_id),
        "status": status,
        "amount": money(amount),
        "card_last4": "4242",
        "created_at": MOMENT,
        "updated_at": MOMENT,
    }
    return {"payment": payment, "answer": None}


def reservation_of(
    customer: User,
    order_id: str,
    status: str = "held",
    *,
    sku: str = "MUG-0001",
    quantity: int = 2,
    expires_at: str | None = None,
) -> dict[str, Any]:
    reservation = {
        "id": str(uuid7()),
        "order_id": order_id,
        "customer": str(customer.public_id),
        "status": status,
        "lines": [{"sku": sku, "quantity": quantity}],
        "expires_at": expires_at,
        "created_at": MOMENT,
        "updated_at": MOMENT,
    }
    return {"reservation": reservation, "answer": None}


def level_of(sku: str, on_hand: int, reserved: int = 0) -> dict[str, Any]:
    return {"level": {"sku": sku, "on_hand": on_hand, "reserved": reserved, "updated_at": MOMENT}}


def money(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "EUR"}
