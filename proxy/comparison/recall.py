"""[IO] What the state store knows of a route's comparisons. Only reads, so it may be asked while another writes."""

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from proxy.comparison.capture_format import decode
from proxy.comparison.difference import Kind
from proxy.comparison.state_file import open_for_reading
from proxy.comparison.tally import AGAIN, BUCKET_SECONDS, COMPARED, UNDECIDED, Group
from proxy.comparison.verdict import Counts, FieldCounts
from proxy.wire.exchange import Exchange


@dataclass(frozen=True, slots=True)
class Example:
    """One pair in which a field differed. `exchange` is the number of the whole of it, while it is kept."""

    at: datetime
    request: str
    place: str
    left: str | None
    right: str | None
    exchange: int | None


@dataclass(frozen=True, slots=True)
class FieldCount:
    """How many pairs differed in a field: candidate from primary (`raw`), primary from itself (`noise`)."""

    path: str
    kind: str
    raw: int
    noise: int
    example: Example | None


@dataclass(frozen=True, slots=True)
class RouteCount:
    """How many pairs came to what, by outcome (see `tally`), and the fields that differed in any.

    `first`: the beginning of the step of time in which the first of them came; None when there is none.
    """

    outcomes: Mapping[str, int]
    fields: tuple[FieldCount, ...]
    first: datetime | None = None


def recall(path: Path, route: str, rules: str, since: datetime) -> RouteCount:
    """What was counted under these rules, in the steps of time that end after `since`.

    Raises FileNotFoundError, state_file.Damaged, state_file.LaterVersion or sqlite3.Error.
    """
    asked = (route, rules, int(since.timestamp()) // BUCKET_SECONDS)
    with closing(open_for_reading(path)) as connection:
        outcomes = dict(connection.execute(_OUTCOMES, asked).fetchall())
        fields = connection.execute(_FIELDS, asked).fetchall()
        (first,) = connection.execute(_FIRST, asked).fetchone()
        return RouteCount(
            outcomes,
            tuple(
                FieldCount(field, kind, raw, noise, _example(connection, route, rules, field, kind))
                for field, kind, raw, noise in fields
            ),
            None if first is None else datetime.fromtimestamp(first * BUCKET_SECONDS, UTC),
        )


def recall_counts(path: Path, groups: Iterable[Group], since: datetime) -> dict[Group, Counts]:
    """What verdicts on these rest upon. Raises like `recall`."""
    bucket = int(since.timestamp()) // BUCKET_SECONDS
    with closing(open_for_reading(path)) as connection:
        return {group: _counts(connection, (*group, bucket)) for group in groups}


def _counts(connection: sqlite3.Connection, asked: tuple[str, str, int]) -> Counts:
    outcomes = dict(connection.execute(_OUTCOMES, asked).fetchall())
    rows = connection.execute(_FIELDS, asked)
    fields = (FieldCount(path, kind, raw, noise, None) for path, kind, raw, noise in rows)
    return counts_of(RouteCount(outcomes, tuple(fields)))


def counts_of(found: RouteCount) -> Counts:
    """What a verdict rests upon."""
    outcomes = found.outcomes
    return Counts(
        compared=outcomes.get(COMPARED, 0),
        again=outcomes.get(AGAIN, 0),
        undecided=sum(count for name, count in outcomes.items() if name.startswith(UNDECIDED)),
        fields=[FieldCounts(Kind(one.kind), one.path, one.raw, one.noise) for one in found.fields],
    )


def recall_exchange(path: Path, number: int) -> Exchange | None:
    """The whole of an example, without its secrets; None when it is no longer kept. Raises like `recall`."""
    with closing(open_for_reading(path)) as connection:
        found = connection.execute("SELECT line FROM exchanges WHERE id = ?", (number,)).fetchone()
    return decode(found[0].encode()) if found else None


_OUTCOMES = "SELECT outcome, sum(count) FROM pairs WHERE route = ? AND rules = ? AND bucket >= ? GROUP BY outcome"
_FIELDS = """SELECT path, kind, sum(raw), sum(noise) FROM fields WHERE route = ? AND rules = ? AND bucket >= ?
    GROUP BY path, kind ORDER BY sum(raw) DESC, path, kind"""
_FIRST = "SELECT min(bucket) FROM pairs WHERE route = ? AND rules = ? AND bucket >= ?"
_EXAMPLE = """SELECT at, request, place, left_text, right_text, exchange FROM examples
    WHERE route = ? AND rules = ? AND path = ? AND kind = ? ORDER BY at DESC LIMIT 1"""


def _example(connection: sqlite3.Connection, *field: str) -> Example | None:
    found = connection.execute(_EXAMPLE, field).fetchone()
    if found is None:
        return None
    at, *rest = found
    return Example(datetime.fromtimestamp(at, UTC), *rest)
