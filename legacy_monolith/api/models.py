"""First answers to requests that carried an Idempotency-Key."""

from django.conf import settings
from django.db import models


class KeptAnswer(models.Model):
    customer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    path = models.CharField(max_length=100)
    key = models.CharField(max_length=255)
    body_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    location = models.CharField(max_length=200, blank=True)
    body = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    # The order, payment or reservation that was made together with the answer.
    about = models.UUIDField(null=True, db_index=True, editable=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["customer", "path", "key"], name="one_answer_per_idempotency_key"),
        )

    def __str__(self) -> str:
        return f"{self.path} {self.key}"
