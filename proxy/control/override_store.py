"""[IO] Where overrides are kept: in the state folder, or, if that cannot be written, in the server's private one.

From the state folder they survive everything; from the private one (often another disk) a restart of the control
process, not of the server; from memory neither. A damaged file is set aside and told of, never believed in part.
"""

import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from proxy.config.aside import set_aside
from proxy.control.folder import write_durably
from proxy.rollout.overrides import Override, decode, encode

FILE: Final = "overrides.json"
MAX_BYTES: Final = 16 * 1024 * 1024


class Survives(StrEnum):
    """What overrides outlive."""

    STATE = "every restart"
    PRIVATE = "a restart of the control process, not of the server"
    MEMORY = "no restart"


class OverrideStore:
    """`private` is the server's own folder; None where there is no server."""

    def __init__(self, state_dir: str, private: str | None) -> None:
        self._state = Path(state_dir, FILE)
        self._private = Path(private, FILE) if private is not None else None

    def read(self, now: datetime | None, tell: Callable[[str], None]) -> tuple[Override, ...]:
        """What was kept last; the private file is there only while it is the newer one.

        A damaged file is set aside under a name with `now`; it stays, for who only looks (None).
        """
        if self._private is not None and self._private.exists():
            return _read(self._private, now, tell)
        return _read(self._state, now, tell)

    def write(self, overrides: Sequence[Override]) -> Survives:
        """Keeps them as well as it goes."""
        if not overrides and not self._state.exists() and not (self._private and self._private.exists()):
            return Survives.STATE  # most servers never have one, and leave no file
        data = encode(overrides)
        try:
            write_durably(self._state, data)
        except OSError:
            return self._write_private(data)
        if self._private is not None:
            with contextlib.suppress(OSError):
                self._private.unlink(missing_ok=True)
        return Survives.STATE

    def _write_private(self, data: bytes) -> Survives:
        if self._private is None:
            return Survives.MEMORY
        try:
            write_durably(self._private, data)
        except OSError:
            return Survives.MEMORY
        return Survives.PRIVATE


def _read(path: Path, now: datetime | None, tell: Callable[[str], None]) -> tuple[Override, ...]:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        return tuple(decode(data))
    except FileNotFoundError:
        return ()
    except OSError as error:
        tell(f"{path} cannot be read, and no override holds: {error.strerror}")
        return ()
    except ValueError:
        kept = ""
        with contextlib.suppress(OSError):
            kept = f"; it is kept as {set_aside(path, now).name}" if now else ""
        tell(f"{path} is damaged, and no override holds{kept}")
        return ()
