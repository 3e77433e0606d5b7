"""Notices that routes.yaml, or a file it takes values or certificates from, has other content.

It compares content, not times, so that copies, symlink swaps and mounted volumes of any kind are seen. A file is
believed only when two looks agree, because a large one is not written in one instant; a file that is missing or cannot
be read is content too: it is reported once, and its return is seen.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from proxy.config.source import fingerprint

EVERY_SECONDS = 1.0
SETTLE_SECONDS = 0.1
_MAX_BYTES = 16 * 1024 * 1024  # more than any bundle of certificates; a mistaken path must not fill the memory

Sleep = Callable[[float], Awaitable[None]]


def look(config: str, files: Sequence[str]) -> dict[str, str]:
    """By path, a hash of the content, or the reason in place of one that cannot be read.

    The configuration's hash covers the files it takes values from.
    """
    return {**{path: _digest(Path(path)) for path in files}, config: fingerprint(config)}


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.sha256(file.read(_MAX_BYTES)).hexdigest()
    except OSError as error:
        return f"error {error.errno}"


class Watcher:
    """Remembers what was last seen. `files` says, at each look, which count besides the configuration."""

    def __init__(self, config: str, files: Callable[[], Sequence[str]], *, sleep: Sleep = asyncio.sleep) -> None:
        self._config = config
        self._files = files
        self._sleep = sleep
        self._seen: dict[str, str] = {}

    async def _look(self) -> dict[str, str]:
        return await asyncio.to_thread(look, self._config, list(self._files()))

    async def remember(self) -> None:
        """Take what is there now as seen. Call it before the files are loaded, so that a later change is not lost."""
        self._seen = await self._look()

    async def changed(self) -> bool:
        """Whether a file differs from what was seen, and all have stopped changing. Remembers it, if so."""
        found = await self._look()
        # A file looked at for the first time has nothing to differ from: what named it was a change itself.
        self._seen = {**found, **{path: self._seen[path] for path in found if path in self._seen}}
        if found == self._seen:
            return False
        await self._sleep(SETTLE_SECONDS)
        if await self._look() != found:
            return False  # still being written; the next look decides
        self._seen = found
        return True

    async def watch(self, act: Callable[[], Awaitable[object]]) -> None:
        """Call `act` after every change, for ever."""
        while True:
            await self._sleep(EVERY_SECONDS)
            if await self.changed():
                await act()
