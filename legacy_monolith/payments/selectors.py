from uuid import UUID

from django.db.models import QuerySet

from legacy_monolith.accounts.tokens import Caller

from .models import Payment


def payments_seen_by(caller: Caller) -> QuerySet[Payment]:
    return Payment.objects.all() if caller.is_staff else Payment.objects.filter(customer=caller.user)


def payments_of_order(order_id: UUID) -> QuerySet[Payment]:
    return Payment.objects.filter(order_id=order_id)
