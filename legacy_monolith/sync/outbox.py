"""Events of the shop: written in the transaction of the change that they tell of, and fetched by the relay.

An entity's positions have no gaps and commit in order, so that a service can tell whether it has all of them. Nothing
is published here.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from extracted_services.contracts.envelope import SUBJECTS, Event, encode
from extracted_services.messaging.ports import Message
from extracted_services.messaging.relay import OutboxRow
from legacy_monolith.config import log
from legacy_monolith.identifiers import uuid7

from .models import OutboxEvent, RelayLease, Side

KEPT = timedelta(days=7)  # published events, to look into what was told and when


@dataclass(frozen=True)
class Change:
    """One change of one aggregate, as its event will tell it: type, version after it, whole state after it."""

    type: str
    aggregate_id: str
    version: int
    state: dict[str, Any]

    @property
    def entity(self) -> str:
        return SUBJECTS[self.type].entity

    def event(self, at: datetime, position: int | None) -> Event:
        return Event(
            id=str(uuid7()),
            type=self.type,
            schema_version=1,
            aggregate_type=self.entity,
            aggregate_id=self.aggregate_id,
            aggregate_version=self.version,
            occurred_at=at,
            origin=Side.LEGACY.value,
            position=position,
            traceparent=log.traceparent.get(),
            data=self.state,
        )


def write(changes: Sequence[Change]) -> None:
    """Adds the events of a transaction, all in one call, as the last thing that the transaction does."""
    at = timezone.now()
    by_entity: defaultdict[str, list[Change]] = defaultdict(list)
    for change in changes:
        by_entity[change.entity].append(change)
    events = []
    for entity in sorted(by_entity):  # everyone takes the entities' locks in this order
        told = by_entity[entity]
        first = _draw_positions(entity, len(told))
        events += [change.event(at, position) for position, change in enumerate(told, first)]
    OutboxEvent.objects.bulk_create(_row(event) for event in events)
    if events:
        transaction.on_commit(_committed)


def _draw_positions(entity: str, count: int) -> int:
    """The first of `count` new positions."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE sync_outboxposition SET last = last + %s WHERE entity = %s RETURNING last", [count, entity]
        )
        return cursor.fetchone()[0] - count + 1


def _row(event: Event) -> OutboxEvent:
    return OutboxEvent(
        topic=event.aggregate_type,
        key=event.aggregate_id,
        event_id=event.id,
        event=encode(event).decode(),
        recorded_at=event.occurred_at,
    )


_listeners: set[Callable[[], None]] = set()


def call_after_commit(listener: Callable[[], None]) -> None:
    """`listener` is called, in any thread, when events were committed in this process."""
    _listeners.add(listener)


def call_no_more(listener: Callable[[], None]) -> None:
    _listeners.discard(listener)


def _committed() -> None:
    for listener in tuple(_listeners):
        listener()


def take_lease(holder: str, seconds: float) -> bool:
    now = timezone.now()
    free = RelayLease.objects.filter(Q(holder=holder) | Q(until__lte=now))
    return bool(free.update(holder=holder, until=now + timedelta(seconds=seconds)))


def unpublished(limit: int) -> list[OutboxRow]:
    rows = OutboxEvent.objects.filter(published_at=None).order_by("pk")[:limit]
    return [OutboxRow(row.pk, Message(row.topic, row.key, row.event.encode(), str(row.event_id))) for row in rows]


def mark_published(ids: Sequence[int]) -> None:
    OutboxEvent.objects.filter(pk__in=ids).update(published_at=timezone.now())


def forget_published() -> None:
    """Deletes what was published long ago."""
    OutboxEvent.objects.filter(published_at__lt=timezone.now() - KEPT).delete()
