"""[IO] Keeps how far rollouts have come, in a file of the state folder: replaced whole, for its owner alone.

A damaged file is set aside and begun anew: the weights stand in routes.yaml, and what is lost is how much of a hold is
over. A file that cannot be written is told once; meanwhile all is in memory.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from proxy import clock
from proxy.config.aside import set_aside
from proxy.control.folder import write_durably
from proxy.rollout.progress import Progress, as_json, from_json

FILE: Final = "rollouts.json"


class Log(Protocol):
    def info(self, event: str, **fields: object) -> None: ...

    def failure(self, event: str, **fields: object) -> None: ...


class RolloutsFile:
    """`failing` says why the file cannot be written at the moment."""

    def __init__(self, state_dir: str, log: Log, now: Callable[[], datetime] = clock.now) -> None:
        self.failing: str | None = None
        self._path = Path(state_dir, FILE)
        self._log = log
        self._now = now

    def load(self) -> dict[str, Progress]:
        """What is kept; nothing where there is nothing that can be read."""
        try:
            return from_json(json.loads(self._path.read_bytes()))
        except FileNotFoundError:
            return {}
        except (ValueError, RecursionError) as error:  # no JSON, no text, or not ours
            self._set_aside(str(error))
        except OSError as error:
            self._log.failure("rollouts_unreadable", file=str(self._path), detail=error.strerror or str(error))
        return {}

    def save(self, progress: Mapping[str, Progress]) -> None:
        try:
            write_durably(self._path, json.dumps(as_json(progress)).encode())  # only who holds the lease writes
        except OSError as error:
            why = error.strerror or str(error)
            if self.failing is None:
                effect = "rollouts go on; after a restart the hold of a step begins anew"
                self._log.failure("rollouts_not_written", file=str(self._path), detail=why, effect=effect)
            self.failing = why
            return
        if self.failing is not None:
            self._log.info("rollouts_written_again", file=str(self._path))
            self.failing = None

    def _set_aside(self, why: str) -> None:
        kept = self._path
        try:
            kept = set_aside(self._path, self._now())
        except OSError as error:
            why = f"{why}; {error.strerror or error}"
        self._log.failure("rollouts_set_aside", file=str(self._path), kept_as=str(kept), detail=why)
