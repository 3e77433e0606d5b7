"""What is known of endpoints, kept in files: processes that start have it at once, also while nobody can be asked.

In the server's private folder lies all of it, in the state folder what discovery found, for the next start: probes'
verdicts of another day are worth nothing. A file that cannot be read is as good as none, and one that cannot be
written is done without.
"""

import asyncio
import contextlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from proxy.control.folder import write_atomically
from proxy.forwarding.known_endpoints import Known, from_json, to_json

FILE: Final = "endpoints.json"
MAX_BYTES: Final = 4 * 1024 * 1024
"""A larger one is neither written nor read."""


def read_known(private: str, state_dir: str) -> dict[str, Known]:
    """What this server knew last, or else the one before it."""
    found = read_file(Path(private, FILE))
    return read_file(Path(state_dir, FILE)) or {} if found is None else found


def read_file(path: Path) -> dict[str, Known] | None:
    """None when there is nothing to go by."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        return from_json(json.loads(data)) if len(data) <= MAX_BYTES else None
    except (OSError, ValueError, RecursionError):
        return None


def write_file(path: Path, known: Mapping[str, Known]) -> None:
    data = json.dumps(to_json(known), separators=(",", ":")).encode()
    if len(data) <= MAX_BYTES:
        with contextlib.suppress(OSError):
            write_atomically(path, data)


class Keeper:
    """Writes what is known, the newest only, aside from the event loop."""

    def __init__(self, private: str, state_dir: str) -> None:
        self._private = Path(private, FILE)
        self._state = Path(state_dir, FILE)
        self._newest: dict[str, Known] = {}
        self._kept: dict[str, Known] = {}  # in the state folder
        self._news = asyncio.Event()

    def keep(self, known: Mapping[str, Known]) -> None:
        self._newest = dict(known)
        self._news.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            await asyncio.to_thread(self._write, self._newest)

    def _write(self, known: dict[str, Known]) -> None:
        write_file(self._private, known)
        discovered = {name: replace(one, unhealthy=frozenset()) for name, one in known.items() if one.source}
        if discovered != self._kept:  # most servers discover nothing, and leave no file
            write_file(self._state, discovered)
            self._kept = discovered
