"""What a peer is: how it is found, what version it is, and the command that starts it on one core with one worker.

A peer must keep upstream connections alive, forward X-Forwarded-For, -Proto and -Host, know two prefixes and a default,
and write an access log only when asked: what differs then is the proxy, not the work.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

EXTRA_PEERS = Path("build/bench/peers")
"""An optional virtual environment with peers that are not part of the project's own."""


@dataclass(frozen=True, slots=True)
class Setup:
    """One way to start a peer. `folder` is empty and its own; `upstream` is `host:port`."""

    port: int
    upstream: str
    folder: Path
    access_log: bool = False
    routes: int = 200  # read only by proxies of ours; the others know two prefixes and a default
    guarded: bool = False  # likewise
    canary: bool = False  # likewise


@dataclass(frozen=True, slots=True)
class Launch:
    """What to execute."""

    argv: Sequence[str | Path]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Peer:
    """One proxy. `missing` says why it cannot run here and what to do about it, or nothing when it can."""

    name: str
    title: str
    missing: Callable[[], str | None]
    version: Callable[[], str]
    launch: Callable[[Setup], Launch]


def find(program: str) -> Path | None:
    """A program on the PATH (system folders included), beside this interpreter, or in `EXTRA_PEERS`."""
    beside = Path(sys.executable).parent
    extra = (EXTRA_PEERS / "bin").absolute()
    folders = os.pathsep.join([str(beside), str(extra), os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin"])
    found = shutil.which(program, path=folders)
    return Path(found) if found else None


def required(program: str) -> Path:
    """The same for a program whose absence `missing` has already ruled out."""
    found = find(program)
    if found is None:
        raise FileNotFoundError(f"{program} is not installed")
    return found


def missing_program(program: str, install: str) -> Callable[[], str | None]:
    """A `missing` for a peer that is one program."""
    return lambda: None if find(program) else f"{program} not found ({install})"


def program_version(program: str, *arguments: str) -> Callable[[], str]:
    """A `version` that takes the first thing that looks like one from what the program says about itself."""
    return lambda: first_version(said_by([required(program), *arguments]))


def said_by(argv: Sequence[str | Path]) -> str:
    """Standard output and error of a short command, together."""
    return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False).stdout


def first_version(text: str) -> str:
    """`1.22.1` out of `nginx version: nginx/1.22.1`; `?` when nothing looks like a version."""
    found = re.search(r"\d+\.\d+(\.\d+)*", text)
    return found[0] if found else "?"


def fill(template: str, **values: str | int | Path) -> str:
    """Replace each `@name@`. Formatting and string.Template would fight with the braces and dollars of the configs."""
    for name, value in values.items():
        template = template.replace(f"@{name}@", str(value))
    return template
