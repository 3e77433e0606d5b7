"""Runs a supervisor over fake children: `python -m tests.support.supervised FOLDER WORKERS DRAIN_DELAY DRAIN_TIMEOUT`.

Times are in seconds.
"""

import os
import socket
import sys
from datetime import timedelta
from pathlib import Path

from proxy.config.model import Address, Listen
from proxy.control.listeners import bound_address, listen
from proxy.control.spawner import Commands, Sockets, Spawner
from proxy.control.supervisor import Supervisor
from proxy.observability.log import Log

FAKE = (sys.executable, "-S", "-E", str(Path(__file__).with_name("fake_child.py")))


def main(folder: str, workers: str, drain_delay: str, drain_timeout: str) -> int:
    times = Listen(
        drain_delay=timedelta(seconds=float(drain_delay)), drain_timeout=timedelta(seconds=float(drain_timeout))
    )
    public = listen(Address("127.0.0.1", 0), key="listen.public")
    console = listen(Address("127.0.0.1", 0), key="listen.console")
    links = socket.socket(socket.AF_UNIX)
    log = Log("supervisor")
    return Supervisor(
        int(workers),
        Spawner(Commands(FAKE, FAKE), Sockets(public, console, links), folder, os.environ),
        log=log,
        read_listen=lambda: times,
        announce=lambda: log.info("ready", port=bound_address(public[0]).port),
    ).run()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
