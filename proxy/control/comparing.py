"""Comparing live traffic in the control process: takes the pairs of all workers, and tells them what to ask again.

Nothing here waits for a pair, a file or a worker. Pairs that come before `run` has begun, or after it ended, are none.
"""

import asyncio
import traceback
from collections import Counter
from collections.abc import Mapping
from typing import Final

from proxy import clock
from proxy.comparison.recent import Recent
from proxy.comparison.runner import Runner
from proxy.comparison.standing import Standing, standings
from proxy.comparison.state_file import state_path
from proxy.comparison.store import Store
from proxy.comparison.verdict import ALWAYS_AGAIN
from proxy.config.model import Route, Snapshot
from proxy.control.hub import Hub
from proxy.control.pairs import Pair
from proxy.observability.log import Log
from proxy.routing.mirror import is_mirrored
from proxy.wire.exchange import AGAIN

LOOK_SECONDS: Final = 1.0

UNTIL_COUNTED: Final = 0.1
"""The share that is asked again when the first ones have come and are not counted yet."""


class Comparing:
    """`standings` are by route, as they were a moment ago. `store`, `recent` and `runner` are there while it runs."""

    def __init__(self, hub: Hub, snapshot: Snapshot, log: Log) -> None:
        self.store: Store | None = None
        self.recent: Recent | None = None
        self.runner: Runner | None = None
        self.standings: Mapping[str, Standing] = {}
        self._hub = hub
        self._log = log
        self._snapshot = snapshot
        self._again: Counter[str] = Counter()  # answers to what was asked again under this snapshot, by route
        self._told: Mapping[str, float] | None = None  # the shares that workers know
        self._seen: tuple[str, int, int] | None = None  # revision, writes of the store, and minute of the last look
        self._stumbled = False
        hub.take_pair = self._take

    def follow(self, snapshot: Snapshot) -> None:
        """Compare by the rules of the snapshot that serves now."""
        self._snapshot = snapshot
        self._again.clear()
        self._told = None
        if self.runner is not None:
            self.runner.follow(snapshot)

    async def run(self) -> None:
        """Compare until cancelled."""
        store = self.store = Store(self._snapshot.state_dir, self._log)
        recent = self.recent = Recent(store)
        runner = self.runner = Runner(recent, self._log, self._snapshot)
        try:
            while True:
                await self._look_safely(store)
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            self.store = self.recent = self.runner = None
            await asyncio.to_thread(_end, runner, store)

    def _take(self, pair: Pair) -> None:
        if self.runner is None:
            return
        self.runner.take(pair.exchange, pair.failure)
        route = pair.exchange.route
        if route is not None and AGAIN in pair.exchange.answers:
            self._again[route] += 1
            if self._again[route] == ALWAYS_AGAIN:  # a busy route has a thousand more before these are counted
                self._settle_shares()

    async def _look_safely(self, store: Store) -> None:
        try:
            await self._look(store)
        except Exception:  # our own mistake: comparing, and all else in this process, must go on
            if not self._stumbled:
                self._log.failure("standings_failed", exception=traceback.format_exc())
            self._stumbled = True

    async def _look(self, store: Store) -> None:
        """See how the routes stand, if anything has happened, and have their primaries asked again accordingly.

        Once a minute also if nothing has: what was found a day ago does not count for ever.
        """
        snapshot = self._snapshot
        seen = snapshot.revision, store.writes, int(clock.monotonic() // 60)
        if self._seen == seen:
            return
        path, failing = state_path(snapshot.state_dir), store.failing is not None
        found = await asyncio.to_thread(standings, path, _mirrored(snapshot), clock.now(), failing=failing)
        if snapshot is not self._snapshot:
            return  # it was replaced meanwhile: the next look sees the new one's routes
        self.standings = found
        self._seen = seen
        self._settle_shares()

    def _settle_shares(self) -> None:
        shares = {route.name: self._share(route.name) for route in _mirrored(self._snapshot)}
        if shares != self._told:
            self._told = shares
            self._hub.settle_on_asking_again(shares)

    def _share(self, route: str) -> float:
        known = self.standings.get(route)
        share = known.share_to_ask_again if known else 1.0
        return UNTIL_COUNTED if share == 1.0 and self._again[route] >= ALWAYS_AGAIN else share


def _mirrored(snapshot: Snapshot) -> list[Route]:
    return [route for route in snapshot.routes if is_mirrored(route)]


def _end(runner: Runner, store: Store) -> None:
    runner.close()
    store.close()
