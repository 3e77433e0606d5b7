from uuid import UUID

from django.db.models import Count, QuerySet, Sum

from legacy_monolith.accounts.models import User
from legacy_monolith.accounts.tokens import Caller

from .models import Order, StatusChange


def orders_of(user: User) -> QuerySet[Order]:
    return Order.objects.filter(customer=user).select_related("customer").prefetch_related("lines")


def orders_seen_by(caller: Caller) -> QuerySet[Order]:
    if caller.is_staff:
        return Order.objects.select_related("customer").prefetch_related("lines")
    return orders_of(caller.user)


def find_own(user: User, order_id: UUID) -> Order | None:
    """The order, if it is this user's, or if the user is one of the staff."""
    orders = Order.objects.all() if user.is_staff else orders_of(user)
    return orders.filter(public_id=order_id).first()


def changes_after(order: Order, key: int) -> list[StatusChange]:
    return list(StatusChange.objects.filter(order=order, pk__gt=key))


def counts_by_status() -> dict[str, int]:
    counted = dict(Order.objects.order_by().values_list("status").annotate(Count("pk")))
    return {status.label: counted.get(status.value, 0) for status in Order.Status}


def export_page(status: str | None, after: UUID | None, count: int) -> list[tuple]:
    """The next orders from the oldest on, as tuples in the order of `export.COLUMNS`."""
    orders = Order.objects.filter(status=status) if status else Order.objects.all()
    if after is not None:
        orders = orders.filter(public_id__gt=after)
    rows = orders.order_by("public_id").annotate(pieces=Sum("lines__quantity"))
    return list(
        rows.values_list(
            "public_id", "created_at", "customer__username", "customer__email", "status", "pieces", "total", "country"
        )[:count]
    )
