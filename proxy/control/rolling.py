"""Rollouts in the control process: measures the gates of routes, and has the controller look once a second.

It joins what others know (counts of workers, comparisons, the state folder) and knows nothing itself. A mistake of ours
in one look must not end the looks, nor anything else in this process.
"""

import asyncio
import traceback
from collections.abc import Callable, Sequence
from typing import Any, Final

from proxy.comparison.recent import Pairs
from proxy.comparison.tally import Group
from proxy.comparison.verdict import Counts
from proxy.config.model import Route, Snapshot
from proxy.control.comparing import Comparing
from proxy.control.hub import Hub
from proxy.control.lease import ROLLOUTS, Lease
from proxy.control.rollouts_file import RolloutsFile
from proxy.observability.log import Log
from proxy.observability.metrics import Totals
from proxy.rollout.asking import Asker
from proxy.rollout.controller import Controller
from proxy.rollout.gatekeeper import Measurer
from proxy.rollout.hooks import Hooks
from proxy.rollout.ports import GateReading, Mover
from proxy.rollout.prometheus import Numbers

LOOK_SECONDS: Final = 1.0


class Rolling:
    """The Gatekeeper of this server, and its rollouts. `mover` gives who moves routes, once there is one."""

    def __init__(
        self, hub: Hub, comparing: Comparing, snapshot: Snapshot, log: Log, mover: Callable[[], Mover | None]
    ) -> None:
        self.lease = Lease(snapshot.state_dir, ROLLOUTS, "moves routes")
        self.file = RolloutsFile(snapshot.state_dir, log)
        self._log = log
        self._stumbled: str | None = None
        asker = Asker()
        self._hooks = Hooks(asker, log)
        self._measurer = Measurer(_Sources(hub, comparing), Numbers(asker))
        self.controller = Controller(
            gatekeeper=self._measurer,
            mover=mover,
            keeper=self.file,
            lease=self.lease,
            hooks=self._hooks,
            log=log,
            baselines=self._measurer.baselines,
        )
        self.follow(snapshot)

    def follow(self, snapshot: Snapshot) -> None:
        """Go by the snapshot that serves now."""
        self._measurer.follow(snapshot.routes)
        self.controller.follow(snapshot.routes)

    async def read_gates(self, route: Route) -> Sequence[GateReading]:
        """Every gate of the route, but for those that only a later stage can show, over its window up to now."""
        return await self._measurer.read_gates(route)

    async def run(self) -> None:
        """Look until cancelled."""
        try:
            while True:
                await self._look_safely()
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            self._hooks.close()
            self.lease.give_back()

    async def _look_safely(self) -> None:
        try:
            self._measurer.look()
            await self.controller.tick()
            self._stumbled = None
        except Exception:  # our own mistake: the next look may be a good one
            exception = traceback.format_exc()
            if exception != self._stumbled:
                self._log.failure("rollout_look_failed", exception=exception)
            self._stumbled = exception

    def describe(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "leads": self.controller.leads,
            "lease": self.lease.why,
            "file_failing": self.file.failing,
            "rollouts": self.controller.describe(),
        }


class _Sources:
    """Where gates look, in this process."""

    def __init__(self, hub: Hub, comparing: Comparing) -> None:
        self._hub = hub
        self._comparing = comparing

    def totals(self) -> tuple[Totals, Totals]:
        return self._hub.totals(), self._hub.begun()

    def pairs(self, group: Group, seconds: float) -> Pairs | None:
        recent = self._comparing.recent
        return recent.seen(group, seconds) if recent is not None else None

    def long_counts(self, route: str) -> Counts | None:
        standing = self._comparing.standings.get(route)
        return standing.counts if standing is not None else None
