"""Record live traffic: the console's stream of masked exchanges, and the capture that a command makes of it.

Exchanges are masked in the control process, before they leave it. The stream is lines of JSON: `{"exchange": …}` as a
capture has it, and every second `{"lost": {…}}`, how many are missing so far.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Final

from proxy import clock
from proxy.comparison.capture_file import CaptureLimits, CaptureWriter, Outcome
from proxy.comparison.capture_format import BadCapture, decode, encode
from proxy.config.model import DEFAULT_ROUTE, Snapshot
from proxy.control.recordings import Busy, Recording, Recordings
from proxy.forwarding.recording import Wanted
from proxy.operations.errors import Code, OperationError
from proxy.wire.redaction import Redaction, Redactor

BEAT_SECONDS: Final = 1.0
MAX_MASKS: Final = 100

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Order:
    """What to record. `route` is None for all."""

    route: str | None = None
    share: float = 1.0
    redaction: Redaction = field(default_factory=Redaction)


def read_order(asked: Mapping[str, Any], snapshot: Snapshot) -> Order:
    """The order as the API has it: `{route, share, mask, mask_patterns}`. Raises OperationError."""
    route = asked.get("route")
    if route is not None and route != DEFAULT_ROUTE and route not in {one.name for one in snapshot.routes}:
        raise OperationError(Code.INVALID, f"there is no route {str(route)[:100]}")
    try:
        redaction = Redaction(_texts(asked.get("mask")), _texts(asked.get("mask_patterns")))
        Redactor(redaction)
        return Order(route, _share(asked.get("share", 1.0)), redaction)
    except ValueError as error:
        raise OperationError(Code.INVALID, str(error)) from None


def _share(found: object) -> float:
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found <= 1:
        raise ValueError("share is a number from 0 to 1")
    return float(found)


def _texts(found: object) -> tuple[str, ...]:
    if found is None:
        return ()
    if not isinstance(found, list) or len(found) > MAX_MASKS or not all(isinstance(each, str) for each in found):
        raise ValueError(f"masks are a list of at most {MAX_MASKS} texts")
    return tuple(found)


async def stream(recordings: Recordings, order: Order) -> AsyncGenerator[bytes]:
    """Lines, until it is closed. Raises OperationError before the first one where another recording is under way."""
    redactor = Redactor(order.redaction)
    try:
        with recordings.recording(Wanted(order.route, order.share)) as recording:
            yield _line({"lost": {}})
            async for line in _lines(recording, redactor):
                yield line
    except Busy:
        raise OperationError(Code.REFUSED, "another recording is under way; there is one at a time") from None


async def _lines(recording: Recording, redactor: Redactor) -> AsyncGenerator[bytes]:
    beat = clock.monotonic()
    while True:
        exchange = await recording.read(BEAT_SECONDS)
        if exchange is not None:
            masked = await asyncio.to_thread(redactor.redact, exchange)  # some 10 ms: not for the loop
            yield b'{"exchange":' + encode(masked).rstrip(b"\n") + b"}\n"
        if clock.monotonic() - beat >= BEAT_SECONDS or exchange is None:
            beat = clock.monotonic()
            yield _line({"lost": recording.lost()})


def _line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


# The command's end


@dataclass(frozen=True, slots=True)
class Recorded:
    """What came of it: how many were written, and how many are missing, by reason."""

    written: int
    lost: Mapping[str, int]
    ended: str
    """`count`, `time`, `full`, `stopped` or `server`."""


@dataclass(frozen=True, slots=True)
class Until:
    """When a recording ends, if not by Ctrl-C or with its file full."""

    count: int | None = None
    seconds: float | None = None


def write_capture(
    lines: Iterator[Mapping[str, Any]],
    output: Path,
    limits: CaptureLimits,
    redaction: Redaction,
    until: Until,
    *,
    say: Say,
    progress: Callable[[int, int], None],
) -> Recorded:
    """Write what comes, until it ends. Raises OperationError."""
    first = next(lines, {})  # before there is a file: a server that refuses leaves none behind
    try:
        writer = CaptureWriter(output, Redactor(redaction), clock.now(), say, limits)
    except FileExistsError:
        raise OperationError(Code.INVALID, f"{output}: is there already; a recording never goes over a file") from None
    except OSError as error:
        raise OperationError(Code.INVALID, f"{output}: {(error.strerror or 'cannot be written').lower()}") from None
    lost: Mapping[str, int] = {}
    ended, due = "server", None if until.seconds is None else clock.monotonic() + until.seconds
    try:
        for line in chain([first], lines):
            lost = line.get("lost", lost)
            if "exchange" in line and _write(writer, line["exchange"]) is Outcome.FULL:
                ended = "full"
                break
            progress(writer.counts[Outcome.WRITTEN], until.count or 0)
            if until.count is not None and writer.counts[Outcome.WRITTEN] >= until.count:
                ended = "count"
                break
            if due is not None and clock.monotonic() >= due:
                ended = "time"
                break
    except KeyboardInterrupt:
        ended = "stopped"
    finally:
        writer.close()
    return Recorded(writer.counts[Outcome.WRITTEN], _missing(writer, lost), ended)


def _write(writer: CaptureWriter, exchange: object) -> Outcome:
    try:
        return writer.write(decode(json.dumps(exchange).encode()))
    except BadCapture as error:
        raise OperationError(Code.REFUSED, f"the server sent what is no exchange: {error}") from None


def _missing(writer: CaptureWriter, lost: Mapping[str, int]) -> dict[str, int]:
    ours = {outcome.value: count for outcome, count in writer.counts.items() if outcome is not Outcome.WRITTEN}
    return {reason: count for reason, count in {**lost, **ours}.items() if count}
