"""Ids that let one request be followed: a request id, and W3C trace context continued or started.

A valid traceparent passes through untouched: the proxy records no spans, and a participant that records none must
not break the chain of those that do (W3C Trace Context, section 3.2). A missing or invalid one is replaced, and then
its tracestate is dropped (section 3.3).
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from proxy import clock

_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._\-]{1,128}")


class Ids(NamedTuple):
    """Of one request: `lines` are the field lines for the upstream, each with a leading CRLF."""

    request_id: bytes
    trace_id: bytes
    lines: bytes


class IdSource:
    """Makes ids from a source of random bits; 128 bits of it name a request, 64 more a span."""

    def __init__(self, getrandbits: Callable[[int], int] | None = None) -> None:
        self._getrandbits = getrandbits or clock.chance().getrandbits

    def fresh(self) -> bytes:
        """A request id: 32 hexadecimal digits."""
        return b"%032x" % self._getrandbits(128)

    def follow(self, traceparent: bytes, tracestate: tuple[bytes, ...], request_id: bytes) -> Ids:
        """Ids for a request that came with these fields; `request_id` is empty unless it is to be believed."""
        digits = b"%048x" % self._getrandbits(192)
        fresh = digits[:32]
        chosen = request_id if request_id and _REQUEST_ID.fullmatch(request_id) else fresh
        if traceparent and _is_valid(traceparent):
            trace_id = traceparent[3:35]
            lines = b"\r\nX-Request-Id: %b\r\ntraceparent: %b" % (chosen, traceparent)
            for line in tracestate:
                lines += b"\r\n" + line
        else:
            trace_id = fresh
            lines = b"\r\nX-Request-Id: %b\r\ntraceparent: 00-%b-%b-01" % (chosen, fresh, digits[32:])
        return Ids(chosen, trace_id, lines)


def _is_valid(traceparent: bytes) -> bool:
    # Version 00 has exactly 55 characters; a higher version may have more behind a dash.
    return _TRACEPARENT.fullmatch(traceparent) is not None and (len(traceparent) == 55 or traceparent[:2] != b"00")
