"""The live status of an order as server-sent events (HTML Living Standard, "Server-sent events").

Every status change is one event, whose id lets a browser go on where it was. The stream ends with the order's last
status, or after a while: the browser comes back by itself. It never holds a database connection while it waits.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

from asgiref.sync import sync_to_async
from django.db import close_old_connections

from legacy_monolith.api.encoding import time
from legacy_monolith.config.lifecycle import stopping

from .models import FINAL, Order, StatusChange
from .selectors import changes_after

RETRY_MS = 3000


@dataclass(frozen=True)
class Pace:
    poll_s: float = 1.0
    heartbeat_s: float = 15.0
    longest_s: float = 600.0


async def follow(order: Order, last_seen: int, pace: Pace = Pace()) -> AsyncIterator[bytes]:
    """The events behind the change `last_seen`; a comment line every `heartbeat_s` shows that the stream is alive."""
    clock = asyncio.get_running_loop().time
    started = last_sent = clock()
    yield f"retry: {RETRY_MS}\n\n".encode()
    while clock() - started < pace.longest_s and not stopping.is_set():
        for change in await _read(order, last_seen):
            yield event(change)
            last_seen, last_sent = change.pk, clock()
            if change.status in FINAL:
                return
        if clock() - last_sent >= pace.heartbeat_s:
            yield b": still here\n\n"
            last_sent = clock()
        await asyncio.sleep(pace.poll_s)


def event(change: StatusChange) -> bytes:
    data = json.dumps({"status": change.status, "at": time(change.at)})
    return f"id: {change.pk}\nevent: status\ndata: {data}\n\n".encode()


def last_event_id(header: str | None) -> int:
    """The change named in `Last-Event-ID`; 0, before all of them, if it names none."""
    return int(header) if header and header.isascii() and header.isdigit() and len(header) < 19 else 0


@sync_to_async
def _read(order: Order, last_seen: int) -> list[StatusChange]:
    try:
        return changes_after(order, last_seen)
    finally:
        close_old_connections()
