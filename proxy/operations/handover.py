"""Hand the writing of a route's, or a group's, entities over to the other side: what would move, and how it goes.

What is told of it are lines, each an object; the last one says how it ended. No token of an upstream is in them.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from dataclasses import asdict
from typing import Any, Final

from proxy.config.model import Route, Snapshot, Stage
from proxy.control.handover_checks import Plan
from proxy.control.handovers import Handovers, Running
from proxy.observability.metrics import Sample
from proxy.operations.errors import Code, OperationError
from proxy.operations.orders import name_caller, read_flag, read_reason, read_text, refuse_other_revision
from proxy.rollout.handover_plan import SIDES
from proxy.rollout.ports import HandoverOrder, MoveRefused

SIGN_OF_LIFE_SECONDS = 1.0


_KEYS: Final = frozenset({"back", "dry_run", "force", "despite_conflicts", "who", "because", "revision"})


def read_order(asked: Mapping[str, Any], kind: str, name: str, snapshot: Snapshot, caller: str) -> HandoverOrder:
    """`kind` is route or group; `caller` is who showed a token. Raises OperationError: invalid, or refused when
    `revision` is not the one that serves."""
    if unknown := sorted(asked.keys() - _KEYS):
        raise OperationError(Code.INVALID, f'a handover has no "{unknown[0][:40]}"')
    force = read_flag(asked, "force")
    order = HandoverOrder(
        find_routes(kind, name, snapshot),
        Stage.LEGACY if read_flag(asked, "back") else Stage.CUTOVER,
        dry_run=read_flag(asked, "dry_run"),
        force=force,
        despite_conflicts=read_flag(asked, "despite_conflicts"),
        who=name_caller(caller, read_text(asked, "who")),
        because=read_reason(asked, is_forced=force),
    )
    refuse_other_revision(snapshot, read_text(asked, "revision"))
    return order


def find_routes(kind: str, name: str, snapshot: Snapshot) -> tuple[Route, ...]:
    """Raises OperationError (invalid)."""
    found = tuple(each for each in snapshot.routes if name == (each.group if kind == "group" else each.name))
    if not found:
        raise OperationError(Code.INVALID, f'no {kind} is named "{name}"')
    return found


def handovers_of(handovers: Handovers | None) -> Handovers:
    """Raises OperationError (refused)."""
    if handovers is None:
        raise OperationError(Code.REFUSED, "nobody here hands over")
    return handovers


async def stream(handovers: Handovers, order: HandoverOrder, snapshot: Snapshot) -> AsyncGenerator[bytes]:
    """Lines of JSON: `plan`, then `step` and `waiting`, then `end`. Raises OperationError before the first one.

    Who stops reading does not stop it.
    """
    try:
        plan = await handovers.plan(order)
        yield _line("plan", describe_plan(plan, snapshot))
        if order.dry_run:
            yield _line("end", {"ending": "dry_run"})
            return
    except MoveRefused as refusal:
        raise OperationError(Code.REFUSED, refusal.message, (refusal.hint,) if refusal.hint else ()) from None
    try:
        running = await handovers.begin(order)
    except MoveRefused as refusal:
        yield _line("end", {"ending": "refused", "problem": refusal.message, "hint": refusal.hint})
        return
    async for line in _follow(running):
        yield line
    yield _line("end", describe_end(running))


async def _follow(running: Running) -> AsyncGenerator[bytes]:
    told = 0
    while True:
        running.news.clear()
        for each in running.lines[told:]:
            yield _line("step", each)
        told = len(running.lines)
        if running.over.is_set():
            return
        try:
            async with asyncio.timeout(SIGN_OF_LIFE_SECONDS):
                await running.news.wait()
        except TimeoutError:
            waiting_for = running.handing.waiting_for if running.handing else ""
            yield _line("waiting", {"state": running.record.state.value, "for": waiting_for})


def describe_plan(plan: Plan, snapshot: Snapshot) -> dict[str, Any]:
    """What moves, from whom to whom, how far behind that side is, and what going back would bring along."""
    settings = plan.circle.settings
    returns = [each.name for each in plan.circle.routes if each.moving.writes and each.moving.writes.point_of_no_return]
    moved = {each.name for each in plan.circle.routes}
    groups = {each.group for each in plan.circle.routes if each.group}
    return {
        "to": plan.to.value,
        "side": SIDES[plan.to],
        "routes": sorted(moved),
        "stay": [each.name for each in snapshot.routes if each.group in groups and each.name not in moved],
        "entities": {name: {**one.as_json(), "lag_now": plan.lag[name]} for name, one in plan.entities.items()},
        "epoch": plan.epoch,
        "written_since_cutover": dict(plan.since_cutover),
        "point_of_no_return": returns,
        "hold_timeout_seconds": settings.hold_timeout.total_seconds(),
        "drain_timeout_seconds": settings.drain_timeout.total_seconds(),
    }


def describe_end(running: Running) -> dict[str, Any]:
    record, handing = running.record, running.handing
    assert handing is not None
    held = {key: value for key, value in asdict(handing.held).items() if key != "under_way"}
    return {
        "ending": "failed" if running.failure else record.ending.value,
        "problem": running.failure or record.problem,
        "epoch": record.epoch,
        "entities": list(record.entities),
        "routes": list(record.routes),
        "revision": handing.moved.revision if handing.moved else None,
        "override": handing.moved.override if handing.moved else False,
        "held": held,
        "seconds": round(running.seconds, 3),
    }


async def ownership(handovers: Handovers) -> dict[str, Any]:
    """Who writes what, and the handovers under way. `problem` where a side could not be asked."""
    try:
        entities, problem = await handovers.look(), None
    except MoveRefused as refusal:
        entities, problem = {}, refusal.message
    since = handovers.since_cutover(entities)
    return {
        "entities": {
            name: {**one.as_json(), "written_since_cutover": since.get(name)} for name, one in entities.items()
        },
        "running": [_describe_running(each) for each in handovers.under_way()],
        "problem": problem,
    }


def _describe_running(running: Running) -> dict[str, Any]:
    record, handing = running.record, running.handing
    return {**record.as_json(), "waiting_for": handing.waiting_for if handing else "", "lines": running.lines[-20:]}


def samples(handovers: Handovers | None) -> list[Sample]:
    """Metrics."""
    if handovers is None:
        return []
    ended = [
        Sample("strangler_handovers_total", n, (("ending", ending.value), ("to", to)))
        for (to, ending), n in handovers.endings.items()
    ]
    return [*ended, Sample("strangler_handovers_running", len(handovers.under_way()))]


def _line(event: str, facts: Mapping[str, Any]) -> bytes:
    return json.dumps({"event": event, **facts}).encode() + b"\n"
