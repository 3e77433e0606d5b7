from django.conf import settings
from django.db import models
from django.db.models import F, Q

from legacy_monolith.catalogue.models import Product
from legacy_monolith.dated import Versioned
from legacy_monolith.identifiers import uuid7


class StockLevel(Versioned):
    """How many pieces of a product the warehouse has, and how many of these are promised."""

    product = models.OneToOneField(Product, on_delete=models.CASCADE, primary_key=True, related_name="stock")
    on_hand = models.PositiveIntegerField(default=0)
    reserved = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(reserved__lte=F("on_hand")), name="nothing_promised_that_is_not_there"),
        )

    def __str__(self) -> str:
        return f"{self.product.sku}: {self.available} available"

    @property
    def available(self) -> int:
        return self.on_hand - self.reserved


class Reservation(Versioned):
    """Goods set aside for an order. `order_id` is a reference, not a key: phone orders are kept elsewhere."""

    class Status(models.TextChoices):
        HELD = "held"
        COMMITTED = "committed"
        RELEASED = "released"

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    order_id = models.UUIDField(db_index=True)
    customer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="reservations")
    status = models.CharField(max_length=10, choices=Status, default=Status.HELD)
    # Set by whoever promises goods for a while only; the shop itself never does.
    expires_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ("-public_id",)
        indexes = (
            models.Index(fields=["expires_at"], condition=Q(status="held", expires_at__isnull=False), name="to_expire"),
        )

    def __str__(self) -> str:
        return f"{self.public_id} ({self.status})"


class ReservationLine(models.Model):
    reservation = models.ForeignKey(Reservation, on_delete=models.CASCADE, related_name="lines")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="+")
    quantity = models.PositiveIntegerField()

    class Meta:
        ordering = ("product__sku",)
        constraints = (
            models.UniqueConstraint(fields=["reservation", "product"], name="a_product_once_in_a_reservation"),
        )

    def __str__(self) -> str:
        return f"{self.quantity} x {self.product.sku}"
