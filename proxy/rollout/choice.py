"""Which routes of a group, or of the whole file, one word moves; and why the others stay.

A group's routes may stand at different stages. What stands at the same one moves together: the least advanced go
forward, so that none is left behind; the most advanced come back, so that none stays out alone. Routes that write
go last: the service must have answered reads before it owns what they show.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from proxy.config.errors import did_you_mean
from proxy.config.model import Route, Snapshot, Stage
from proxy.rollout.moves import told
from proxy.rollout.ports import MoveRefused, Verb, position, reach


class NotThere(MoveRefused):
    """No route, or no group, has that name."""


@dataclass(frozen=True, slots=True)
class Left:
    """A route that does not move, and why."""

    route: str
    why: str


@dataclass(frozen=True, slots=True)
class Chosen:
    """Who moves. `alone`: one was named, so that a refusal is the answer and not a line of it."""

    routes: tuple[Route, ...]
    left: tuple[Left, ...] = ()
    alone: bool = False


def one(snapshot: Snapshot, name: str) -> Chosen:
    """The route of that name. Raises NotThere."""
    found = [route for route in snapshot.routes if route.name == name]
    if not found:
        known = [route.name for route in snapshot.routes]
        raise NotThere(f'no route is named "{name}"', did_you_mean(name, known) or "strangler routes lists them")
    return Chosen((found[0],), alone=True)


def of_group(snapshot: Snapshot, group: str, verb: Verb) -> Chosen:
    """Those of the group that stand at one stage. Raises NotThere, or MoveRefused when none of them can move."""
    routes = [route for route in snapshot.routes if route.group == group]
    if not routes:
        known = [route.group for route in snapshot.routes if route.group]
        raise NotThere(f'no route is of group "{group}"', did_you_mean(group, known) or "a route names its `group`")
    moving = _CHOICES[verb](routes)
    if not moving:
        places = ", ".join(f"{route.name} at {told(position(route))}" for route in routes)
        raise MoveRefused(f"{verb} moves no route of the group: {places}")
    left = [Left(route.name, _why(route)) for route in routes if route not in moving]
    return Chosen(tuple(moving), tuple(left))


def everything_out(snapshot: Snapshot) -> Chosen:
    """Every route that is not with the monolith, nor retired; but for composed answers, which it has not got."""
    out = [route for route in snapshot.routes if route.stage not in (Stage.LEGACY, Stage.RETIRED)]
    composed = [
        Left(route.name, "is composed of services' answers: the monolith has none") for route in out if route.aggregate
    ]
    return Chosen(tuple(route for route in out if not route.aggregate), tuple(composed))


def _forward(routes: Sequence[Route]) -> list[Route]:
    on_the_way = [route for route in routes if route.stage not in (Stage.CUTOVER, Stage.RETIRED)]
    readers = [route for route in on_the_way if route.moving.writes is None]
    moving = readers or on_the_way
    least = min((reach(position(route)) for route in moving), default=None)
    return [route for route in moving if reach(position(route)) == least]


def _back(routes: Sequence[Route]) -> list[Route]:
    out = [route for route in routes if route.stage not in (Stage.LEGACY, Stage.RETIRED)]
    most = max((reach(position(route))[0] for route in out), default=None)
    return [route for route in out if reach(position(route))[0] == most]


def _at(*stages: Stage) -> Callable[[Sequence[Route]], list[Route]]:
    return lambda routes: [route for route in routes if route.stage in stages]


def _to_be_shadowed(routes: Sequence[Route]) -> list[Route]:
    return [route for route in _at(Stage.LEGACY)(routes) if route.moving.writes is None and not route.aggregate]


def _stopped(routes: Sequence[Route]) -> list[Route]:
    return [route for route in routes if route.moving.canary is not None and route.moving.canary.paused]


_CHOICES: Final[dict[Verb, Callable[[Sequence[Route]], list[Route]]]] = {
    Verb.PROMOTE: _forward,
    Verb.SHADOW: _to_be_shadowed,
    Verb.PAUSE: _at(Stage.CANARY),
    Verb.RESUME: _stopped,
    Verb.ROLLBACK: _back,
    Verb.RETIRE: _at(Stage.CUTOVER),
}


def _why(route: Route) -> str:
    place = f"stands at {told(position(route))}"
    return f"{place}, and writes: moves by itself, or last" if route.moving.writes else place
