"""The key that signs pins: one for a server, its workers, and its later starts.

It lies in the state folder, in the file `pin.key`, mode 0600. Where it cannot be kept there, serving goes on with a key
for this one start. Workers read their copy in the private folder. It is never printed or logged.
"""

import contextlib
import secrets
from pathlib import Path

from proxy.control.folder import write_durably
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
    write_durably(Path(folder, FILE), key)


def read_pin_key(folder: str) -> bytes:
    """The key of this server. Raises OSError."""
    return Path(folder, FILE).read_bytes()


def _ensure(path: Path) -> bytes:
    """The key that is kept, or a new one. A file that is no key is replaced: pins are short, and end with their key."""
    with contextlib.suppress(FileNotFoundError):
        key = path.read_bytes()
        if len(key) == KEY_BYTES:
            return key
    key = secrets.token_bytes(KEY_BYTES)
    write_durably(path, key)
    return key
