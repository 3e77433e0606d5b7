"""Moves as edits of routes.yaml: the values that say where a route stands, each in its place, and nothing beside.

Pure: text in, text out. Where a text cannot be edited so, it raises EditRefused and leaves that to the caller.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from proxy.config.edit import BYTE_ORDER_MARK, Single, route_locations, set_scalars
from proxy.config.model import Stage
from proxy.config.nodes import Location
from proxy.config.values import format_share
from proxy.rollout.ports import Position

RESPOND_KEYS: Final = ("status", "see", "deprecated", "sunset")


@dataclass(frozen=True, slots=True)
class Change:
    """`before` is where the file has the route. `respond` is what a retired one says besides."""

    route: str
    before: Position
    after: Position
    respond: Mapping[str, Single] = field(default_factory=dict)


def edit_routes(text: str, changes: Iterable[Change]) -> str:
    """`text` with every route where it is to be. Raises EditRefused, or ConfigError for what is no YAML.

    Values of different routes are set together, those of one route one after the other: a text is read twice for
    each round, and a rollback of everything should not take as many rounds as there are routes.
    """
    waiting = [(change.route, _values(change)) for change in changes]
    while waiting := [(route, values) for route, values in waiting if values]:
        locations = route_locations(text, [route for route, _ in waiting])
        now = [
            ((*location, *values[0][0]), values[0][1]) for location, (_, values) in zip(locations, waiting, strict=True)
        ]
        text = set_scalars(text, now)
        waiting = [(route, values[1:]) for route, values in waiting]
    return text


def _values(change: Change) -> list[tuple[Location, Single]]:
    before, after = change.before, change.after
    values: list[tuple[Location, Single]] = []
    if after.stage is not before.stage:
        values.append((("stage",), after.stage.value))
    if after.stage is Stage.CANARY and after.weight is not None and after.weight != before.weight:
        values.append((("canary", "weight"), format_share(after.weight)))
    if after.paused is not before.paused:
        values.append((("canary", "paused"), after.paused))
    return values + [(("respond", key), change.respond[key]) for key in RESPOND_KEYS if key in change.respond]


def unified(before: str, after: str, name: str) -> str:
    """What changed, with a line of context; empty when nothing did."""
    old, new = (text.removeprefix(BYTE_ORDER_MARK).splitlines() for text in (before, after))
    return "\n".join(difflib.unified_diff(old, new, name, name, n=1, lineterm=""))
