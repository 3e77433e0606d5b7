"""What is kept so that the shop and the services stay one shop: who may write, what was told, what was heard.

Rows are written by `writing`, `ownership`, `outbox` and `inbox` alone; the admin only shows them.
"""

from django.db import models
from django.db.models import Q


class Entity(models.TextChoices):
    """What is owned, told and counted as one."""

    ORDER = "order", "orders"
    PAYMENT = "payment", "payments"
    STOCK = "stock", "stock"
    PRODUCT = "product", "products"


class Side(models.TextChoices):
    LEGACY = "legacy", "the shop"
    SERVICE = "service", "the service"


class Ownership(models.Model):
    """Who may write an entity: read with a lock by every transaction that does, so that a change of owner waits."""

    entity = models.CharField(max_length=8, primary_key=True, choices=Entity)
    owner = models.CharField(max_length=8, choices=Side, default=Side.LEGACY)
    epoch = models.PositiveBigIntegerField(default=1)

    class Meta:
        ordering = ("entity",)
        verbose_name_plural = "ownership"

    def __str__(self) -> str:
        return f"{self.get_entity_display()}: {self.get_owner_display()}"


class OutboxPosition(models.Model):
    """The position of the event told last: raised in the transaction of the change, so positions have no gaps."""

    entity = models.CharField(max_length=8, primary_key=True, choices=Entity)
    last = models.PositiveBigIntegerField(default=0)


class OutboxEvent(models.Model):
    """An event, in the transaction of the change that it tells of; published by the relay."""

    topic = models.CharField(max_length=8, choices=Entity)
    key = models.CharField(max_length=64)
    event_id = models.UUIDField()
    event = models.TextField()
    recorded_at = models.DateTimeField()
    published_at = models.DateTimeField(null=True)

    class Meta:
        indexes = (
            models.Index(fields=["id"], condition=Q(published_at=None), name="not_published_yet"),
            models.Index(fields=["published_at"], condition=~Q(published_at=None), name="published_since"),
        )

    def __str__(self) -> str:
        return f"{self.topic} {self.key}"


class RelayLease(models.Model):
    """Which process publishes the outbox: at most one at a time."""

    name = models.CharField(max_length=8, primary_key=True, default="outbox")
    holder = models.CharField(max_length=100)
    until = models.DateTimeField()


class InboxPosition(models.Model):
    """Every event of the other side up to `last` has had its effect; `duplicates` came more than once."""

    entity = models.CharField(max_length=8, primary_key=True, choices=Entity)
    last = models.PositiveBigIntegerField(default=0)
    duplicates = models.PositiveBigIntegerField(default=0)


class InboxEvent(models.Model):
    """An event of the other side that has had its effect although an earlier one is still to come."""

    entity = models.CharField(max_length=8, choices=Entity)
    position = models.PositiveBigIntegerField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["entity", "position"], name="an_event_once_in_the_inbox"),)

    def __str__(self) -> str:
        return f"{self.entity} {self.position}"


class Conflict(models.Model):
    """Both sides changed the same thing, or a change of the other side could not be taken over. A person settles it."""

    entity = models.CharField(max_length=8, choices=Entity)
    aggregate_id = models.CharField("of", max_length=64)
    event_id = models.CharField(max_length=64)
    reason = models.TextField()
    local_version = models.PositiveIntegerField("version here", null=True)
    event_version = models.PositiveIntegerField("version there", null=True)
    local = models.JSONField("state here", null=True)
    event = models.JSONField("state there", null=True)
    fingerprint = models.CharField(max_length=64, unique=True)  # the same event may come again
    at = models.DateTimeField()

    class Meta:
        ordering = ("-at", "-pk")

    def __str__(self) -> str:
        return f"{self.entity} {self.aggregate_id}"


class Backfill(models.Model):
    """How far a service has been filled: the next batch of a kind begins behind the key `after`."""

    service = models.CharField(max_length=10, primary_key=True)
    # Entity -> position: all that was told up to there is in the rows that the backfill reads after it began.
    covers = models.JSONField()
    progress = models.JSONField(default=dict)  # kind -> {"after": key, "sent": count, "done": bool}

    def __str__(self) -> str:
        return self.service
