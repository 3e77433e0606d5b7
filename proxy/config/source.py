"""[IO] Where a Snapshot comes from: a file, its secrets, the environment. Everything it raises is a ConfigError."""

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path

from proxy.config.document import MAX_BYTES, check_size, parse
from proxy.config.errors import ConfigError, Problem
from proxy.config.model import Snapshot
from proxy.config.place import Place
from proxy.config.substitution import Substitution

MAX_SECRET_BYTES = 64 * 1024

_SECRET = re.compile(rb"\$\{file:([^{}]*)\}")


def load_file(path: str | Path, environ: Mapping[str, str]) -> Snapshot:
    """The Snapshot of a routes.yaml. Relative paths in it are read from its folder. Raises ConfigError."""
    return load_content(read_content(path), path, environ)


def read_content(path: str | Path) -> bytes:
    """What the file holds. Raises ConfigError."""
    try:
        return _read(Path(path), str(path))
    except (OSError, ValueError) as error:
        raise ConfigError([Problem(None, f"{path}: {_reason(error)}", _unreadable_hint(error))]) from None


def load_content(content: bytes, path: str | Path, environ: Mapping[str, str]) -> Snapshot:
    """The Snapshot of the file at `path` if it held `content`. Raises ConfigError."""
    where = Path(path).absolute()
    return _load(content, str(path), environ, where.parent, str(where))


def load_text(text: str | bytes, name: str, environ: Mapping[str, str], base_dir: str | Path) -> Snapshot:
    """The Snapshot of a text; `name` stands for the file in messages. Raises ConfigError."""
    return _load(text, name, environ, Path(base_dir).absolute(), name)


def fingerprint(path: str | Path) -> str:
    """A hash that changes when the file does, or a secret's file that it names.

    Never raises: not to be readable is a state too. The file is not parsed, so that polling costs little.
    """
    digest = hashlib.sha256()
    text = _read_or_reason(Path(path), MAX_BYTES)
    digest.update(text)
    for match in _SECRET.finditer(text):
        secret = Path(path).parent / os.fsdecode(match[1])
        digest.update(b"\0" + _read_or_reason(secret, MAX_SECRET_BYTES))
    return digest.hexdigest()


def _load(text: str | bytes, name: str, environ: Mapping[str, str], base_dir: Path, source: str) -> Snapshot:
    from proxy.config.assemble import (
        assemble,
    )  # here, because pydantic takes 0.2 s that a mere import need not wait for
    from proxy.config.decode import decode
    from proxy.config.rules import broken_rules

    substitution = Substitution(environ, lambda path: _read_secret(base_dir / path))
    draft = decode(parse(text, name, substitution))
    problems = [*draft.problems, *broken_rules(draft, lambda path: _why_unreadable(base_dir / path))]
    if problems:
        raise ConfigError(sorted(dict.fromkeys(problems), key=_position))
    sources = (source, *(str(base_dir / path) for path in substitution.files))
    return assemble(draft, _revision(text, substitution.used), base_dir, sources)


def _position(problem: Problem) -> tuple[int, int]:
    return (problem.place.line, problem.place.column) if problem.place else (0, 0)


def _revision(text: str | bytes, used: Mapping[str, str]) -> str:
    digest = hashlib.sha256(text.encode() if isinstance(text, str) else text)
    for name, value in sorted(used.items()):
        digest.update(f"\0{name}\0{value}".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:12]


def _read(path: Path, name: str) -> bytes:
    """The file's bytes, of one that is too large none: its size is asked for before it is read."""
    with path.open("rb") as file:
        check_size(os.fstat(file.fileno()).st_size, name)
        text = file.read(MAX_BYTES + 1)  # a pipe has no size to ask for
    if len(text) > MAX_BYTES:
        raise ConfigError([Problem(Place(name, 1, 1), f"the file has more than {MAX_BYTES:,} bytes (1 MiB)")])
    return text


def _read_or_reason(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(limit + 1)
    except (OSError, ValueError) as error:
        return _reason(error).encode()


def _read_secret(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(MAX_SECRET_BYTES + 1)
    if len(data) > MAX_SECRET_BYTES:
        raise ValueError(f"it has more than {MAX_SECRET_BYTES:,} bytes")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    return text.removesuffix("\n").removesuffix("\r")  # editors and echo end a file with a line break


def _why_unreadable(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            file.read(1)
    except (OSError, ValueError) as error:
        return _reason(error)
    return None


def _reason(error: OSError | ValueError) -> str:
    """Why a file cannot be read, in the system's words, without its path."""
    if isinstance(error, OSError):
        return (error.strerror or "input/output error").lower()
    return "not a possible file name"


def _unreadable_hint(error: OSError | ValueError) -> str | None:
    return "name the file with --config or STRANGLER_CONFIG" if isinstance(error, FileNotFoundError) else None
