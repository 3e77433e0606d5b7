"""Comparing live traffic in the control process: takes the pairs of all workers, and tells them what to ask again.

Nothing here waits for a pair, a file or a worker. Pairs that come before `run` has begun, or after it ended, are none.
"""

import asyncio
import traceback
from collections.abc import Mapping
from typing import Final

from proxy import clock
from proxy.comparison.runner import Runner
from proxy.comparison.standing import Standing, standings
from proxy.comparison.state_file import state_path
from proxy.comparison.store import Store
from proxy.config.model import Snapshot
from proxy.control.hub import Hub
from proxy.control.pairs import Pair
from proxy.observability.log import Log
from proxy.routing.mirror import is_mirrored

LOOK_SECONDS: Final = 1.0


class Comparing:
    """`standings` are by route, as they were a moment ago. `store` and `runner` are there while it runs."""

    def __init__(self, hub: Hub, snapshot: Snapshot, log: Log) -> None:
        self.store: Store | None = None
        self.runner: Runner | None = None
        self.standings: Mapping[str, Standing] = {}
        self._hub = hub
        self._log = log
        self._snapshot = snapshot
        self._seen: tuple[str, int] | None = None  # revision, and pairs compared, when it was looked last
        self._stumbled = False
        hub.take_pair = self._take

    def follow(self, snapshot: Snapshot) -> None:
        """Compare by the rules of the snapshot that serves now."""
        self._snapshot = snapshot
        if self.runner is not None:
            self.runner.follow(snapshot)

    async def run(self) -> None:
        """Compare until cancelled."""
        store = self.store = Store(self._snapshot.state_dir, self._log)
        runner = self.runner = Runner(store, self._log, self._snapshot)
        try:
            while True:
                await self._look_safely(store, runner)
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            self.store = self.runner = None
            await asyncio.to_thread(_end, runner, store)

    def _take(self, pair: Pair) -> None:
        if self.runner is not None:
            self.runner.take(pair.exchange, pair.failure)

    async def _look_safely(self, store: Store, runner: Runner) -> None:
        try:
            await self._look(store, runner)
        except Exception:  # our own mistake: comparing, and all else in this process, must go on
            if not self._stumbled:
                self._log.failure("standings_failed", exception=traceback.format_exc())
            self._stumbled = True

    async def _look(self, store: Store, runner: Runner) -> None:
        """See how the routes stand, if anything has happened, and have their primaries asked again accordingly."""
        snapshot, compared = self._snapshot, runner.count().total()
        if self._seen == (snapshot.revision, compared) and store.failing is None:
            return
        routes = [route for route in snapshot.routes if is_mirrored(route)]
        path, failing = state_path(snapshot.state_dir), store.failing is not None
        found = await asyncio.to_thread(standings, path, routes, clock.now(), failing=failing)
        new = self._seen is None or self._seen[0] != snapshot.revision
        if new or found != self.standings:
            self._hub.settle_on_asking_again({name: one.share_to_ask_again for name, one in found.items()})
        self.standings = found
        self._seen = snapshot.revision, compared


def _end(runner: Runner, store: Store) -> None:
    runner.close()
    store.close()
