"""[IO] Who moved what, when, why and on what evidence: one line of JSON a move, never changed afterwards.

Each entry holds the hash of the one before, so that a changed or missing line is found. Only the end of a chain can be
cut off unseen. It is written after a move holds, and a move never depends on it. It is not rotated: an entry has at
most 32 KiB and mostly less than one, and a file that a person archives is begun anew.
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any, Final

from proxy.config.aside import set_aside
from proxy.config.values import format_share
from proxy.rollout.ports import Move, Position

FILE: Final = "ledger.jsonl"
MAX_ENTRY_BYTES: Final = 32 * 1024
MAX_TEXT: Final = 2000  # letters of why, and of who
START: Final = "0" * 64  # stands for the hash of the entry before the first
_TRIES, _PAUSE_SECONDS = 100, 0.02  # for the lock: nobody holds it for longer than one write

Entry = dict[str, Any]


class LedgerUnwritable(Exception):
    """The entries were not written; says why."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong in a ledger. `broken`: the chain does not hold at that line; else it is an unfinished line."""

    line: int
    why: str
    broken: bool = True


def entry_of(move: Move, revision: str, at: datetime) -> Entry:
    """What is written of a move, all but its place in the chain."""
    found: Entry = {
        "at": at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "who": move.who[:MAX_TEXT],
        "route": move.route,
        "verb": move.verb.value,
        "from": place_as_json(move.before),
        "to": place_as_json(move.after),
        "why": move.because[:MAX_TEXT],
        "evidence": dict(move.evidence),
        "revision": revision,
    }
    if len(canonical(found)) > MAX_ENTRY_BYTES - 1024:  # room for the chain
        found["evidence"] = {"omitted": f"more than {MAX_ENTRY_BYTES} bytes"}
    return found


def place_as_json(place: Position) -> dict[str, Any]:
    """`{stage, weight?, paused?}`, with the weight as the file writes it; what is usual is left out."""
    found: dict[str, Any] = {"stage": place.stage.value}
    found |= {} if place.weight is None else {"weight": format_share(place.weight)}
    return found | ({"paused": True} if place.paused else {})


def canonical(entry: Mapping[str, Any]) -> bytes:
    """The bytes whose hash counts: keys sorted, no spaces, UTF-8."""
    return json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")


def append(path: Path, entries: Sequence[Entry], *, broken_at: datetime, tell: Callable[[str], None]) -> None:
    """Writes the entries, all or none, and waits until the disk has them. Raises LedgerUnwritable.

    A file whose last whole line is no entry is damaged: it is set aside, under a name with `broken_at`, and a new one
    begun; `tell` hears of that, and of a line that was never finished.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        for _ in range(2):
            with _locked(path) as descriptor:
                end, previous = _tail(descriptor)
                if previous is not None:
                    _write(descriptor, end, previous, entries, tell)
                    return
                tell(f"{path.name} is damaged; it is kept as {set_aside(path, broken_at).name}, and a new one begun")
    except OSError as error:
        raise LedgerUnwritable(f"{path}: {(error.strerror or 'input/output error').lower()}") from error
    raise LedgerUnwritable(f"{path}: damaged again, by whatever else writes it")


def _write(descriptor: int, end: bytes, previous: str, entries: Sequence[Entry], tell: Callable[[str], None]) -> None:
    lines = b"\n" if end else b""
    for entry in entries:
        chained = {**entry, "prev": previous}
        previous = hashlib.sha256(canonical(chained)).hexdigest()
        lines += canonical({**chained, "hash": previous}) + b"\n"
    if end:
        tell("the last line was never finished, by a crash or a full disk; it stays, and a new one begins behind it")
    size = os.fstat(descriptor).st_size
    try:
        written = os.write(descriptor, lines)
        os.fsync(descriptor)
    except OSError:
        _cut(descriptor, size)
        raise
    if written != len(lines):
        _cut(descriptor, size)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _cut(descriptor: int, size: int) -> None:
    """No half of a line stays, if that can be had."""
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, size)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        for number in range(_TRIES):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if number == _TRIES - 1:
                    raise
                Event().wait(_PAUSE_SECONDS)
        yield descriptor
    finally:
        os.close(descriptor)


def _tail(descriptor: int) -> tuple[bytes, str | None]:
    """What stands behind the last line break, and the hash of the last entry; None when that line is none."""
    size = os.fstat(descriptor).st_size
    read = os.pread(descriptor, 2 * MAX_ENTRY_BYTES, max(0, size - 2 * MAX_ENTRY_BYTES))
    lines = read.split(b"\n")
    end, whole = lines[-1], lines[:-1]
    if not whole:
        return end, START if len(read) == size else None
    entry = _entry(whole[-1])
    return end, None if entry is None else entry["hash"]


def _entry(line: bytes) -> Entry | None:
    """An entry that is as it was written; None for anything else."""
    try:
        found = json.loads(line)
        claimed = found.pop("hash")
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
        return None
    if not isinstance(claimed, str) or hashlib.sha256(canonical(found)).hexdigest() != claimed:
        return None
    return {**found, "hash": claimed}


def read(path: Path, limit: int, route: str | None = None) -> tuple[list[Entry], list[Finding]]:
    """The newest entries, of one route or of all, oldest first; and what is wrong: of broken links the first.

    Raises OSError; a file that is not there has no entries.
    """
    entries: deque[Entry] = deque(maxlen=limit)
    findings: list[Finding] = []
    previous, unread = START, 0
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return [], []
    with file:
        for number, line in enumerate(file, 1):
            entry = _entry(line) if len(line) <= MAX_ENTRY_BYTES else None
            if entry is None:
                unread = unread or number
                continue
            if entry.get("prev") != previous:
                findings.append(Finding(unread or number, "it does not continue the entry before it"))
                previous, unread = entry["hash"], 0
            elif unread:
                findings.append(Finding(unread, "it was never finished", broken=False))
            previous, unread = entry["hash"], 0
            if route in (None, entry.get("route")):
                entries.append(entry)
    if unread:
        findings.append(_at_the_end(path, unread))
    broken = [each for each in findings if each.broken][:1]
    return list(entries), [*[each for each in findings if not each.broken], *broken]


def _at_the_end(path: Path, line: int) -> Finding:
    """A last line without its end is what a crash leaves; one with its end has been changed."""
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        torn = file.read(1) != b"\n"
    return Finding(line, "it was never finished" if torn else "it is no entry as it was written", broken=not torn)
