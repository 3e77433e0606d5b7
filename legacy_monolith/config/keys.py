"""Secrets this process makes for itself on first use and keeps in its data folder, readable by its owner alone.

Two processes that start together must end up with the same secret, so a file is put in place whole or not at all.
"""

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def read_or_make(path: Path, make: Callable[[], bytes]) -> bytes:
    """The content of the file; `make()` supplies it when there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(make())
        with suppress(FileExistsError):  # another process was first: its secret is the one
            os.link(draft, path)
    finally:
        draft.unlink()
    return path.read_bytes()


def make_secret_key() -> bytes:
    return secrets.token_urlsafe(48).encode()


def make_internal_token() -> bytes:
    return secrets.token_urlsafe(32).encode()
