"""Move routes: decide which go where, ask the gates, and let them go; say what moved, what stayed, and why.

It decides by `proxy.rollout`, and acts through three ports of the control plane: who makes moves, who measures, who
hands writes over. A promotion that a gate holds back changes nothing; a rollback asks no gate.
"""

import asyncio
from collections.abc import Sequence
from itertools import chain
from typing import Any, Final, Protocol

from proxy.config.model import Snapshot, Stage
from proxy.control.mover import FileMover
from proxy.control.overridden_file import OverriddenFile
from proxy.operations import gates
from proxy.operations.errors import Code, OperationError
from proxy.operations.move_result import Result
from proxy.operations.orders import Order, Scope, refuse_other_revision
from proxy.rollout.choice import Chosen, Left, NotThere, everything_out, of_group, one
from proxy.rollout.handover_plan import draw_circle
from proxy.rollout.moves import Way, kind_of, way
from proxy.rollout.ports import (
    Gatekeeper,
    HandoverOrder,
    Handovers,
    Move,
    Moved,
    MoveRefused,
    Position,
    Unfinished,
    Verb,
    position,
    reach,
)


class _Active(Protocol):
    @property
    def snapshot(self) -> Snapshot: ...


class MovingPlane(Protocol):
    """What serves: the control plane, or a file that no server serves."""

    @property
    def active(self) -> _Active: ...
    @property
    def file(self) -> OverriddenFile | None: ...
    @property
    def mover(self) -> FileMover | None: ...
    @property
    def gatekeeper(self) -> Gatekeeper | None: ...
    @property
    def handovers(self) -> Handovers | None: ...
    def close_left(self, routes: Sequence[str]) -> None: ...


class _Nobody:
    """Hands nothing over."""

    def moving(self) -> frozenset[str]:
        return frozenset()

    async def hand_over(self, order: HandoverOrder) -> Moved:
        names = ", ".join(route.name for route in order.routes)
        message = f"what {names} writes goes to {order.to} by a handover, and nobody here hands over"
        raise MoveRefused(message, "let strangler serve run, and try again")


NOBODY: Final = _Nobody()


async def move(plane: MovingPlane, order: Order) -> dict[str, Any]:
    """Raises OperationError: not met (with the gates in `data`), refused, or invalid; then nothing has changed.

    When some routes of several could not move back and others have, the answer says so: `refused`. What a handover has
    not moved yet, and goes on with by itself, is `goes_on`.
    """
    mover = plane.mover
    if mover is None:
        raise OperationError(Code.REFUSED, "this process moves no routes")
    await mover.catch_up()
    snapshot = plane.active.snapshot
    refuse_other_revision(snapshot, order.revision)
    result = Result(snapshot.revision)
    try:
        ways = _plan(plane, snapshot, order, result)
        await _ask_gates(plane, order, ways, result)
        alone = [each for each in ways if not each.by_handover]
        circles = _circles(snapshot, [each for each in ways if each.by_handover])
        if order.dry_run:
            await _preview(mover, order, [*alone, *chain(*circles)], result)
        elif alone:
            back = order.wish.verb is Verb.ROLLBACK
            moved = await mover.move([_move(each, order, result) for each in alone], from_anywhere=back)
            result.add(moved, alone)
    except MoveRefused as refused:
        raise _refusal(refused) from refused
    if not order.dry_run:
        await _hand_over(plane, order, circles, result)
        if order.now and result.ways:
            plane.close_left([each.route.name for each in result.ways])
    return result.as_json(order)


def _plan(plane: MovingPlane, snapshot: Snapshot, order: Order, result: Result) -> list[Way]:
    """What moves. A refusal is the answer, but where several come back: those that can do not wait for the others."""
    chosen = _chosen(snapshot, order)
    result.left += chosen.left
    resting, busy = _resting(plane), (plane.handovers or NOBODY).moving()
    ways: list[Way] = []
    for route in chosen.routes:
        try:
            _refuse_busy(route.name, busy)
            found = way(route, order.wish, snapshot, resting.get(route.name))
        except MoveRefused as refused:
            if chosen.alone or order.wish.verb is not Verb.ROLLBACK:
                raise MoveRefused(f'route "{route.name}": {refused.message}', refused.hint) from refused
            result.refused.append(_left(route.name, refused))
            continue
        if found.changes or order.respond:
            ways.append(found)
        else:
            result.left.append(Left(route.name, f"is at {found.after.stage} already"))
    return ways


def _refuse_busy(name: str, busy: frozenset[str]) -> None:
    if name in busy:
        raise MoveRefused("a handover of it is under way", "see how far it is: strangler status")


def _chosen(snapshot: Snapshot, order: Order) -> Chosen:
    match order.scope:
        case Scope.ROUTE:
            return one(snapshot, order.name)
        case Scope.GROUP:
            return of_group(snapshot, order.name, order.wish.verb)
        case Scope.ALL:
            return everything_out(snapshot)


def _resting(plane: MovingPlane) -> dict[str, Position]:
    """Where the file has each route."""
    said = plane.file.current if plane.file else None
    return {route.name: position(route) for route in said.snapshot.routes} if said else {}


async def _ask_gates(plane: MovingPlane, order: Order, ways: Sequence[Way], result: Result) -> None:
    """Raises OperationError (not met), with every gate that was asked, unless somebody insists."""
    asked = [each for each in ways if order.wish.verb is Verb.PROMOTE and is_gated(each)]
    if plane.gatekeeper is None:
        result.notes += ["no gate was asked: nothing measures here"] if asked else []
        return
    for each in asked:
        result.readings[each.route.name] = await plane.gatekeeper.read_gates(each.route)
    if order.wish.force or all(map(gates.all_pass, result.readings.values())):
        return
    held = [name for name, readings in result.readings.items() if not gates.all_pass(readings)]
    table = tuple(line for name in held for line in gates.lines(name, result.readings[name]))
    message = f"{', '.join(held)}: not every gate is met; nothing has changed (--force --because TEXT goes anyway)"
    raise OperationError(Code.NOT_MET, message, table, {"gates": result.gates()})


def is_gated(found: Way) -> bool:
    """Whether the service is to answer more users, of a route on which the two sides could be compared before."""
    if reach(found.after) <= reach(found.before) or found.after.stage not in (Stage.CANARY, Stage.CUTOVER):
        return False
    kind = kind_of(found.route)
    return kind == "reads" or (kind == "writes" and found.before.stage is Stage.SHADOW)


def _move(found: Way, order: Order, result: Result) -> Move:
    evidence = _evidence(found, order, result)
    return Move(
        found.route.name, order.wish.verb, found.before, found.after, order.who, order.because, evidence, order.respond
    )


def _evidence(found: Way, order: Order, result: Result) -> dict[str, Any]:
    readings = result.readings.get(found.route.name)
    evidence: dict[str, Any] = {} if readings is None else {"gates": [gates.as_json(each) for each in readings]}
    evidence |= {"forced": True} if order.wish.force else {}
    evidence |= {} if order.scope is Scope.ROUTE else {order.scope.value: order.name or "all"}
    return evidence


async def _preview(mover: FileMover, order: Order, ways: Sequence[Way], result: Result) -> None:
    if not ways:
        return
    alone = [each for each in ways if not each.by_handover]
    diff = await mover.preview([_move(each, order, result) for each in alone]) if alone else ""
    result.add(Moved(result.revision, diff), ways)
    for each in ways:
        if each.by_handover:
            back = "" if each.after.stage is Stage.CUTOVER else " --back"
            told = f"strangler handover {each.route.name} --route{back} --dry-run tells what moves with it"
            result.notes.append(f"{each.route.name}: by a handover; {told}")


def _circles(snapshot: Snapshot, ways: Sequence[Way]) -> list[list[Way]]:
    """The ways that one handover makes together, also those of routes that were not named and write the same."""
    found, left = [], list(ways)
    while left:
        to, circle = left[0].after.stage, draw_circle(snapshot.routes, [left[0].route])
        together = {left[0].route.name, *(route.name for route in circle.routes)}
        named = [each for each in left if each.route.name in together]
        left = [each for each in left if each.route.name not in together]
        others = [route for route in circle.to_follow(to) if route not in [each.route for each in named]]
        found.append([*named, *(Way(route, Position(to), by_handover=True) for route in others)])
    return found


async def _hand_over(plane: MovingPlane, order: Order, circles: Sequence[Sequence[Way]], result: Result) -> None:
    """All at once: none waits for another. Raises OperationError when each is refused and nothing else has come of it;
    otherwise refusals are a part of the answer."""
    refusals: dict[str, MoveRefused] = {}
    said = await asyncio.gather(*(_hand_over_together(plane, order, ways, result) for ways in circles))
    for ways, answer in zip(circles, said, strict=True):
        names = [each.route.name for each in ways]
        match answer:
            case Moved():
                result.add(answer, ways)
            case Unfinished():
                result.goes_on += [_left(name, answer) for name in names]
            case MoveRefused():
                refusals |= dict.fromkeys(names, answer)
    if refusals and not (result.ways or result.goes_on or result.refused):
        raise _refusal(*dict.fromkeys(refusals.values()))
    result.refused += [_left(name, refused) for name, refused in refusals.items()]


async def _hand_over_together(
    plane: MovingPlane, order: Order, ways: Sequence[Way], result: Result
) -> Moved | MoveRefused:
    routes, to = [each.route for each in ways], ways[0].after.stage
    evidence = {each.route.name: _evidence(each, order, result) for each in ways}
    try:
        handovers = plane.handovers or NOBODY
        return await handovers.hand_over(
            HandoverOrder(routes, to, order.who, order.because, force=order.wish.force, evidence=evidence)
        )
    except MoveRefused as refused:
        return refused


def _left(route: str, refused: MoveRefused) -> Left:
    return Left(route, _told(refused))


def _refusal(*refusals: MoveRefused) -> OperationError:
    code = Code.INVALID if isinstance(refusals[0], NotThere) else Code.REFUSED
    return OperationError(code, "; ".join(map(_told, refusals)))


def _told(refused: MoveRefused) -> str:
    return f"{refused.message} ({refused.hint})" if refused.hint else refused.message
