"""What is kept of handovers, in `handovers.json` in the state folder: those under way, and where entities were moved.

Written whole and durably before each step that cannot be taken back. A file that cannot be understood is set aside
under another name; both sides' databases still know who writes.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from proxy import clock
from proxy.config.aside import set_aside
from proxy.control.folder import write_durably
from proxy.observability.log import Log
from proxy.rollout.handover import Record, record_from

FILE = "handovers.json"
VERSION = 1


@dataclass(frozen=True, slots=True)
class LastMove:
    """Where writing of an entity was moved last. `position` is that of the last event of the side that took it."""

    to: str
    epoch: int
    position: int
    at: float  # in seconds since 1970


@dataclass(frozen=True, slots=True)
class KeptHandovers:
    """All of it. `running` by id."""

    running: Mapping[str, Record] = field(default_factory=dict)
    moved: Mapping[str, LastMove] = field(default_factory=dict)

    @property
    def epochs(self) -> tuple[int, ...]:
        """Every epoch that was used, or may have been to lead back."""
        return (
            *(record.epoch + 1 for record in self.running.values()),
            *(moved.epoch for moved in self.moved.values()),
        )


class HandoverFile:
    """The file in `folder`, which is made when it is written first."""

    def __init__(self, folder: str, log: Log) -> None:
        self._path = Path(folder, FILE)
        self._log = log

    def read(self) -> KeptHandovers:
        """What was written last; nothing when there is no such file, or none that can be understood."""
        try:
            return _read(json.loads(self._path.read_bytes()))
        except FileNotFoundError:
            return KeptHandovers()
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            self._set_aside(error)
            return KeptHandovers()

    def write(self, kept: KeptHandovers) -> None:
        """Raises OSError; what was written before is then still there."""
        write_durably(self._path, json.dumps(_as_json(kept), indent=1).encode())

    def _set_aside(self, error: Exception) -> None:
        try:
            kept_as = str(set_aside(self._path, clock.now()))
        except OSError as failure:
            kept_as = f"nowhere: {failure.strerror}"
        effect = "both sides say who writes; strangler handover takes up what was not finished"
        self._log.failure("handovers_unreadable", file=str(self._path), detail=repr(error), kept=kept_as, effect=effect)


def _as_json(kept: KeptHandovers) -> dict[str, Any]:
    return {
        "version": VERSION,
        "running": [record.as_json() for record in kept.running.values()],
        "moved": {entity: asdict(moved) for entity, moved in kept.moved.items()},
    }


def _read(written: Any) -> KeptHandovers:
    if written["version"] != VERSION:
        raise ValueError(f"version {written['version']}")
    records = [record_from(each) for each in written["running"]]
    moved = {
        str(entity): LastMove(str(each["to"]), int(each["epoch"]), int(each["position"]), float(each["at"]))
        for entity, each in written["moved"].items()
    }
    return KeptHandovers({record.id: record for record in records}, moved)
