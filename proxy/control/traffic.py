"""What was asked for, kept in the state folder as `traffic.json`: taken from the workers, written once a minute.

A file that is damaged is set aside and told of; one that cannot be written is tried again, and metric and inventory say
so. Nothing here waits for a file, but the end of this process.
"""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from proxy import clock
from proxy.config.aside import set_aside
from proxy.control.folder import write_durably
from proxy.inventory.observed import Observed
from proxy.observability.log import Log

FILE: Final = "traffic.json"
WRITE_SECONDS: Final = 60.0
MAX_BYTES: Final = 32 * 1024 * 1024  # a full table, seen on every day, takes a third of it


class TrafficKeeper:
    """`observed` is all that is known. `problem` is why it cannot be written, if it cannot."""

    def __init__(self, state_dir: str, started_at: float, may_count: Callable[[int], bool], log: Log) -> None:
        self.problem: str | None = None
        self._path = traffic_path(state_dir)
        self._server = str(started_at)  # generations begin anew with every server
        self._may_count = may_count
        self._log = log
        self._news = False
        self.observed = self._read()

    def take(self, generation: int, rows: list[list[Any]]) -> None:
        """What a worker has counted since it began."""
        if self.observed.take(f"{self._server}:{generation}", rows, this_minute()):
            self._news = True

    async def run(self) -> None:
        """Write what is new until cancelled, and then once more."""
        try:
            while True:
                await asyncio.sleep(WRITE_SECONDS)
                await self._write()
        finally:
            await self._write()

    def _read(self) -> Observed:
        try:
            return read_traffic(self._path) or Observed(this_minute())
        except (OSError, ValueError) as error:
            kept = self._path
            with suppress(OSError):
                kept = set_aside(self._path, clock.now())
            self._log.failure("traffic_set_aside", file=str(self._path), kept=str(kept), detail=str(error))
            return Observed(this_minute())

    async def _write(self) -> None:
        if not self._news:
            return
        self.observed.forget(this_minute(), self._is_open)
        data = json.dumps(self.observed.as_kept(), separators=(",", ":")).encode()
        self._news = False
        try:
            await asyncio.to_thread(write_durably, self._path, data)
            self.problem = None
        except OSError as error:
            self._news = True
            if self.problem is None:
                self._log.warning("traffic_not_kept", file=str(self._path), detail=str(error))
            self.problem = error.strerror or str(error)

    def _is_open(self, source: str) -> bool:
        server, _, generation = source.rpartition(":")
        return server == self._server and self._may_count(int(generation))


def read_traffic(path: Path) -> Observed | None:
    """What a file holds; None where there is none. Raises OSError or ValueError for one that is damaged."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    if len(data) > MAX_BYTES:
        raise ValueError(f"it has more than {MAX_BYTES:,} bytes")
    try:
        return Observed.from_json(json.loads(data))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def traffic_path(state_dir: str) -> Path:
    return Path(state_dir, FILE)


def this_minute() -> int:
    """Minutes since 1970."""
    return int(clock.now().timestamp() // 60)
