"""What the comparisons of each route came to: its verdict, and the fields in which the two sides differ.

Reads the state store's file and changes nothing, so it answers beside a running server and after its end alike.
"""

import shlex
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from proxy.comparison.difference import Kind
from proxy.comparison.noise import Reading
from proxy.comparison.recall import Example, RouteCount, counts_of, recall
from proxy.comparison.standing import WINDOW
from proxy.comparison.state_file import Damaged, LaterVersion, state_path
from proxy.comparison.tally import DIFFERING, OTHERS, UNDECIDED, rules_name
from proxy.comparison.verdict import JudgedField, judge
from proxy.config.errors import did_you_mean
from proxy.config.model import Route, Snapshot, Stage
from proxy.config.refused import Refused
from proxy.config.values import duration, whole
from proxy.operations.errors import Code, OperationError
from proxy.routing.mirror import is_mirrored

DEFAULT_SINCE: Final = WINDOW
DEFAULT_LIMIT: Final = 20
MAX_LIMIT: Final = 500

_NEVER_IGNORED: Final = frozenset({Kind.STATUS, Kind.AUTHORISATION})


@dataclass(frozen=True, slots=True)
class Question:
    """Which route (None: all that are mirrored), how far back, and how many fields of each."""

    route: str | None = None
    since: timedelta = DEFAULT_SINCE
    limit: int = DEFAULT_LIMIT


def read_question(given: Mapping[str, str]) -> Question:
    """From the parameters of a query: route, since (24h), limit. Raises OperationError."""
    try:
        since = duration(timedelta(minutes=1))(given["since"]) if "since" in given else DEFAULT_SINCE
        limit = whole(1, MAX_LIMIT)(given["limit"]) if "limit" in given else DEFAULT_LIMIT
    except Refused as refused:
        raise OperationError(Code.INVALID, refused.message) from refused
    return Question(given.get("route"), since, limit)


def mismatches(snapshot: Snapshot, question: Question, now: datetime) -> dict[str, Any]:
    """The verdict on each route that is asked for. Raises OperationError."""
    return {
        "revision": snapshot.revision,
        "since": _time(now - question.since),
        "routes": [_route(each, snapshot, now, question) for each in _asked(snapshot, question.route)],
    }


def _asked(snapshot: Snapshot, name: str | None) -> list[Route]:
    if name is None:
        return [route for route in snapshot.routes if is_mirrored(route)]
    found = [route for route in snapshot.routes if route.name == name]
    if not found:
        near = did_you_mean(name, [route.name for route in snapshot.routes])
        raise OperationError(Code.INVALID, f"no route is named {name}" + (f": {near}" if near else ""))
    return found


def _route(route: Route, snapshot: Snapshot, now: datetime, question: Question) -> dict[str, Any]:
    counts = _recall(snapshot, route, now, question.since)
    found = judge(counts_of(counts))
    examples = {(one.kind, one.path): one.example for one in counts.fields}
    legacy_first = route.stage is not Stage.CUTOVER
    return {
        "route": route.name,
        "stage": route.stage.value,
        "mirrored": is_mirrored(route),
        "primary": snapshot.legacy if legacy_first else route.to,
        "candidate": route.to if legacy_first else snapshot.legacy,
        "verdict": found.verdict.value,
        "reason": found.reason,
        "counted_since": counts.first and _time(counts.first),
        "compared": found.compared,
        "differing": counts.outcomes.get(DIFFERING, 0),
        "again": found.again,
        "undecided": _undecided(counts.outcomes),
        "groups": [
            _group(route, field, examples.get((field.kind, field.path))) for field in found.fields[: question.limit]
        ],
        "more_groups": max(0, len(found.fields) - question.limit),
    }


def _recall(snapshot: Snapshot, route: Route, now: datetime, since: timedelta) -> RouteCount:
    path: Path = state_path(snapshot.state_dir)
    try:
        return recall(path, route.name, rules_name(route, now.date()), now - since)
    except FileNotFoundError:  # nothing was compared yet
        return RouteCount({}, ())
    except (Damaged, LaterVersion, sqlite3.Error, OSError) as error:
        raise OperationError(Code.REFUSED, f"{path} cannot be read: {error}") from error


def _undecided(outcomes: Mapping[str, int]) -> dict[str, int]:
    """How many pairs could not be judged, by reason."""
    return {name.removeprefix(UNDECIDED): n for name, n in sorted(outcomes.items()) if name.startswith(UNDECIDED)}


def _group(route: Route, field: JudgedField, example: Example | None) -> dict[str, Any]:
    return {
        "path": field.path,
        "kind": field.kind.value,
        "reading": field.reading.value,
        "count": field.raw.count,
        "share": round(field.raw.share, 6),
        "bounds": [round(field.raw.low, 6), round(field.raw.high, 6)],
        "noise_count": field.noise.count,
        "noise_share": round(field.noise.share, 6),
        "excess_bounds": [round(field.low, 6), round(field.high, 6)],
        "example": _example(example) if example else None,
        "ignore": _ignore(route, field),
    }


def _example(example: Example) -> dict[str, Any]:
    return {
        "at": _time(example.at),
        "request": example.request,
        "place": example.place,
        "left": example.left,
        "right": example.right,
    }


def _ignore(route: Route, field: JudgedField) -> str | None:
    """The command that makes a field not count; None where it does not count anyway, or always must."""
    if field.reading is Reading.NOISE or field.kind in _NEVER_IGNORED or field.path == OTHERS:
        return None
    return f"strangler ignore {shlex.quote(route.name)} {shlex.quote(field.path)} --because …"


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
