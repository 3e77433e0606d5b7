"""Fills a service with what the shop has, while both go on living: batch by batch, each begun where the last one ended.

Every row is sent as an event without a position, so that the rules for events decide what the service makes of it: what
it has heard of since, or writes itself by now, stays.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from django.db.models import Model
from django.utils import timezone

from extracted_services.contracts.envelope import to_document
from legacy_monolith.api import idempotency
from legacy_monolith.api.models import KeptAnswer

from .kinds import Kind
from .models import Backfill, OutboxPosition
from .outbox import Change
from .registry import KINDS, SERVICES

BATCH = 200

Tell = Callable[[str, int], None]


class Receiver(Protocol):
    def send(self, events: Sequence[Mapping[str, Any]], **others: Any) -> Mapping[str, int]: ...


def begin(service: str, *, anew: bool) -> Backfill:
    """The backfill that was interrupted, or another one.

    The positions are those from before the first row is read: the rows hold all that was told up to there.
    """
    found = Backfill.objects.filter(pk=service).first()
    if found and not anew and not all(kind.get("done") for kind in found.progress.values()):
        return found
    entities = {KINDS[name].entity for name in SERVICES[service]}
    told = OutboxPosition.objects.filter(entity__in=entities).values_list("entity", "last")
    backfill = Backfill(service=service, covers=dict(told), progress={name: _nothing() for name in SERVICES[service]})
    backfill.save()
    return backfill


def fill(backfill: Backfill, receiver: Receiver, tell: Tell, *, batch: int = BATCH) -> dict[str, int]:
    """Sends what is left; how often the service made each decision. `tell(kind, sent)` is called after each batch."""
    decisions: dict[str, int] = {}
    for name, progress in backfill.progress.items():
        kind = KINDS[name]
        while not progress["done"]:
            rows = kind.after(progress["after"], batch)
            if rows:
                _add(decisions, receiver.send(_events(kind, rows)))
                progress["after"] = kind.name_of(rows[-1])
            progress["sent"] += len(rows)
            progress["done"] = len(rows) < batch
            backfill.save()
            tell(name, len(rows))
    _add(decisions, receiver.send([], complete=True, covers=backfill.covers))
    return decisions


def _nothing() -> dict[str, Any]:
    return {"after": "", "sent": 0, "done": False}


def _add(decisions: dict[str, int], more: Mapping[str, int]) -> None:
    for decision, count in more.items():
        decisions[decision] = decisions.get(decision, 0) + count


def _events(kind: Kind, rows: Sequence[Model]) -> list[dict[str, Any]]:
    answers = _answers(kind, rows)
    at = timezone.now()
    events = []
    for row in rows:
        if row.version == 0:
            continue  # nobody has written it: the service knows as much
        state, name = kind.state(row), kind.name_of(row)
        if "answer" in state:
            state["answer"] = answers.get(name)
        events.append(to_document(Change(kind.event_of(row), name, row.version, state).event(at, None)))
    return events


def _answers(kind: Kind, rows: Sequence[Model]) -> dict[str, dict[str, Any]]:
    """The first answers that were given together with these."""
    if kind.key != "public_id":
        return {}
    kept = KeptAnswer.objects.filter(about__in=[row.public_id for row in rows]).select_related("customer")
    return {str(answer.about): idempotency.to_document(answer) for answer in kept}
