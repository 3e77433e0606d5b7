"""The worker process of the embedded engine: `python -m proxy.control.embedded`, started by the supervisor."""

import sys

from proxy.config.model import Snapshot
from proxy.control.data_plane import DataPlane
from proxy.control.worker import run
from proxy.engines.embedded.engine import Engine


def build(snapshot: Snapshot, workers: int) -> DataPlane:
    return Engine(snapshot, workers=workers, access_log=sys.stdout)


if __name__ == "__main__":
    sys.exit(run(build, sys.argv[1:]))
