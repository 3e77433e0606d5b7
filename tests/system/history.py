"""Who wrote what, and when: read out of the outboxes of all four databases, and judged by pure functions."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import sqlalchemy as sa

from tests.support.system import SERVICES, Move, System

Positions = Mapping[str, int]


class Written(NamedTuple):
    """One event: the state of an aggregate after a change that a side made."""

    side: str
    entity: str
    position: int
    aggregate: str
    version: int


def read_events(system: System) -> list[Written]:
    """Of both sides, straight from their databases."""
    values = [row for name in SERVICES for row in _select(system.ground.databases[name], "SELECT value FROM outbox")]
    values += _select(system.ground.databases["monolith"], "SELECT event FROM sync_outboxevent")
    return [_read(json.loads(value)) for value in values]


def check_ownership(moves: Sequence[Move], last: Mapping[str, Positions], events: Sequence[Written]) -> Iterator[str]:
    """That nobody wrote what it did not own. The monolith owned everything at first; `last` has each side's last
    positions when all was over."""
    owner, given = "legacy", {"service": dict.fromkeys(last["service"], 0)}
    for move in moves:
        if move.idle != given[move.to]:
            yield f"{move.to} wrote before it owned at epoch {move.epoch}: from {given[move.to]} to {dict(move.idle)}"
        given[owner] = dict(move.fenced)
        owner = move.to
    other = "service" if owner == "legacy" else "legacy"
    if moves and last[other] != given[other]:
        yield f"{other} wrote after its last fence: from {given[other]} to {dict(last[other])}"
    yield from _check_positions(events)
    yield from _check_versions(moves, events)


def _check_positions(events: Sequence[Written]) -> Iterator[str]:
    """They have no gaps, and none is there twice."""
    found: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for event in events:
        found[event.side, event.entity].append(event.position)
    for (side, entity), positions in found.items():
        if sorted(positions) != list(range(1, len(positions) + 1)):
            yield f"the positions of {side}'s {entity} are not 1 to {len(positions)}"


def _check_versions(moves: Sequence[Move], events: Sequence[Written]) -> Iterator[str]:
    """Along the epochs, and within one along the positions, every aggregate's version rises: so each change was made
    on top of the one before it, whichever side had made that."""
    histories: defaultdict[tuple[str, str], list[tuple[int, int, Written]]] = defaultdict(list)
    for event in events:
        if event.version > 0:  # else it tells of something without changing it
            histories[event.entity, event.aggregate].append((_epoch_of(event, moves), event.position, event))
    for (entity, aggregate), history in histories.items():
        versions = [event.version for _, _, event in sorted(history)]
        if any(later <= earlier for earlier, later in pairwise(versions)):
            told = [(epoch, event.side, event.version) for epoch, _, event in sorted(history)]
            yield f"{entity} {aggregate} was written as {told}"


def _epoch_of(event: Written, moves: Sequence[Move]) -> int:
    """The epoch in which the event's side owned its entity, and gave it away behind the event."""
    epoch = 1
    for move in moves:
        if move.to != event.side and event.position <= move.fenced[event.entity]:
            return epoch
        epoch = move.epoch
    return epoch


def _read(event: Mapping[str, Any]) -> Written:
    return Written(
        event["origin"],
        event["aggregate_type"],
        event["position"],
        event["aggregate_id"],
        event["aggregate_version"],
    )


def _select(url: str, query: str) -> list[Any]:
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    try:
        with engine.connect() as connection:
            return list(connection.execute(sa.text(query)).scalars())
    finally:
        engine.dispose()
