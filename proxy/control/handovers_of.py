"""Puts the handovers of a server together from what its control plane has."""

from proxy.config.model import Snapshot
from proxy.control.handovers import Handovers
from proxy.control.holder import Holder
from proxy.control.plane import ControlPlane
from proxy.control.sync_peers import Peers
from proxy.observability.log import Log
from proxy.rollout.ports import Mover, MoveRefused


def make_handovers(plane: ControlPlane, log: Log) -> Handovers:
    def snapshot_now() -> Snapshot:
        return plane.active.snapshot

    def mover_now() -> Mover:
        if plane.mover is None:
            raise MoveRefused("nobody here can move routes")
        return plane.mover

    return Handovers(
        snapshot_now,
        Peers(snapshot_now, plane.endpoints.known),
        Holder(plane.hub, plane.launch.folder, plane.replace_worker, log),
        mover_now,
        plane.active.snapshot.state_dir,
        log,
    )
