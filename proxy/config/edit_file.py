"""[IO] Puts an edited text in the place of a file, whole or not at all.

A reader sees the old file or the new one, never a part. Links, mode and owner stay. A file that changed since it was
read is never written over.
"""

import contextlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from proxy.config.edit import EditRefused


class Unwritable(EditRefused):
    """The system does not let the file be replaced: read-only, no permission, no room."""


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """A file as it was read for an edit. `path` is where its text lies, behind any links."""

    path: Path
    data: bytes

    @property
    def text(self) -> str:
        """The text, its byte order mark and line ends as they are. Raises UnicodeDecodeError."""
        return self.data.decode()


def open_for_edit(path: str | Path) -> OpenedFile:
    """Raises OSError."""
    real = Path(path).resolve(strict=True)
    return OpenedFile(real, real.read_bytes())


def write_edited(opened: OpenedFile, text: str) -> None:
    """Replaces the file. The old one stays as it was when this raises.

    Raises Unwritable where it cannot be replaced, EditRefused where somebody else has changed it.
    """
    try:
        _replace(opened, text.encode())
    except OSError as error:
        reason = (error.strerror or "input/output error").lower()
        raise Unwritable(f"{opened.path} cannot be replaced: {reason}", "the file is as it was") from None


def _replace(opened: OpenedFile, data: bytes) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{opened.path.name}.", dir=opened.path.parent)
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            _like(opened.path, file.fileno())
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _check_unchanged(opened)
        draft.replace(opened.path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    _sync_folder(opened.path.parent)


def _check_unchanged(opened: OpenedFile) -> None:
    if opened.path.read_bytes() != opened.data:
        raise EditRefused(f"{opened.path} was changed by somebody else in the meantime", "try it again")


def _like(path: Path, descriptor: int) -> None:
    """Mode and owner of `path` for the draft; who may not give it the owner may not replace the file."""
    found = path.stat()
    own = os.fstat(descriptor)
    if (found.st_uid, found.st_gid) != (own.st_uid, own.st_gid):
        os.fchown(descriptor, found.st_uid, found.st_gid)
    os.fchmod(descriptor, found.st_mode & 0o7777)


def _sync_folder(folder: Path) -> None:
    """Makes the new name outlast a power cut; where folders cannot be synced, it is as good as it gets."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
