"""Events of the services: what each does to the shop's tables, once, in one transaction with the note that it was done.

Whose state stands is decided by `contracts.takeover`; how a state is kept, by the app it belongs to. Where both sides
have changed something, that is recorded as a conflict, and the shop's state stays.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from extracted_services.contracts.envelope import Event, Traces, canonical
from extracted_services.contracts.takeover import Decision, Local, close_gap, decide, replaces_answer
from legacy_monolith.api import idempotency

from .models import Conflict, InboxEvent, InboxPosition
from .registry import KINDS

DUPLICATE = "duplicate"
_RUN = 500  # positions above a gap that are read at a time


@transaction.atomic
def take(event: Event) -> str:
    """Does what the event of a service says, unless that was done before; the decision, or `DUPLICATE`.

    Raises `Untakable`, and then it has done nothing.
    """
    place = _lock(event.aggregate_type)
    if event.position is not None and _is_applied(place, event.position):
        InboxPosition.objects.filter(pk=place.pk).update(duplicates=F("duplicates") + 1)
        if not _was_buried(event):
            return DUPLICATE
        return _apply(event)  # replayed by hand, and this time it can be taken
    decision = _apply(event)
    if event.position is not None:
        _mark_applied(place, event.position)
    return decision


@transaction.atomic
def bury(traces: Traces, reason: str) -> None:
    """Records an event that could not be taken as a conflict, and goes on behind its position.

    When it comes again and can be taken by then, it is; the conflict stays on record.
    """
    place = _lock(traces.entity)
    if _is_applied(place, traces.position):
        return
    _record_conflict(
        entity=traces.entity,
        aggregate_id=traces.aggregate_id,
        event_id=traces.id,
        reason=f"position {traces.position} became a dead letter: {reason}",
    )
    _mark_applied(place, traces.position)


def _lock(entity: str) -> InboxPosition:
    """Until the transaction ends, nobody else takes events about the entity."""
    return InboxPosition.objects.select_for_update().get(pk=entity)


def _is_applied(place: InboxPosition, position: int) -> bool:
    return position <= place.last or InboxEvent.objects.filter(entity=place.entity, position=position).exists()


def _was_buried(event: Event) -> bool:
    return Conflict.objects.filter(event_id=event.id, event_version=None).exists()


def _mark_applied(place: InboxPosition, position: int) -> None:
    if position > place.last + 1:
        InboxEvent.objects.create(entity=place.entity, position=position)
        return
    reached = _close_gap(place.entity, position)
    InboxPosition.objects.filter(pk=place.pk).update(last=reached)
    if reached > position:
        InboxEvent.objects.filter(entity=place.entity, position__lte=reached).delete()


def _close_gap(entity: str, last: int) -> int:
    above = InboxEvent.objects.filter(entity=entity).order_by("position").values_list("position", flat=True)
    while True:
        waiting = list(above.filter(position__gt=last)[:_RUN])
        reached = close_gap(last, waiting)
        if len(waiting) < _RUN or reached < waiting[-1]:
            return reached
        last = reached


def _apply(event: Event) -> Decision:
    kind = KINDS[event.kind] if event.kind else None
    local = kind and kind.find(event.aggregate_id)
    decision = decide(event, local)
    match decision, local:
        case Decision.TAKE, _:
            kind.take(event.aggregate_id, event.aggregate_version, event.data)
        case Decision.AGREE, _:
            kind.agree(event.aggregate_id, event.aggregate_version)
        case Decision.CONFLICT, Local():
            _record_conflict(
                entity=event.aggregate_type,
                aggregate_id=event.aggregate_id,
                event_id=event.id,
                reason=f"both sides have changed it: {event.type} is version {event.aggregate_version}",
                local_version=local.version,
                event_version=event.aggregate_version,
                local=_without_answer(local.data),
                event=_without_answer(event.data),
            )
    answer = event.data.get("answer")
    if answer is not None:
        idempotency.adopt(answer, about=event.aggregate_id, replace=replaces_answer(decision))
    return decision


def _record_conflict(**what: Any) -> None:
    """Once, however often the same event comes."""
    same = {name: value for name, value in what.items() if name != "event_id"}
    fingerprint = hashlib.sha256(canonical(same)).hexdigest()
    Conflict.objects.get_or_create(fingerprint=fingerprint, defaults={**what, "at": timezone.now()})


def _without_answer(state: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in state.items() if name != "answer"}
