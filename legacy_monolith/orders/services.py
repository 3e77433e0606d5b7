"""Every change of an order. Money, goods and the order's state change together, in one transaction, or not at all."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from legacy_monolith.accounts.models import User
from legacy_monolith.catalogue.models import Product
from legacy_monolith.payments import services as payments
from legacy_monolith.payments.models import Payment
from legacy_monolith.stock import services as stock
from legacy_monolith.sync.writing import record, writing

from .models import NEXT, Order, OrderLine, StatusChange
from .replica import EVENTS, ORDERS


@dataclass(frozen=True)
class Address:
    name: str
    street: str
    postcode: str
    city: str
    country: str


class NotPossibleError(Exception):
    """The order's status does not allow it; `status` is the one it has."""

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


@writing("order", "payment", "stock")
def place_order(*, customer: User, quantities: Mapping[Product, int], address: Address, card_number: str) -> Order:
    """The order, confirmed; or cancelled with the reason `payment_declined`, the goods back in stock.

    Raises `stock.services.InsufficientStock`, and nothing is kept.
    """
    order = _create(customer, quantities, address)
    reservation = stock.reserve(order_id=order.public_id, customer=customer, quantities=quantities)
    payment = payments.charge(order_id=order.public_id, customer=customer, amount=order.total, card=card_number)
    if payment.status == Payment.Status.DECLINED:
        stock.release(reservation=reservation)
        return move(order, Order.Status.CANCELLED, Order.Reason.PAYMENT_DECLINED)
    stock.commit(reservation=reservation)
    return move(order, Order.Status.CONFIRMED)


@writing("order", "payment", "stock")
def cancel_order(*, order: Order) -> Order:
    """Gives money and goods back; a cancelled order stays as it is. Raises `NotPossibleError` once it was shipped."""
    order = Order.objects.select_for_update().get(pk=order.pk)
    if order.status == Order.Status.CANCELLED:
        return order
    move(order, Order.Status.CANCELLED, Order.Reason.REQUESTED)
    payments.refund_order(order_id=order.public_id)
    stock.release_order(order_id=order.public_id)
    return order


@writing("order")
def ship_order(*, order: Order) -> Order:
    """Raises `NotPossibleError` unless the order is confirmed."""
    return move(Order.objects.select_for_update().get(pk=order.pk), Order.Status.SHIPPED)


@writing("order")
def deliver_order(*, order: Order) -> Order:
    """Raises `NotPossibleError` unless the order is shipped."""
    return move(Order.objects.select_for_update().get(pk=order.pk), Order.Status.DELIVERED)


@writing("order")
def correct_address(*, order: Order, address: Address) -> Order:
    """Sends the goods elsewhere; whether they have left already is for the person who corrects it to know."""
    order = Order.objects.select_for_update().get(pk=order.pk)
    order.ship_to, order.street, order.postcode = address.name, address.street, address.postcode
    order.city, order.country = address.city, address.country
    order.save(update_fields=["ship_to", "street", "postcode", "city", "country"])
    record("OrderCorrected", order.public_id, order.version, ORDERS.state(order))
    return order


def _create(customer: User, quantities: Mapping[Product, int], address: Address) -> Order:
    order = Order.objects.create(
        customer=customer,
        total=sum((product.price * quantity for product, quantity in quantities.items()), Decimal(0)),
        ship_to=address.name,
        street=address.street,
        postcode=address.postcode,
        city=address.city,
        country=address.country,
    )
    lines = OrderLine.objects.bulk_create(
        OrderLine(
            order=order,
            product=product,
            sku=product.sku,
            name=product.name,
            quantity=quantity,
            unit_price=product.price,
        )
        for product, quantity in quantities.items()
    )
    change = StatusChange.objects.create(order=order, status=order.status, at=order.created_at)
    record("OrderCreated", order.public_id, order.version, ORDERS.state(order, lines, [change]))
    return order


def move(order: Order, status: Order.Status, reason: str = "") -> Order:
    """Takes a locked order one step on its way; for those who move money and goods in the same transaction."""
    if status not in NEXT[order.status]:
        raise NotPossibleError(order.status)
    order.status, order.reason = status, reason
    order.save(update_fields=["status", "reason"])
    StatusChange.objects.create(order=order, status=status, at=order.updated_at)
    record(EVENTS[order.status], order.public_id, order.version, ORDERS.state(order))
    return order
