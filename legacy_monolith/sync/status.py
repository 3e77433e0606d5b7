"""How far the shop is: what it owns, what it has yet to publish, what it has taken over from the services."""

from datetime import datetime

from django.db.models import Count, Min
from django.utils import timezone

from .models import Conflict, InboxPosition, OutboxEvent, OutboxPosition, Ownership


def read_status() -> dict[str, dict]:
    """Entity -> owner, epoch, outbox_last, unpublished (events), oldest_unpublished_seconds, applied_from_peer
    (position), conflicts.

    Without a transaction, which on SQLite would wait for writers: what was told is read before what is unpublished, so
    nothing looks published that is not.
    """
    owned = {row.entity: row for row in Ownership.objects.all()}
    told = dict(OutboxPosition.objects.values_list("entity", "last"))
    waiting = {
        row["topic"]: row
        for row in OutboxEvent.objects.filter(published_at=None)
        .values("topic")
        .annotate(count=Count("pk"), oldest=Min("recorded_at"))
    }
    heard = dict(InboxPosition.objects.values_list("entity", "last"))
    conflicts = dict(Conflict.objects.order_by().values_list("entity").annotate(Count("pk")))
    now = timezone.now()
    return {
        entity: {
            "owner": row.owner,
            "epoch": row.epoch,
            "outbox_last": told[entity],
            "unpublished": waiting[entity]["count"] if entity in waiting else 0,
            "oldest_unpublished_seconds": _age(waiting[entity]["oldest"], now) if entity in waiting else 0.0,
            "applied_from_peer": heard[entity],
            "conflicts": conflicts.get(entity, 0),
        }
        for entity, row in sorted(owned.items())
    }


def _age(moment: datetime, now: datetime) -> float:
    return round(max(0.0, (now - moment).total_seconds()), 3)
