"""Moves that hold beside the file, because it cannot be written: where a route stands instead of where the file says.

Pure. An override ends when its route's text in the file changes: then the file has the last word again.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from proxy.config.compare import DEFAULT_SHADOW
from proxy.config.edit import EditRefused, route_texts
from proxy.config.errors import ConfigError
from proxy.config.model import Route, Snapshot, Stage
from proxy.config.moving import Canary
from proxy.rollout.moves import told
from proxy.rollout.ports import Position, position

_MARK: Final = "+"  # between a file's revision and what tells one set of overrides from another


@dataclass(frozen=True, slots=True)
class Override:
    """`base` is the hash of the route's text beside which it holds; empty: of whatever text comes first.

    Where no text was known, it is where the route stood (`place_base`): it holds beside any text that says so.
    """

    route: str
    after: Position
    base: str
    at: str  # UTC, ISO 8601
    who: str
    because: str


def apply(snapshot: Snapshot, overrides: Sequence[Override]) -> Snapshot:
    """`snapshot` with its routes where the overrides have them, under a revision of its own."""
    by_name = {each.route: each for each in overrides}
    routes = tuple(
        _moved(route, by_name[route.name].after) if route.name in by_name else route for route in snapshot.routes
    )
    file_revision = snapshot.revision.partition(_MARK)[0]
    if not overrides:
        return replace(snapshot, revision=file_revision)
    said = json.dumps([[each.route, asdict(each.after)] for each in sorted(overrides, key=lambda one: one.route)])
    mark = hashlib.sha256(said.encode()).hexdigest()[:6]
    return replace(snapshot, routes=routes, revision=f"{file_revision}{_MARK}{mark}")


def _moved(route: Route, after: Position) -> Route:
    """As the file would make it with the same stage: with the settings that come with one."""
    canary = route.moving.canary
    if after.stage is Stage.CANARY or after.paused or canary is not None:
        known = canary or Canary()
        canary = replace(known, paused=after.paused, weight=known.weight if after.weight is None else after.weight)
    shadow, copies = route.shadow, after.stage in (Stage.SHADOW, Stage.CANARY)
    if copies and shadow is None:
        shadow = DEFAULT_SHADOW
    elif not copies and shadow == DEFAULT_SHADOW:
        shadow = None
    return replace(route, stage=after.stage, shadow=shadow, moving=replace(route.moving, canary=canary))


def bases(text: str) -> dict[str, str]:
    """By route, the hash of its text; nothing of a text that cannot be read."""
    try:
        return {name: hashlib.sha256(said.encode()).hexdigest()[:16] for name, said in route_texts(text).items()}
    except (EditRefused, ConfigError):
        return {}


def place_base(place: Position) -> str:
    """The base of an override that was made while nobody knew the text."""
    return f"at {told(place)}"


def sort_out(overrides: Iterable[Override], text: str, snapshot: Snapshot) -> tuple[list[Override], list[Override]]:
    """Those that hold beside this text of the file, and those that have ended. `snapshot` is what the text says."""
    resting = {route.name: position(route) for route in snapshot.routes}
    found = bases(text)
    kept: list[Override] = []
    ended: list[Override] = []
    for each in overrides:
        base = found.get(each.route, "")
        here = resting.get(each.route)
        holds = here is not None and here != each.after and each.base in ("", base, place_base(here))
        (kept if holds else ended).append(replace(each, base=base) if holds else each)
    return kept, ended


def encode(overrides: Sequence[Override]) -> bytes:
    return json.dumps({"version": 1, "overrides": [asdict(each) for each in overrides]}, indent=1).encode()


def decode(data: bytes) -> list[Override]:
    """Raises ValueError for anything else than what `encode` gives."""
    try:
        found: Mapping[str, Any] = json.loads(data)
        if found["version"] != 1:
            raise ValueError("another version")
        return [_decoded(each) for each in found["overrides"]]
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not a list of overrides: {error!r}") from error


def _decoded(given: Mapping[str, Any]) -> Override:
    after = given["after"]
    weight = after["weight"]
    place = Position(Stage(after["stage"]), None if weight is None else float(weight), bool(after["paused"]))
    return Override(
        str(given["route"]), place, str(given["base"]), str(given["at"]), str(given["who"]), str(given["because"])
    )
