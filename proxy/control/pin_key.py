"""The key that signs pins: one for a server, its workers, and its later starts.

It lies in the state folder, in the file `pin.key`, mode 0600. Where it cannot be kept there, serving goes on with a key
for this one start. Workers read their copy in the private folder. It is never printed or logged.
"""

import contextlib
import os
import secrets
from pathlib import Path

from proxy.observability.log import Log
from proxy.routing.pin import KEY_BYTES

FILE = "pin.key"


def prepare_pin_key(state_dir: str, folder: str, log: Log) -> None:
    """Put the key where workers find it. Raises OSError when the private folder cannot be written."""
    try:
        key = _ensure(Path(state_dir, FILE))
    except OSError as error:
        key = secrets.token_bytes(KEY_BYTES)
        hint = "users who have just written may be answered by the other side once, right after a restart"
        log.warning("no_pin_key", file=str(Path(state_dir, FILE)), problem=error.strerror or str(error), effect=hint)
    _write(Path(folder, FILE), key)


def read_pin_key(folder: str) -> bytes:
    """The key of this server. Raises OSError."""
    return Path(folder, FILE).read_bytes()


def _ensure(path: Path) -> bytes:
    """The key that is kept, or a new one. A file that is no key is replaced: pins are short, and end with their key."""
    with contextlib.suppress(FileNotFoundError):
        key = path.read_bytes()
        if len(key) == KEY_BYTES:
            return key
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = secrets.token_bytes(KEY_BYTES)
    _write(path, key)
    return key


def _write(path: Path, key: bytes) -> None:
    """Whole, or not at all: another process may read it at any time."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()  # of a start that was killed, and had our number
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
    temporary.replace(path)
