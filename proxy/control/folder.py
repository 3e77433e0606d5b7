"""The private folder of one running server: its Unix socket and the snapshot it serves. Gone when the server is.

Nobody but the owner may enter it: who can write the socket can replace the configuration.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

MAX_SOCKET_PATH_BYTES = 103  # sun_path is 104 bytes on some systems, 108 on Linux, the last one a NUL
_LONGEST_NAME = "/strangler-xxxxxxxx/link.sock"


@contextlib.contextmanager
def private_folder(environ: Mapping[str, str]) -> Iterator[Path]:
    """Make the folder (mode 0700) and remove it at the end. Raises `OSError` when no place can hold it."""
    path = Path(tempfile.mkdtemp(prefix="strangler-", dir=_parent(environ)))
    lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)  # systemd-tmpfiles leaves a locked folder alone, however old its files are
        yield path
    finally:
        os.close(lock)
        shutil.rmtree(path, ignore_errors=True)


def _parent(environ: Mapping[str, str]) -> str:
    """systemd's folder for the service, the user's, the temporary one: the first that can be used."""
    wanted = (environ.get("RUNTIME_DIRECTORY", "").split(":")[0], environ.get("XDG_RUNTIME_DIR", ""))
    for candidate in (*wanted, tempfile.gettempdir()):
        fits = len(os.fsencode(candidate + _LONGEST_NAME)) <= MAX_SOCKET_PATH_BYTES
        if candidate and fits and os.access(candidate, os.W_OK | os.X_OK):
            return candidate
    return "/tmp"  # noqa: S108 - mkdtemp makes a folder of our own in it, mode 0700


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file so that a reader sees the old one or the new one, whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(data)
    temporary.replace(path)
