"""Has writes held in every worker, for as long as a handover needs it, and adds up what became of them.

A worker that does not acknowledge is replaced; nobody waits for that, because the databases decide who may write, and a
worker that starts begins with the hold. A hold is renewed every second: workers that hear nothing end it by themselves.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from proxy import clock
from proxy.config.moving import Handover
from proxy.control.holds_file import write_holds
from proxy.control.hub import Answer, Hub
from proxy.forwarding.holding import Hold
from proxy.observability.log import Log

ACK_SECONDS = 1.0
LEASE_SECONDS = 10.0  # for so long a worker believes a hold that nobody renews
RENEW_SECONDS = 1.0
POLL_SECONDS = 0.02
NOBODY_WAITS_AFTER = 2.0  # hold_timeouts: then new writes are refused at once


@dataclass(frozen=True, slots=True)
class Held:
    """What became of the writes of one hold, all workers together. `longest` is in seconds."""

    released: int = 0
    expired: int = 0
    full: int = 0
    client_gone: int = 0
    longest: float = 0.0
    under_way: int = 0  # writes at upstreams that began before it


@dataclass(slots=True)
class _Current:
    hold: Hold
    since: float
    told: dict[int, Mapping[str, float]]  # by worker generation, the latest word of each


class Holder:
    """The holds of a server."""

    def __init__(self, hub: Hub, folder: str, replace_worker: Callable[[int], None], log: Log) -> None:
        self._hub = hub
        self._folder = folder
        self._replace_worker = replace_worker
        self._log = log
        self._current: dict[str, _Current] = {}
        self._one_at_a_time = asyncio.Lock()
        self._renewing: asyncio.Task[None] | None = None

    async def begin(self, name: str, routes: tuple[str, ...], settings: Handover) -> Held:
        """Returns when every connected worker holds, or is to be replaced."""
        now = clock.monotonic()
        seconds = settings.hold_timeout.total_seconds()
        hold = Hold(name, routes, seconds, settings.queue, now + max(LEASE_SECONDS, seconds))
        self._current[name] = _Current(hold, now, {})
        answers = await self._tell()
        for answer in answers:
            if answer.late:
                self._log.warning("hold_not_acknowledged", worker=answer.worker, effect="it is replaced")
                self._replace_worker(answer.generation)
        if self._renewing is None:
            self._renewing = asyncio.create_task(self._renew_for_ever())
        return self._sum(name)

    async def wait_until_quiet(self, name: str, seconds: float) -> int:
        """Let writes that are under way end by themselves, for a while; how many are left."""
        until = clock.monotonic() + seconds
        while (left := self._sum(name).under_way) and clock.monotonic() < until:
            await asyncio.sleep(POLL_SECONDS)
            await self._tell()
        return left

    async def release(self, name: str) -> Held:
        """Let go, and say what became of those who waited."""
        ended = self._current.pop(name, None)
        if ended is None:
            return Held()
        for answer in await self._tell():
            if name in answer.holds:
                ended.told[answer.generation] = answer.holds[name]
        if not self._current and self._renewing is not None:
            self._renewing.cancel()
            self._renewing = None
        return _add_up(ended.told)

    async def hold_nothing(self) -> None:
        """What workers may still hold for a control process that has died, and nobody takes up, is let go."""
        if not self._current:
            await self._tell()

    async def _tell(self) -> list[Answer]:
        async with self._one_at_a_time:
            holds = [current.hold for current in self._current.values()]
            self._write(holds)
            answers = await self._hub.settle_on_holds(holds, within_seconds=ACK_SECONDS)
        for answer in answers:
            for name, told in answer.holds.items():
                if name in self._current:
                    self._current[name].told[answer.generation] = told
        return answers

    def _write(self, holds: list[Hold]) -> None:
        try:
            write_holds(self._folder, holds)
        except OSError as error:  # a worker that starts right now holds as soon as it is linked
            self._log.warning("holds_not_kept", detail=str(error))

    async def _renew_for_ever(self) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            now = clock.monotonic()
            for current in self._current.values():
                hold = current.hold
                overdue = now - current.since > NOBODY_WAITS_AFTER * hold.timeout
                until = now + max(LEASE_SECONDS, hold.timeout)
                current.hold = replace(hold, until=until, queue=0 if overdue else hold.queue)
            await self._tell()

    def _sum(self, name: str) -> Held:
        current = self._current.get(name)
        return _add_up(current.told) if current else Held()


def _add_up(told: Mapping[int, Mapping[str, float]]) -> Held:
    def total(key: str) -> int:
        return sum(int(each.get(key, 0)) for each in told.values())

    longest = max((each.get("longest", 0.0) for each in told.values()), default=0.0)
    return Held(total("released"), total("expired"), total("full"), total("client_gone"), longest, total("under_way"))
