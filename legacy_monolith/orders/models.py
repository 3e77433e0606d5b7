from decimal import Decimal

from django.conf import settings
from django.db import models
from django.urls import reverse

from legacy_monolith.catalogue.models import Product
from legacy_monolith.dated import Versioned
from legacy_monolith.identifiers import uuid7


class Order(Versioned):
    class Status(models.TextChoices):
        PENDING = "pending"
        CONFIRMED = "confirmed"
        SHIPPED = "shipped"
        DELIVERED = "delivered"
        CANCELLED = "cancelled"

    class Reason(models.TextChoices):
        REQUESTED = "requested", "at the customer's wish"
        PAYMENT_DECLINED = "payment_declined", "the card was declined"
        INSUFFICIENT_STOCK = "insufficient_stock", "not enough in stock"

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    customer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="orders")
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING, db_index=True)
    reason = models.CharField("cancelled because", max_length=20, choices=Reason, blank=True)
    total = models.DecimalField(max_digits=10, decimal_places=2)
    ship_to = models.CharField("name", max_length=100)
    street = models.CharField(max_length=100)
    postcode = models.CharField(max_length=12)
    city = models.CharField(max_length=100)
    country = models.CharField(max_length=2)
    # What the card processor knows the card by, for an order whose charge is still to come; never a card number.
    card_reference = models.CharField(max_length=60, blank=True, editable=False)

    class Meta:
        ordering = ("-public_id",)
        indexes = (models.Index(fields=["customer", "-public_id"], name="orders_of_a_customer"),)

    def __str__(self) -> str:
        return f"Order {self.number}"

    @property
    def number(self) -> str:
        """The short form that people read to each other on the phone."""
        return self.public_id.hex[-8:].upper()

    @property
    def is_final(self) -> bool:
        return self.status in FINAL

    @property
    def can_be_cancelled(self) -> bool:
        return Order.Status.CANCELLED in NEXT[self.status]

    def get_absolute_url(self) -> str:
        return reverse("orders:detail", args=[self.public_id])


# Where an order may go from each status.
NEXT = {
    Order.Status.PENDING: (Order.Status.CONFIRMED, Order.Status.CANCELLED),
    Order.Status.CONFIRMED: (Order.Status.SHIPPED, Order.Status.CANCELLED),
    Order.Status.SHIPPED: (Order.Status.DELIVERED,),
    Order.Status.DELIVERED: (),
    Order.Status.CANCELLED: (),
}
FINAL = tuple(status for status, following in NEXT.items() if not following)


class OrderLine(models.Model):
    """What was bought, at the name and price of that moment."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    product = models.ForeignKey(Product, on_delete=models.SET_NULL, null=True, related_name="+")
    sku = models.CharField("SKU", max_length=32)
    name = models.CharField(max_length=120)
    quantity = models.PositiveIntegerField()
    unit_price = models.DecimalField(max_digits=10, decimal_places=2)

    class Meta:
        ordering = ("sku",)
        constraints = (models.UniqueConstraint(fields=["order", "sku"], name="a_product_once_in_an_order"),)

    def __str__(self) -> str:
        return f"{self.quantity} x {self.sku}"

    @property
    def total(self) -> Decimal:
        return self.unit_price * self.quantity


class StatusChange(models.Model):
    """The order's history; its key is the event id of the live status stream."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="changes")
    status = models.CharField(max_length=10, choices=Order.Status)
    at = models.DateTimeField()

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return f"{self.status} at {self.at}"
