"""Replay a capture to a system, and remember how far it came.

The file of the position lies beside the capture, for its owner alone; ids that were learnt are in it, secrets never.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from proxy import clock
from proxy.comparison.asking import Side
from proxy.comparison.capture_file import PRIVATE, CaptureWriter, read_capture
from proxy.comparison.capture_format import BadCapture
from proxy.comparison.remap import Remap, unmarked
from proxy.comparison.replay import Pace, Replay, Replayed, Unreachable, in_order
from proxy.config.refused import Refused
from proxy.operations.errors import Code, OperationError
from proxy.wire.exchange import CapturedAnswer, CapturedRequest, Exchange, Fields
from proxy.wire.redaction import Redaction, Redactor

KEEP_EVERY_SECONDS: Final = 1.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """What is replayed, to where, and how."""

    capture: Path
    to: str
    pace: Pace
    concurrency: int
    seconds: float
    headers: Fields
    allow_writes: bool
    resume: bool
    output: Path | None
    redaction: Redaction
    secrets: dict[str, str]


def position_file(capture: Path) -> Path:
    return capture.with_name(f"{capture.name}.position")


async def replay(plan: ReplayPlan, say: Say, progress: Callable[[int, int], None]) -> Replayed:
    """Do it. Raises OperationError."""
    position, learnt = _read_position(plan) if plan.resume else (0, {})
    remap = Remap({**learnt, **plan.secrets})
    try:
        total = sum(1 for _ in read_capture(plan.capture, lambda _line: None))
        writer = _writer(plan, say)
        try:
            async with Side(plan.to, seconds=plan.seconds, connections=plan.concurrency) as side:
                return await _run(plan, side, remap, position, writer, total, say, progress)
        finally:
            if writer:
                writer.close()
    except Unreachable as error:
        raise OperationError(Code.UNREACHABLE, str(error)) from None
    except BadCapture as error:
        raise OperationError(Code.INVALID, str(error)) from None
    except Refused as refused:
        raise OperationError(Code.INVALID, refused.message, (refused.hint,) if refused.hint else ()) from None
    except OSError as error:
        raise OperationError(
            Code.INVALID, f"{error.filename}: {(error.strerror or 'input/output error').lower()}"
        ) from None


async def _run(
    plan: ReplayPlan,
    side: Side,
    remap: Remap,
    position: int,
    writer: CaptureWriter | None,
    total: int,
    say: Say,
    progress: Callable[[int, int], None],
) -> Replayed:
    def took(exchange: Exchange, sent: CapturedRequest, answer: CapturedAnswer) -> None:
        if writer:
            request = unmarked(sent)
            writer.write(replace(exchange, request=request, answers={exchange.primary: answer}))

    run = Replay(
        side,
        remap,
        took,
        pace=plan.pace,
        concurrency=plan.concurrency,
        headers=plan.headers,
        allow_writes=plan.allow_writes,
    )
    run.result.position = position
    kept_at = clock.monotonic()

    def moved(done: int) -> None:
        nonlocal kept_at
        progress(done, total)
        if clock.monotonic() - kept_at >= KEEP_EVERY_SECONDS:
            kept_at = clock.monotonic()
            _keep_position(plan, run.result.position, remap)

    try:
        await run.run(in_order(read_capture(plan.capture, say)), moved)
    finally:
        if run.result.position < total and run.result.seconds:  # where nothing was answered, nothing is behind us
            _keep_position(plan, run.result.position, remap)
    position_file(plan.capture).unlink(missing_ok=True)
    return run.result


def _writer(plan: ReplayPlan, say: Say) -> CaptureWriter | None:
    return CaptureWriter(plan.output, Redactor(plan.redaction), clock.now(), say) if plan.output else None


def _keep_position(plan: ReplayPlan, position: int, remap: Remap) -> None:
    kept = {"to": plan.to, "position": position, "learnt": remap.plain()}
    path = position_file(plan.capture)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE), "w", encoding="utf-8") as file:
        json.dump(kept, file, ensure_ascii=False)
    temporary.replace(path)


def _read_position(plan: ReplayPlan) -> tuple[int, dict[str, str]]:
    path = position_file(plan.capture)
    try:
        kept = json.loads(path.read_bytes())
        position, learnt = kept["position"], kept["learnt"]
        if kept["to"] != plan.to:
            raise OperationError(Code.INVALID, f"{path}: what was broken off was a replay to {kept['to']}")
        return int(position), {str(one): str(other) for one, other in learnt.items()}
    except FileNotFoundError:
        raise OperationError(Code.INVALID, f"{path}: there is none: no replay of this file was broken off") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise OperationError(Code.INVALID, f"{path}: cannot be read; remove it, and begin anew") from None
