"""The console's token: who has it may change what the proxy does.

It comes from `STRANGLER_TOKEN`, or from the file `token` in the state folder, which is made at the first start with
mode 0600. It must never be printed or logged; only the place where it lies is.
"""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

VARIABLE = "STRANGLER_TOKEN"
_FILE = "token"
_BYTES = 32
_MADE_HERE = "made-here-"  # how a token begins that nobody configured


@dataclass(frozen=True, slots=True)
class Token:
    """A token and where it is kept. `problem` says why there is none; then nobody is let in."""

    where: str
    value: str | None = field(default=None, repr=False)
    problem: str | None = None

    @property
    def made_here(self) -> bool:
        """Whether a first start made it: good enough for those on this machine, no decision to open the console."""
        return self.value is not None and self.value.startswith(_MADE_HERE)


def find_token(state_dir: str, environ: Mapping[str, str]) -> Token:
    """The token that is configured, if any."""
    if value := environ.get(VARIABLE, "").strip():
        return Token(VARIABLE, value)
    path = Path(state_dir, _FILE)
    try:
        value = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return Token(str(path), problem="the file does not exist")
    except (OSError, UnicodeDecodeError) as error:
        return Token(str(path), problem=f"the file cannot be read ({_reason(error)})")
    return Token(str(path), value) if value else Token(str(path), problem="the file is empty")


def ensure_token(state_dir: str, environ: Mapping[str, str]) -> Token:
    """The configured token, or a new one in the state folder. Never raises: see `Token.problem`."""
    found = find_token(state_dir, environ)
    path = Path(state_dir, _FILE)
    if found.value is not None or path.exists():
        return found
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(_MADE_HERE + secrets.token_urlsafe(_BYTES) + "\n")
    except FileExistsError:
        pass  # another start was faster
    except OSError as error:
        return Token(str(path), problem=f"it cannot be written ({_reason(error)})")
    return find_token(state_dir, environ)


def _reason(error: Exception) -> str:
    return (error.strerror or str(error)).lower() if isinstance(error, OSError) else "not text"
