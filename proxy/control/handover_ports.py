"""What a handover acts with: both sides, the writes that wait, whoever moves routes, and time."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from proxy import clock
from proxy.config.model import Snapshot
from proxy.config.moving import Handover
from proxy.control.holder import Held
from proxy.observability.log import Log
from proxy.rollout.ownership import Standing
from proxy.rollout.ports import Mover


class Sides(Protocol):
    """Upstreams, by name. Every method may be repeated, and raises `sync_peers.PeerFailure`."""

    def with_sync(self) -> list[str]: ...
    async def status(self, upstream: str, *, seconds: float) -> dict[str, Standing]: ...
    async def fence(self, upstream: str, entities: Iterable[str], epoch: int, *, seconds: float) -> dict[str, int]: ...
    async def own(
        self, upstream: str, entities: Iterable[str], epoch: int, heard: Mapping[str, int], *, seconds: float
    ) -> dict[str, int]: ...


class Holds(Protocol):
    """Writes that wait, in every worker."""

    async def begin(self, name: str, routes: tuple[str, ...], settings: Handover) -> Held: ...
    async def wait_until_quiet(self, name: str, seconds: float) -> int: ...
    async def release(self, name: str) -> Held: ...
    async def hold_nothing(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Means:
    """Time is among them: `now` on the monotonic clock, in seconds, and `sleep`."""

    sides: Sides
    holds: Holds
    mover: Mover
    snapshot: Callable[[], Snapshot]
    log: Log
    now: Callable[[], float] = clock.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
