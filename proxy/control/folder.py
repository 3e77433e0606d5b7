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

from proxy import clock
from proxy.control.launch import LAUNCH_FILE, LINK_SOCKET

MAX_SOCKET_PATH_BYTES = 103  # sun_path is 104 bytes on some systems, 108 on Linux, the last one a NUL
_PREFIX = "strangler-"
_LONGEST_NAME = f"/{_PREFIX}xxxxxxxx/{LINK_SOCKET}"
_ABANDONED_AFTER_SECONDS = 60  # a server that starts right now may have made its folder and not locked it yet


@contextlib.contextmanager
def private_folder(environ: Mapping[str, str]) -> Iterator[Path]:
    """Make the folder (mode 0700) and remove it at the end. Raises `OSError` when no place can hold it."""
    parent = _parent(environ)
    remove_abandoned(Path(parent))
    path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
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


def remove_abandoned(parent: Path) -> None:
    """Remove folders of servers that were killed: ours, made a while ago, and locked by nobody."""
    for path in parent.glob(f"{_PREFIX}????????"):
        with contextlib.suppress(OSError):
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                made = os.fstat(lock)
                old = clock.now().timestamp() - made.st_mtime > _ABANDONED_AFTER_SECONDS
                if made.st_uid == os.geteuid() and old and (path / LAUNCH_FILE).is_file():
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(lock)


def write_durably(path: Path, data: bytes) -> None:
    """As `write_atomically`, and a power cut does not bring the old file back. Raises `OSError`."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file so that a reader sees the old one or the new one, whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(data)
    temporary.replace(path)
