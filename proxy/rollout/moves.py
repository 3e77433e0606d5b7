"""Where a route goes when it is told to move: a table by verb, and for every refusal its reason and what to do.

Pure. Gates are not asked here, and no text is edited; `choice` says which routes of a group are told at all.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from proxy.config.assemble_moving import FIRST_WEIGHT
from proxy.config.model import Route, Snapshot, Stage
from proxy.config.values import format_share
from proxy.rollout.ports import MoveRefused, Position, Verb, position, reach

_NEXT: Final = {
    "reads": {Stage.LEGACY: Stage.SHADOW, Stage.SHADOW: Stage.CANARY, Stage.CANARY: Stage.CUTOVER},
    "writes": {Stage.LEGACY: Stage.CUTOVER, Stage.SHADOW: Stage.CUTOVER},
    "aggregate": {Stage.LEGACY: Stage.CUTOVER},
}
"""What promote means, by what a route is: from where to where."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants of a route. `weight` (0..1) means canary. `force`: a person insists."""

    verb: Verb
    to: Stage | None = None
    weight: float | None = None
    force: bool = False


@dataclass(frozen=True, slots=True)
class Way:
    """One route's way. `by_handover`: the writing of its entities moves with it."""

    route: Route
    after: Position
    by_handover: bool = False
    note: str = ""

    @property
    def before(self) -> Position:
        return position(self.route)

    @property
    def changes(self) -> bool:
        return self.before != self.after


def kind_of(route: Route) -> str:
    """reads, writes or aggregate: which stages there are for it."""
    if route.aggregate:
        return "aggregate"
    return "reads" if route.moving.writes is None else "writes"


def way(route: Route, wish: Wish, snapshot: Snapshot, resting: Position | None = None) -> Way:
    """What `wish` means for `route`. Raises MoveRefused.

    `resting` is where the file has the route, when that is not where it stands (an override): resume goes there.
    """
    after = _AIMS[wish.verb](route, wish, resting)
    _check_stage(route, after.stage)
    found = Way(route, after)
    return _with_writes(found, wish, snapshot) if kind_of(route) == "writes" and found.changes else found


def _promote(route: Route, wish: Wish, _resting: Position | None) -> Position:
    here = position(route)
    if wish.to is Stage.RETIRED:
        raise MoveRefused("a route is not promoted to retired", f"strangler retire {route.name}")
    if wish.weight is not None and wish.to not in (None, Stage.CANARY):
        raise MoveRefused(f"only a canary has a weight, {wish.to} has none", "leave out --to, or --weight")
    stage = wish.to or (Stage.CANARY if wish.weight is not None else _next_stage(route, here))
    if stage is here.stage and stage is not Stage.CANARY:
        return here
    after = Position(stage, _raised(route, here, wish) if stage is Stage.CANARY else None, here.paused)
    if reach(after) < reach(here):
        option = f"--to {stage}" if wish.weight is None else f"--weight {format_share(wish.weight)}"
        raise MoveRefused(f"{told(after)} lies behind {told(here)}", f"strangler rollback {route.name} {option}")
    return after


def _next_stage(route: Route, here: Position) -> Stage:
    if here.stage is Stage.CANARY and _next_weight(route) is not None:
        return Stage.CANARY
    following = _NEXT[kind_of(route)].get(here.stage)
    if following is None:
        hint = f"strangler retire {route.name}" if here.stage is Stage.CUTOVER else f"strangler rollback {route.name}"
        raise MoveRefused(f"nothing comes after {here.stage} by a promotion", hint)
    return following


def _raised(route: Route, here: Position, wish: Wish) -> float:
    """The share of users that canary begins with, or the next one."""
    if wish.weight is not None:
        return wish.weight
    if here.stage is not Stage.CANARY:
        return first_weight(route)
    following = _next_weight(route)
    if following is None:
        hint = f"strangler promote {route.name}, for cutover, or with --weight N%"
        raise MoveRefused(f"no step of the canary is above {told(here)}", hint)
    return following


def first_weight(route: Route) -> float:
    """Where a canary begins: at its first step, also when an earlier rollout has left a larger weight in the file."""
    canary = route.moving.canary
    if canary is None:
        return FIRST_WEIGHT
    return min((canary.weight, *canary.steps[:1]))


def _next_weight(route: Route) -> float | None:
    canary = route.moving.canary
    return next((each for each in canary.steps if each > canary.weight), None) if canary else None


def _shadow(route: Route, _wish: Wish, _resting: Position | None) -> Position:
    return Position(Stage.SHADOW, None, position(route).paused)


def _pause(route: Route, _wish: Wish, _resting: Position | None) -> Position:
    here = position(route)
    if route.moving.canary is None or here.stage in (Stage.CUTOVER, Stage.RETIRED):
        raise MoveRefused(f"nothing moves a route at {here.stage} by itself", "only a canary's rollout is paused")
    return replace(here, paused=True)


def _resume(route: Route, _wish: Wish, resting: Position | None) -> Position:
    return replace(resting or position(route), paused=False)


def _rollback(route: Route, wish: Wish, _resting: Position | None) -> Position:
    here = position(route)
    if here.stage is Stage.RETIRED and kind_of(route) == "writes" and wish.to is None:
        hint = "say with --to where its entities are written now: legacy or cutover"
        raise MoveRefused("a retired route says not who writes", hint)
    stage = wish.to or (Stage.LEGACY if wish.weight is None else Stage.CANARY)
    if stage is Stage.CANARY:
        canary = route.moving.canary
        weight = wish.weight if wish.weight is not None else canary.weight if canary else FIRST_WEIGHT
        after = Position(stage, weight, here.paused)
    else:
        after = Position(stage, None, here.paused)
    if reach(after) > reach(here):
        raise MoveRefused(f"{told(after)} lies ahead of {told(here)}", f"strangler promote {route.name} --to {stage}")
    return after


def _retire(route: Route, _wish: Wish, _resting: Position | None) -> Position:
    here = position(route)
    if here.stage in (Stage.SHADOW, Stage.CANARY):
        hint = f"strangler promote {route.name} --to cutover, or strangler rollback {route.name}, first"
        raise MoveRefused(f"a route at {here.stage} is on its way, and is not retired", hint)
    return Position(Stage.RETIRED, None, here.paused)


_AIMS: Final[dict[Verb, Callable[[Route, Wish, Position | None], Position]]] = {
    Verb.PROMOTE: _promote,
    Verb.SHADOW: _shadow,
    Verb.PAUSE: _pause,
    Verb.RESUME: _resume,
    Verb.ROLLBACK: _rollback,
    Verb.RETIRE: _retire,
}


def _check_stage(route: Route, stage: Stage) -> None:
    """Whether there is such a stage for such a route."""
    kind = kind_of(route)
    if kind == "aggregate" and stage not in (Stage.LEGACY, Stage.CUTOVER):
        raise MoveRefused(f"a composed answer has no stage {stage}", "it is at legacy or at cutover")
    if kind == "writes" and stage is Stage.CANARY:
        hint = f"strangler promote {route.name} --to cutover hands its writes over"
        raise MoveRefused("a route that writes has no canary: two sides would write", hint)
    if kind != "aggregate" and route.to is None and stage in (Stage.SHADOW, Stage.CANARY, Stage.CUTOVER):
        raise MoveRefused(
            'it has no service to go to: it lacks "to"', f'give route "{route.name}" its "to" in the file'
        )


def _with_writes(found: Way, wish: Wish, snapshot: Snapshot) -> Way:
    """The way of a route that writes: when the side that answers changes, the writing must go along."""
    before, after = found.before.stage, found.after.stage
    crosses = (before is Stage.CUTOVER) is not (after is Stage.CUTOVER)
    if not crosses or Stage.RETIRED in (before, after):
        return found
    if after is Stage.SHADOW:
        raise MoveRefused("what the service writes goes back to the monolith first", "strangler rollback, then shadow")
    if after is Stage.LEGACY:
        _check_return(found.route, wish)
    if _can_hand_over(found.route, snapshot):
        return replace(found, by_handover=True)
    if not wish.force:
        hint = "give both upstreams `sync`; --force moves the route alone, and nobody tells the two sides who owns"
        raise MoveRefused("its writes cannot be handed over: one of the upstreams has no `sync`", hint)
    note = "the route moved alone: who owns its entities was told to nobody, and what one side wrote the other lacks"
    return replace(found, note=note)


def _check_return(route: Route, wish: Wish) -> None:
    writes = route.moving.writes
    if writes is None or not writes.point_of_no_return or wish.force:
        return
    hint = (
        "what remains: mend the service and stay at cutover; or, with --force --because TEXT, hand the writing of "
        f"{', '.join(writes.entities)} back, as far as the monolith can take what was written since"
    )
    raise MoveRefused("it is past its point of no return", hint)


def _can_hand_over(route: Route, snapshot: Snapshot) -> bool:
    service = snapshot.upstreams.get(route.to or "")
    return service is not None and service.sync is not None and snapshot.upstreams[snapshot.legacy].sync is not None


def told(place: Position) -> str:
    """A position for people: canary 5%, paused."""
    weight = "" if place.weight is None else f" {format_share(place.weight)}"
    return f"{place.stage}{weight}{', paused' if place.paused else ''}"
