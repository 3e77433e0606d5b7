"""Orders that the orders service had begun when the shop took the writing of orders, payments and stock over again.

A pending order is brought to its end with what there is of it; of one that was cancelled, money and goods are given
back. Nothing is charged or promised twice, and what was once given back is not taken again.
"""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import TypeVar

from django.db.models import Exists, Model, OuterRef, QuerySet
from django.utils import timezone

from legacy_monolith.payments import services as payments
from legacy_monolith.payments.models import Payment
from legacy_monolith.stock import services as stock
from legacy_monolith.stock.models import Reservation
from legacy_monolith.sync import ownership
from legacy_monolith.sync.ownership import NotOwner
from legacy_monolith.sync.writing import writing

from . import services
from .models import Order, OrderLine

ENTITIES = ("order", "payment", "stock")
Row = TypeVar("Row", bound=Model)


def finish_pending_orders() -> None:
    """All of them; does nothing while somebody else writes. One that fails does not stop the others."""
    _each(lambda: Order.objects.filter(status=Order.Status.PENDING).order_by("pk"), finish)


def give_back_what_is_kept() -> None:
    """Money and goods of cancelled orders, and goods promised for a while that is over; otherwise the same."""
    _each(_cancelled_with_something_kept, give_back)
    _each(lambda: _expired(timezone.now()), lambda reservation: stock.release(reservation=reservation))


def _each(find: Callable[[], QuerySet[Row]], act: Callable[[Row], object]) -> None:
    if ownership.find_foreign(*ENTITIES):
        return
    failure: Exception | None = None
    for row in find():
        try:
            act(row)
        except NotOwner:
            return
        except Exception as error:
            error.add_note(f"{row._meta.label} {row.pk}")
            failure = error
    if failure is not None:
        raise failure


@writing(*ENTITIES)
def finish(order: Order) -> Order:
    """The order, confirmed or cancelled."""
    order = Order.objects.select_for_update().get(pk=order.pk)
    if order.status != Order.Status.PENDING:
        return order
    reason = _hindrance(
        set(Payment.objects.filter(order_id=order.public_id).values_list("status", flat=True)),
        set(Reservation.objects.filter(order_id=order.public_id).values_list("status", flat=True)),
    )
    if reason is None:
        reason = _fulfil(order)
    if reason is None:
        return services.move(order, Order.Status.CONFIRMED)
    payments.refund_order(order_id=order.public_id)
    stock.release_order(order_id=order.public_id)
    return services.move(order, Order.Status.CANCELLED, reason)


@writing(*ENTITIES)
def give_back(order: Order) -> None:
    """Of a cancelled order: the money and the goods."""
    payments.refund_order(order_id=order.public_id)
    stock.release_order(order_id=order.public_id)


def _hindrance(paid: Collection[str], reserved: Collection[str]) -> Order.Reason | None:
    """Why the order cannot be confirmed, as far as its payments and reservations tell; None if nothing hinders it."""
    if Payment.Status.DECLINED in paid and Payment.Status.CAPTURED not in paid:
        return Order.Reason.PAYMENT_DECLINED
    if Payment.Status.REFUNDED in paid:
        return Order.Reason.INSUFFICIENT_STOCK  # money goes back of an order that is not cancelled when goods lack
    if Reservation.Status.RELEASED in reserved:
        return Order.Reason.INSUFFICIENT_STOCK
    return None


def _fulfil(order: Order) -> Order.Reason | None:
    """Whatever is still to do of reserving, charging and taking out of stock; why not, if it could not be done."""
    reservations = list(Reservation.objects.filter(order_id=order.public_id))
    if not reservations:
        try:
            reservations = [_reserve(order)]
        except stock.InsufficientStock:
            return Order.Reason.INSUFFICIENT_STOCK
    if not Payment.objects.filter(order_id=order.public_id, status=Payment.Status.CAPTURED).exists():
        payment = order.card_reference and payments.charge(
            order_id=order.public_id, customer=order.customer, amount=order.total, card=order.card_reference
        )
        if not payment or payment.status == Payment.Status.DECLINED:
            return Order.Reason.PAYMENT_DECLINED
    for reservation in reservations:
        stock.commit(reservation=reservation)
    return None


def _reserve(order: Order) -> Reservation:
    lines = list(OrderLine.objects.filter(order=order).select_related("product"))
    gone = {line.sku: 0 for line in lines if line.product is None}
    if gone:
        raise stock.InsufficientStock(gone)
    quantities = {line.product: line.quantity for line in lines}
    return stock.reserve(order_id=order.public_id, customer=order.customer, quantities=quantities)


def _cancelled_with_something_kept() -> QuerySet[Order]:
    """Of those that a service had a hand in: the shop itself gives back and cancels in one transaction."""
    cancelled = Order.objects.filter(status=Order.Status.CANCELLED, peer_version__gt=0).order_by("pk")
    money = Payment.objects.filter(order_id=OuterRef("public_id"), status=Payment.Status.CAPTURED)
    goods = Reservation.objects.filter(order_id=OuterRef("public_id")).exclude(status=Reservation.Status.RELEASED)
    return cancelled.filter(Exists(money) | Exists(goods))


def _expired(now: datetime) -> QuerySet[Reservation]:
    """Promises of a while that have run out; those of an order that is still open are the order's affair."""
    held = Reservation.objects.filter(status=Reservation.Status.HELD, expires_at__lt=now)
    pending = Order.objects.filter(public_id=OuterRef("order_id"), status=Order.Status.PENDING)
    return held.exclude(Exists(pending)).order_by("pk")
