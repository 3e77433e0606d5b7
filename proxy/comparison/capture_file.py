"""[IO] Captures on disk: written masked, bounded and private; read as a stream.

A writer has a Redactor, so that nothing can be written unmasked. It never raises for the disk: what could not be
written is counted, and said once. A kill leaves every line but the last one whole.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from proxy.comparison.capture_format import MAX_LINE_BYTES, BadCapture, check_head, decode, encode, encode_head
from proxy.wire.exchange import Exchange
from proxy.wire.redaction import Redactor

PRIVATE: Final = 0o600

Say = Callable[[str], None]


class Outcome(StrEnum):
    """What became of an exchange that was to be written; a closed set, for a counter."""

    WRITTEN = "written"
    FULL = "full"  # all files that are allowed have been filled
    TOO_LARGE = "too_large"  # for a line, or for a file
    FAILED = "failed"  # the disk


@dataclass(frozen=True, slots=True)
class CaptureLimits:
    """A recording fills at most `files` of at most `file_bytes` and `exchanges` each.

    With one file it ends when that is full. With more, the oldest makes room for the newest.
    """

    file_bytes: int = 64 * 1024 * 1024
    exchanges: int = 100_000
    files: int = 1


class CaptureWriter:
    """Writes one recording to `path`, its older files beside it as `path.1` (newest), `path.2`, …"""

    def __init__(
        self, path: Path, redactor: Redactor, recording: datetime, say: Say, limits: CaptureLimits | None = None
    ) -> None:
        """`recording` is when it begins. Raises OSError when a file cannot be begun, FileExistsError among them."""
        self.counts = dict.fromkeys(Outcome, 0)
        self._path = path
        self._redactor = redactor
        self._recording = recording
        self._say = say
        self._limits = limits or CaptureLimits()
        self._part = self._size = self._exchanges = 0
        self._failing = False
        self._file = -1
        self._begin()

    def write(self, exchange: Exchange) -> Outcome:
        """Masks and appends. Blocks for as long as the disk takes: not for a loop that serves requests."""
        outcome = self._write(encode(self._redactor.redact(exchange)))
        self.counts[outcome] += 1
        return outcome

    def close(self) -> None:
        if self._file >= 0:
            with contextlib.suppress(OSError):  # the lines are there; only when they are safe from a power cut is not
                os.fsync(self._file)
            os.close(self._file)
        self._file = -1

    def _write(self, line: bytes) -> Outcome:
        if len(line) > min(MAX_LINE_BYTES, self._limits.file_bytes - 1024):  # room for the head
            return Outcome.TOO_LARGE
        try:
            if self._is_full(len(line)):
                if self._limits.files == 1:
                    return Outcome.FULL
                self.close()
            if self._file < 0:
                self._begin()
            self._append(line)
        except OSError as error:
            return self._failed(error)
        self._exchanges += 1
        if self._failing:
            self._say(f"{self._path}: written again")
        self._failing = False
        return Outcome.WRITTEN

    def _is_full(self, more: int) -> bool:
        return self._size + more > self._limits.file_bytes or self._exchanges >= self._limits.exchanges

    def _begin(self) -> None:
        """The next file, with its head. A file of that name moves aside, or is in the way if there may be but one."""
        if self._limits.files > 1 and self._path.exists():
            self._rotate()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._file = os.open(self._path, flags, PRIVATE)
        self._part += 1
        self._size = self._exchanges = 0
        try:
            self._append(encode_head(self._recording, self._part))
        except OSError:
            self._path.unlink(missing_ok=True)  # a file without a head is none
            os.close(self._file)
            self._file = -1
            raise

    def _rotate(self) -> None:
        for number in range(self._limits.files - 1, 0, -1):
            source = self._numbered(number - 1)
            if source.exists():
                source.replace(self._numbered(number))

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}") if number else self._path

    def _append(self, line: bytes) -> None:
        """All of the line or nothing: half of one would make the next one unreadable too."""
        try:
            written = os.write(self._file, line)
            while written < len(line):
                written += os.write(self._file, line[written:])
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._size)
            raise
        self._size += len(line)

    def _failed(self, error: OSError) -> Outcome:
        if not self._failing:
            reason = (error.strerror or "input/output error").lower()
            self._say(f"{self._path}: {reason}; what comes is not recorded until it can be written again")
        self._failing = True
        return Outcome.FAILED


def read_capture(path: Path, say: Say) -> Iterator[Exchange]:
    """Its exchanges, one after the other. Raises BadCapture as `file:line: …`, and OSError.

    A last line without its end is what a kill leaves: it is passed over, and `say` is told.
    """
    number = 0
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(MAX_LINE_BYTES + 1), b""), 1):
            if number > 1 and not line.endswith(b"\n") and len(line) <= MAX_LINE_BYTES:
                say(f"{path}:{number}: the last line is cut: the recording was stopped while it wrote; it is left out")
                return
            try:
                if exchange := _read_line(line, number):
                    yield exchange
            except BadCapture as error:
                raise BadCapture(f"{path}:{number}: {error.message}", error.hint) from None
    if not number:
        raise BadCapture(f"{path}:1: the file is empty", "a recording of nothing has a first line too")


def _read_line(line: bytes, number: int) -> Exchange | None:
    if len(line) > MAX_LINE_BYTES:
        raise BadCapture(f"a line of more than {MAX_LINE_BYTES:,} bytes")
    if number == 1:
        check_head(line)
        return None
    return decode(line) if line.strip() else None
