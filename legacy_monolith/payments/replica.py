"""Payments as the payments service is told of them, and as it tells of them."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from legacy_monolith.accounts.replica import find_customer
from legacy_monolith.sync.kinds import Kind

from .models import Payment
from .representations import show

EVENTS = {
    Payment.Status.CAPTURED: "PaymentCompleted",
    Payment.Status.DECLINED: "PaymentDeclined",
    Payment.Status.REFUNDED: "PaymentRefunded",
}


class Payments(Kind):
    entity, name, key = "payment", "payment", "public_id"

    def rows(self) -> QuerySet[Payment]:
        return Payment.objects.select_related("customer")

    def state(self, row: Payment) -> dict[str, Any]:
        return {"payment": show(row) | {"customer": str(row.customer.public_id)}, "answer": None}

    def event_of(self, row: Payment) -> str:
        return EVENTS[row.status]

    def take(self, key: str, version: int, state: Mapping[str, Any]) -> None:
        payment = state["payment"]
        fields = {
            "order_id": UUID(payment["order_id"]),
            "status": payment["status"],
            "amount": Decimal(payment["amount"]["amount"]),
            "card_last4": payment["card_last4"],
            "created_at": datetime.fromisoformat(payment["created_at"]),
            "updated_at": datetime.fromisoformat(payment["updated_at"]),
            "version": version,
            "peer_version": version,
        }
        if not Payment.objects.filter(public_id=key).update(**fields):
            customer = find_customer(payment["customer"])
            Payment.objects.bulk_create([Payment(public_id=key, customer=customer, **fields)])


PAYMENTS = Payments()
