"""A payment as events carry it, and back: the whole state, written as the contract writes it.

What comes in was checked against the event's schema before. Times lose what is finer than a millisecond when they
leave, so both sides of a sync hold the same.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from extracted_services.chassis.encoding import read_money, read_time, show_money, show_time
from extracted_services.payments.domain.payment import Payment, Status

State = Mapping[str, Any]


def show_state(payment: Payment) -> State:
    return {
        "payment": {
            "id": str(payment.id),
            "order_id": str(payment.order_id),
            "customer": str(payment.customer),
            "status": payment.status.value,
            "amount": show_money(payment.amount_cents),
            "card_last4": payment.card_last4,
            "created_at": show_time(payment.created_at),
            "updated_at": show_time(payment.updated_at),
        }
    }


def read_state(state: State, version: int) -> Payment:
    told = state["payment"]
    return Payment(
        id=UUID(told["id"]),
        order_id=UUID(told["order_id"]),
        customer=UUID(told["customer"]),
        status=Status(told["status"]),
        amount_cents=read_money(told["amount"]),
        card_last4=told["card_last4"],
        created_at=read_time(told["created_at"]),
        updated_at=read_time(told["updated_at"]),
        version=version,
    )
