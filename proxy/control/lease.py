"""Who of several servers on one state folder does what only one may: the one that holds the lock on a file in it.

The system gives the lock back when its holder ends, however that ends; nothing has to time out.
"""

import contextlib
import fcntl
import os
from pathlib import Path
from typing import Final

ROLLOUTS: Final = "rollouts.lock"
HANDOVERS: Final = "handovers.lock"


class Lease:
    """`does` is what its holder does; `why` says why it is not held, in words."""

    def __init__(self, state_dir: str, file: str, does: str) -> None:
        self.why = "it was not asked for yet"
        self._does = does
        self._path = Path(state_dir, file)
        self._descriptor: int | None = None

    def take(self) -> bool:
        """Whether it is ours, now that it has been asked for again if it was not. Never waits."""
        if self._descriptor is not None:
            return True
        descriptor = None
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.why = f"another server on this state folder {self._does}"
        except OSError as error:
            self.why = f"{self._path} cannot be locked: {(error.strerror or str(error)).lower()}"
        else:
            self._descriptor, self.why = descriptor, ""
            return True
        if descriptor is not None:
            os.close(descriptor)
        return False

    def give_back(self) -> None:
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
            self._descriptor, self.why = None, "it was given back"
