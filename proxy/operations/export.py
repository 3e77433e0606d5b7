"""Captures given to other tools, and theirs taken in."""

from collections.abc import Sequence
from pathlib import Path

from proxy import clock
from proxy.comparison.capture_file import CaptureLimits, CaptureWriter, Outcome, Say, read_capture
from proxy.comparison.capture_format import BadCapture
from proxy.comparison.har import MAX_HAR_BYTES, from_har, to_har
from proxy.operations.errors import Code, OperationError
from proxy.wire.exchange import Exchange
from proxy.wire.redaction import Redaction, Redactor


def as_har(capture: Path, origin: str, say: Say) -> str:
    """A capture as HAR 1.2, with one entry for every answer. Raises OperationError."""
    try:
        return to_har(read_capture(capture, say), origin) + "\n"
    except (BadCapture, OSError) as error:
        raise _unreadable(capture, error) from None


def as_capture(har: Path, origins: Sequence[str], output: Path, redaction: Redaction, say: Say) -> tuple[int, int]:
    """Write a HAR's exchanges, masked; how many were written, and how many left out. Raises OperationError."""
    exchanges, left_out = read_har(har, origins)
    try:
        writer = CaptureWriter(
            output, Redactor(redaction), clock.now(), say, CaptureLimits(file_bytes=MAX_HAR_BYTES * 2)
        )
    except FileExistsError:
        raise OperationError(Code.INVALID, f"{output}: is there already; a capture never goes over a file") from None
    except OSError as error:
        raise _unreadable(output, error) from None
    try:
        for exchange in exchanges:
            writer.write(exchange)
    finally:
        writer.close()
    written = writer.counts[Outcome.WRITTEN]
    return written, left_out + len(exchanges) - written


def read_har(har: Path, origins: Sequence[str] = ()) -> tuple[list[Exchange], int]:
    """Its exchanges (of these origins, or of all), and how many entries were left out. Raises OperationError."""
    try:
        if har.stat().st_size > MAX_HAR_BYTES:
            raise OperationError(Code.INVALID, f"{har}: larger than {MAX_HAR_BYTES // 1024 // 1024} MiB")
        return from_har(har.read_bytes(), origins)
    except (BadCapture, OSError) as error:
        raise _unreadable(har, error) from None


def _unreadable(path: Path, error: BadCapture | OSError) -> OperationError:
    if isinstance(error, OSError):
        return OperationError(Code.INVALID, f"{path}: {(error.strerror or 'cannot be read or written').lower()}")
    return OperationError(Code.INVALID, str(error) if str(path) in str(error) else f"{path}: {error}")
