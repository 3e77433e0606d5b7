from django.conf import settings
from django.db import models

from legacy_monolith.dated import Versioned
from legacy_monolith.identifiers import uuid7


class Payment(Versioned):
    """One attempt to charge a card. `order_id` is a reference, not a key: phone orders are kept elsewhere."""

    class Status(models.TextChoices):
        CAPTURED = "captured"
        DECLINED = "declined"
        REFUNDED = "refunded"

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    order_id = models.UUIDField(db_index=True)
    customer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="payments")
    status = models.CharField(max_length=10, choices=Status)
    amount = models.DecimalField(max_digits=10, decimal_places=2)
    card_last4 = models.CharField("card ends in", max_length=4)

    class Meta:
        ordering = ("-public_id",)

    def __str__(self) -> str:
        return f"{self.amount} EUR ({self.status})"
