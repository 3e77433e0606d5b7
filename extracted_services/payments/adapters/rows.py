"""How a payment and a charge stand in a row, and come back out of it equal."""

from typing import Any
from uuid import UUID

from sqlalchemy import Row

from extracted_services.chassis.answers import Asked
from extracted_services.payments.domain.charge import Charge, Standing, Terms
from extracted_services.payments.domain.payment import Payment, Status


def write_payment(payment: Payment) -> dict[str, Any]:
    return {
        "id": str(payment.id),
        "order_id": str(payment.order_id),
        "customer": str(payment.customer),
        "status": payment.status.value,
        "amount_cents": payment.amount_cents,
        "card_last4": payment.card_last4,
        "created_at": payment.created_at,
        "updated_at": payment.updated_at,
        "version": payment.version,
    }


def read_payment(row: Row[Any]) -> Payment:
    return Payment(
        id=UUID(row.id),
        order_id=UUID(row.order_id),
        customer=UUID(row.customer),
        status=Status(row.status),
        amount_cents=row.amount_cents,
        card_last4=row.card_last4,
        created_at=row.created_at,
        updated_at=row.updated_at,
        version=row.version,
    )


def write_charge(charge: Charge) -> dict[str, Any]:
    asked, terms = charge.asked, charge.terms
    return {
        "payment_id": str(charge.payment_id),
        "asked_customer": asked and asked.customer,
        "asked_path": asked and asked.path,
        "asked_key": asked and asked.key,
        "body_hash": asked and asked.body_hash,
        "order_id": terms and str(terms.order_id),
        "customer": terms and str(terms.customer),
        "amount_cents": terms and terms.amount_cents,
        "card_reference": terms and terms.card_reference,
        "standing": charge.standing.value,
        "changed_at": charge.changed_at,
    }


def read_charge(row: Row[Any]) -> Charge:
    asked = terms = None
    if row.asked_key is not None:
        asked = Asked(row.asked_customer, row.asked_path, row.asked_key, row.body_hash)
    if row.order_id is not None:
        terms = Terms(UUID(row.order_id), UUID(row.customer), row.amount_cents, row.card_reference)
    return Charge(UUID(row.payment_id), asked, terms, Standing(row.standing), row.changed_at)
