"""Whose state stands when the other side tells of a change: the rules by which both sides stay one shop.

Pure, and used by the monolith and by the services alike. An aggregate has a `version`, one more with every change by
its owner, and a `peer_version`, the highest version that was taken over from the other side. Never decides by time, and
never lets a difference pass in silence.

| the event's version V       | the local aggregate                           | decision |
|-----------------------------|-----------------------------------------------|----------|
| 0                           | any                                           | TOLD     |
| 1, 2, …                     | there is none                                 | TAKE     |
| above `version`             | was not changed here since                    | TAKE     |
| up to `peer_version`        | took this over before                         | OLD      |
| between; an older snapshot  | was changed here since                        | OLD      |
| between                     | has the same content                          | AGREE    |
| between                     | has other content: both sides have changed it | CONFLICT |

A snapshot is an event without a position, of a backfill: what the other side had at some moment, maybe before it saw
our changes; it is older when its version is below the local one. An event with a position was written as that version.

TAKE sets version and peer_version to V and replaces the state; AGREE sets peer_version to V; CONFLICT is recorded and
leaves the local state as it is; TOLD and OLD do nothing. The first answer that travels with a state replaces the local
one with TAKE and AGREE, and fills a gap with OLD and CONFLICT.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .envelope import Event, checksum


class Decision(StrEnum):
    TOLD = "told"
    TAKE = "take"
    OLD = "old"
    AGREE = "agree"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Local:
    """An aggregate as it stands on this side; `data` as in an event, without an answer, None when it was removed."""

    version: int
    peer_version: int
    data: Mapping[str, Any] | None


def decide(event: Event, local: Local | None) -> Decision:
    """What the other side's event does to the local aggregate (the table above)."""
    version = event.aggregate_version
    if event.kind is None:
        return Decision.TOLD
    if local is None or version > local.version:
        return Decision.TAKE
    if version <= local.peer_version or (event.position is None and version < local.version):
        return Decision.OLD
    return Decision.AGREE if _is_same(event, local) else Decision.CONFLICT


def replaces_answer(decision: Decision) -> bool:
    """Whether the answer that travels with the event stands above one that is kept here."""
    return decision in (Decision.TAKE, Decision.AGREE)


def close_gap(last: int, waiting: Iterable[int]) -> int:
    """The highest position P such that all up to P are applied: `last` so far, `waiting` the applied ones above it, in
    rising order."""
    for position in waiting:
        if position > last + 1:
            break
        last = max(last, position)
    return last


def _is_same(event: Event, local: Local) -> bool:
    if event.removes or local.data is None:
        return event.removes and local.data is None
    return checksum(event.data) == checksum(local.data)
