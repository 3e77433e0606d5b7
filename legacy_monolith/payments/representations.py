"""A payment as the API writes it."""

from legacy_monolith.api.encoding import money, time

from .models import Payment


def show(payment: Payment) -> dict:
    return {
        "id": str(payment.public_id),
        "order_id": str(payment.order_id),
        "status": payment.status,
        "amount": money(payment.amount),
        "card_last4": payment.card_last4,
        "created_at": time(payment.created_at),
        "updated_at": time(payment.updated_at),
    }
