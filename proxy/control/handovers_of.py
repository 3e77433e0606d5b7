"""Puts the handovers of a server together from what its control plane has."""

from collections.abc import Sequence

from proxy.config.model import Snapshot
from proxy.control.handover_ports import Means
from proxy.control.handovers import Handovers
from proxy.control.holder import Holder
from proxy.control.plane import ControlPlane
from proxy.control.sync_peers import Peers
from proxy.observability.log import Log
from proxy.rollout.ports import Move, Moved, MoveRefused


class _PlanesMover:
    """Whoever moves routes by the time a handover needs it."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    async def move(self, moves: Sequence[Move]) -> Moved:
        if self._plane.mover is None:
            raise MoveRefused("nobody here can move routes")
        return await self._plane.mover.move(moves)


def make_handovers(plane: ControlPlane, log: Log) -> Handovers:
    def snapshot() -> Snapshot:
        return plane.active.snapshot

    holder = Holder(plane.hub, plane.launch.folder, plane.replace_worker, log)
    means = Means(Peers(snapshot, plane.endpoints.known), holder, _PlanesMover(plane), snapshot, log)
    return Handovers(means, plane.active.snapshot.state_dir)
