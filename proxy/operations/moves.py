"""Move routes: decide which go where, ask the gates, and let them go; say what moved, what stayed, and why.

It decides by `proxy.rollout`, and acts through three ports of the control plane: who makes moves, who measures, who
hands writes over. A promotion that a gate holds back changes nothing; a rollback asks no gate.
"""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Final, Protocol

from proxy.config.model import Route, Snapshot, Stage
from proxy.control.mover import FileMover
from proxy.control.overridden_file import OverriddenFile
from proxy.operations import gates
from proxy.operations.errors import Code, OperationError
from proxy.operations.move_result import Result
from proxy.operations.orders import Order, Scope, refuse_other_revision
from proxy.rollout.choice import Chosen, Left, NotThere, everything_out, of_group, one
from proxy.rollout.handover_plan import draw_circle
from proxy.rollout.moves import Step, kind_of, step
from proxy.rollout.ports import (
    NOTHING,
    Gatekeeper,
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


class _Nobody:
    """Hands nothing over."""

    def moving(self) -> frozenset[str]:
        return frozenset()

    async def hand_over(
        self,
        routes: Sequence[Route],
        to: Stage,
        who: str,
        because: str,
        *,
        force: bool = False,
        evidence: Mapping[str, Mapping[str, Any]] = NOTHING,
    ) -> Moved:
        names = ", ".join(route.name for route in routes)
        message = f"what {names} writes goes to {to} by a handover, and nobody here hands over"
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
        steps = _plan(plane, snapshot, order, result)
        await _ask_gates(plane, order, steps, result)
        alone = [each for each in steps if not each.by_handover]
        circles = _circles(snapshot, [each for each in steps if each.by_handover])
        if order.dry_run:
            await _preview(mover, order, [*alone, *chain(*circles)], result)
        elif alone:
            result.add(await mover.move([_move(each, order, result) for each in alone]), alone)
    except MoveRefused as refused:
        raise _refusal(refused) from refused
    if not order.dry_run:
        await _hand_over(plane, order, circles, result)
    return result.as_json(order)


def _plan(plane: MovingPlane, snapshot: Snapshot, order: Order, result: Result) -> list[Step]:
    """What moves. A refusal is the answer, but where several come back: those that can do not wait for the others."""
    chosen = _chosen(snapshot, order)
    result.left += chosen.left
    resting, busy = _resting(plane), (plane.handovers or NOBODY).moving()
    steps: list[Step] = []
    for route in chosen.routes:
        try:
            _refuse_busy(route.name, busy)
            found = step(route, order.wish, snapshot, resting.get(route.name))
        except MoveRefused as refused:
            if chosen.alone or order.wish.verb is not Verb.ROLLBACK:
                raise MoveRefused(f'route "{route.name}": {refused.message}', refused.hint) from refused
            result.refused.append(_left(route.name, refused))
            continue
        if found.changes or order.respond:
            steps.append(found)
        else:
            result.left.append(Left(route.name, f"is at {found.after.stage} already"))
    return steps


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


async def _ask_gates(plane: MovingPlane, order: Order, steps: Sequence[Step], result: Result) -> None:
    """Raises OperationError (not met), with every gate that was asked, unless somebody insists."""
    asked = [each for each in steps if order.wish.verb is Verb.PROMOTE and is_gated(each)]
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


def is_gated(found: Step) -> bool:
    """Whether the service is to answer more users, of a route on which the two sides could be compared before."""
    if reach(found.after) <= reach(found.before) or found.after.stage not in (Stage.CANARY, Stage.CUTOVER):
        return False
    kind = kind_of(found.route)
    return kind == "reads" or (kind == "writes" and found.before.stage is Stage.SHADOW)


def _move(found: Step, order: Order, result: Result) -> Move:
    evidence = _evidence(found, order, result)
    return Move(
        found.route.name, order.wish.verb, found.before, found.after, order.who, order.because, evidence, order.respond
    )


def _evidence(found: Step, order: Order, result: Result) -> dict[str, Any]:
    readings = result.readings.get(found.route.name)
    evidence: dict[str, Any] = {} if readings is None else {"gates": [gates.as_json(each) for each in readings]}
    evidence |= {"forced": True} if order.wish.force else {}
    evidence |= {} if order.scope is Scope.ROUTE else {order.scope.value: order.name or "all"}
    return evidence


async def _preview(mover: FileMover, order: Order, steps: Sequence[Step], result: Result) -> None:
    if not steps:
        return
    diff = await mover.preview([_move(each, order, result) for each in steps])
    result.add(Moved(result.revision, diff), steps)
    by_handover = [each.route.name for each in steps if each.by_handover]
    result.notes += [f"{', '.join(by_handover)}: by a handover of what is written"] if by_handover else []


def _circles(snapshot: Snapshot, steps: Sequence[Step]) -> list[list[Step]]:
    """The steps that one handover makes together, also those of routes that were not named and write the same."""
    found, left = [], list(steps)
    while left:
        to, circle = left[0].after.stage, draw_circle(snapshot.routes, [left[0].route])
        together = {left[0].route.name, *(route.name for route in circle.routes)}
        named = [each for each in left if each.route.name in together]
        left = [each for each in left if each.route.name not in together]
        others = [route for route in circle.to_follow(to) if route not in [each.route for each in named]]
        found.append([*named, *(Step(route, Position(to), by_handover=True) for route in others)])
    return found


async def _hand_over(plane: MovingPlane, order: Order, circles: Sequence[Sequence[Step]], result: Result) -> None:
    """All at once: none waits for another. Raises OperationError when each is refused and nothing else has come of it;
    otherwise refusals are a part of the answer."""
    refusals: dict[str, MoveRefused] = {}
    said = await asyncio.gather(*(_hand_over_together(plane, order, steps, result) for steps in circles))
    for steps, answer in zip(circles, said, strict=True):
        names = [each.route.name for each in steps]
        match answer:
            case Moved():
                result.add(answer, steps)
            case Unfinished():
                result.goes_on += [_left(name, answer) for name in names]
            case MoveRefused():
                refusals |= dict.fromkeys(names, answer)
    if refusals and not (result.steps or result.goes_on or result.refused):
        raise _refusal(*dict.fromkeys(refusals.values()))
    result.refused += [_left(name, refused) for name, refused in refusals.items()]


async def _hand_over_together(
    plane: MovingPlane, order: Order, steps: Sequence[Step], result: Result
) -> Moved | MoveRefused:
    routes, to = [each.route for each in steps], steps[0].after.stage
    evidence = {each.route.name: _evidence(each, order, result) for each in steps}
    try:
        handovers = plane.handovers or NOBODY
        return await handovers.hand_over(
            routes, to, order.who, order.because, force=order.wish.force, evidence=evidence
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
