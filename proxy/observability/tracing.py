"""Ids that let one request be followed: a request id, and W3C trace context continued or started.

A valid traceparent passes through untouched: the proxy records no spans, and a participant that records none must
not break the chain of those that do (W3C Trace Context, section 3.2). A missing or invalid one is replaced, and then
its tracestate is dropped (section 3.3).
"""

import re
from collections.abc import Callable

from proxy import clock

_IDS = rb"-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
# Version 00 ends with the flags; a higher version may have more behind a dash; ff is none.
_TRACEPARENT = re.compile(rb"00" + _IDS + rb"|(?!00|ff)[0-9a-f]{2}" + _IDS + rb"(?:-.*)?")
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

    def follow(self, traceparent: bytes, tracestate: tuple[bytes, ...], request_id: bytes) -> tuple[bytes, bytes]:
        """A request's id, and the field lines for its upstream, each with a leading CRLF.

        `request_id` is the client's where it is to be believed, else empty.
        """
        if not request_id or not _REQUEST_ID.fullmatch(request_id):
            request_id = self.fresh()
        if traceparent and _TRACEPARENT.fullmatch(traceparent):
            lines = b"".join((b"\r\nX-Request-Id: ", request_id, b"\r\ntraceparent: ", traceparent))
            for line in tracestate:
                lines += b"\r\n" + line
        else:
            fresh = (b"\r\nX-Request-Id: ", request_id, _TRACE, self.fresh(), b"-", self.fresh()[:16], b"-01")
            lines = b"".join(fresh)
        return request_id, lines


_TRACE = b"\r\ntraceparent: 00-"


def trace_id(lines: bytes) -> str:
    """The trace id in what `follow` gave."""
    at = lines.index(_TRACE[:-3]) + len(_TRACE)
    return lines[at : at + 32].decode("ascii")
