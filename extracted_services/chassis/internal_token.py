"""The token that the shop's processes show each other when nobody configured one: a file of the working directory.

Processes that start together must end up with the same token, so the file is put in place whole or not at all,
and only its owner may read it. The token never stands in a log or an answer.
"""

import os
import secrets
from contextlib import suppress
from pathlib import Path

FILE = Path("var", "internal-token")


class TokenUnusable(Exception):
    """The file cannot be read or made, or is empty; says why in one line."""


def choose_internal_token(configured: str | None, file: Path = FILE) -> str:
    """`configured`, or else the content of the file, made at the first call of any process. Raises TokenUnusable."""
    if configured is not None:
        return configured
    try:
        token = _read_or_make(file).decode("ascii").strip()
    except OSError as problem:
        raise TokenUnusable(f"cannot read or make {file}: {problem.strerror}") from None
    except UnicodeDecodeError:
        token = ""
    if not token:
        raise TokenUnusable(f"{file} holds no token; remove it, and a new one is made")
    return token


def _read_or_make(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as made:
            made.write(secrets.token_urlsafe(32).encode())
        with suppress(FileExistsError):  # another process was first: its token is the one
            os.link(draft, file)
    finally:
        draft.unlink()
    return file.read_bytes()
