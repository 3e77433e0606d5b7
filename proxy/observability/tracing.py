"""Ids that let one request be followed: a request id, and W3C trace context continued or started.

A valid traceparent passes through untouched: the proxy records no spans, and a participant that records none must
not break the chain of those that do (W3C Trace Context, section 3.2). A missing or invalid one is replaced, and then
its tracestate is dropped (section 3.3).
"""

import re
from collections.abc import Callable

from proxy import clock

IDS = rb"-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
# Version 00 ends with the flags; a higher version may have more behind a dash; ff is none.
_TRACEPARENT = re.compile(rb"00" + IDS + rb"|(?!00|ff)[0-9a-f]{2}" + IDS + rb"(?:-.*)?")
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._\-]{1,128}")


class IdSource:
    """Makes ids from a source of random bytes; 128 bits of it name a request, 64 more a span."""

    _BATCH = 256  # drawn at once

    def __init__(self, randbytes: Callable[[int], bytes] | None = None) -> None:
        self._randbytes = randbytes or clock.chance().randbytes
        self._ready: list[bytes] = []

    def fresh(self) -> bytes:
        """A random id of 32 hexadecimal digits."""
        if not self._ready:
            digits = self._randbytes(16 * self._BATCH).hex().encode("ascii")
            self._ready = [digits[at : at + 32] for at in range(0, len(digits), 32)]
        return self._ready.pop()

    def begin_trace(self) -> bytes:
        """The field line of a new trace, with a leading CRLF."""
        return b"".join((TRACEPARENT_LINE, b"00-", self.fresh(), b"-", self.fresh()[:16], b"-01"))


def is_request_id(value: bytes) -> bool:
    """Whether a request id from outside may be taken over."""
    return _REQUEST_ID.fullmatch(value) is not None


def continue_trace(traceparent: bytes, tracestate: tuple[bytes, ...]) -> bytes:
    """The field lines of a trace that goes on, each with a leading CRLF; nothing where the traceparent is invalid.

    `tracestate` are whole field lines.
    """
    if not _TRACEPARENT.fullmatch(traceparent):
        return b""
    line = TRACEPARENT_LINE + traceparent
    return b"\r\n".join((line, *tracestate)) if tracestate else line


TRACEPARENT_LINE = b"\r\ntraceparent: "


def trace_id(lines: bytes) -> str:
    """The trace id in what `begin_trace` or `continue_trace` gave."""
    at = len(TRACEPARENT_LINE) + 3
    return lines[at : at + 32].decode("ascii")
