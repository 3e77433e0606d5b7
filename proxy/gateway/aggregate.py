"""Composed answers: the parts of an aggregate route, asked in parallel, each with its own time.

Parts go the way of every request to their upstreams: the same pools, tries, breakers and bulkheads. A required part
that fails ends the others at once, and so does a client that leaves: `compose_parts` is cancelled then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache

from proxy.config.policy import AggregatePart
from proxy.forwarding.exchange import Exchange
from proxy.forwarding.plan import Active, Plan
from proxy.forwarding.transport import ExchangeTransport, TransportError, outcome_of
from proxy.gateway.composition import Result, compose_answer, refuse
from proxy.gateway.fields import part_fields
from proxy.gateway.part import MAX_BYTES, Failure, PartAnswer, failed, judge
from proxy.routing.composition import compile_target
from proxy.wire.path import BadTarget, normalise
from proxy.wire.problem import LocalAnswer, problem

_compile_target = lru_cache(maxsize=4096)(compile_target)


async def compose_parts(exchange: Exchange) -> LocalAnswer:
    """The answer to a request whose plan has `aggregate`."""
    parts, request_id = exchange.plan.aggregate, exchange.request_id.decode("ascii")
    try:
        targets = [_target(exchange, part) for part in parts]
    except BadTarget as error:
        return problem(400, "bad_request", request_id, str(error))
    fields = part_fields(exchange)
    asking = [
        asyncio.create_task(_ask(exchange, part, target, fields)) for part, target in zip(parts, targets, strict=True)
    ]
    try:
        decisive = await _first_failure(parts, asking)
    finally:
        for task in asking:
            task.cancel()
    if decisive is not None:
        return refuse(*decisive, request_id)
    return compose_answer(parts, [task.result() for task in asking], request_id)


async def _first_failure(
    parts: Sequence[AggregatePart], asking: Sequence[asyncio.Task[Result]]
) -> tuple[str, Failure] | None:
    """Wait for all parts, or for the first required one that fails: its name, and how."""
    waiting: Iterable[asyncio.Task[Result]] = asking
    while waiting:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for part, task in zip(parts, asking, strict=True):
            if part.required and task in done and isinstance(result := task.result(), Failure):
                return part.name, result
    return None


async def _ask(exchange: Exchange, part: AggregatePart, target: bytes, fields: Sequence[tuple[bytes, bytes]]) -> Result:
    outcome = "cancelled"
    try:
        result = await _fetch(exchange, part, target, fields)
        outcome = result.code if isinstance(result, Failure) else "ok"
    finally:
        exchange.forwarder.counters.count_part(exchange.plan.decision.route, part.name, outcome)
    return result


async def _fetch(
    exchange: Exchange, part: AggregatePart, target: bytes, fields: Sequence[tuple[bytes, bytes]]
) -> Result:
    plan = _part_plan(exchange.origin.active, part)
    transport = ExchangeTransport(exchange.forwarder, plan, exchange.origin)
    try:
        async with transport.get(target, fields) as response:
            body = bytearray()
            async for piece in response.aiter_raw():
                body += piece
                if len(body) > MAX_BYTES:
                    return judge(PartAnswer(response.status_code, (), None))
            return judge(PartAnswer(response.status_code, response.headers.raw, bytes(body)))
    except TransportError as error:
        return failed(outcome_of(error))


def _part_plan(active: Active, part: AggregatePart) -> Plan:
    """The upstream's plan with the part's own time, which is for all of it: tries, pauses and the body.

    Without one it may take as long as an answer's head may otherwise.
    """
    plan = active.upstream_plans[part.upstream]
    seconds = plan.seconds.response if part.timeout is None else part.timeout.total_seconds()
    return replace(plan, seconds=replace(plan.seconds, total=min(seconds, plan.seconds.total)))


def _target(exchange: Exchange, part: AggregatePart) -> bytes:
    """Path and query for a part. Raises BadTarget for a value that some servers read as more than one segment."""
    claim = exchange.origin.active.table.match(exchange.head)
    assert claim is not None
    target = _compile_target(part.get, claim.path)(exchange.head.path, exchange.head.query)
    path, mark, query = target.partition("?")
    return (normalise(path) + mark + query).encode("latin-1")
