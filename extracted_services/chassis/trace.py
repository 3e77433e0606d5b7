"""Which request, and which trace, this process is working on: ids from the caller continued, or new ones.

W3C Trace Context, level 1. Whatever is not written like an id is replaced, so that no caller can write into
the log.
"""

import re
import secrets
from contextvars import ContextVar
from dataclasses import dataclass
from uuid import uuid4

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}", re.ASCII)
_TRACEPARENT = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<parent>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(?P<rest>-.*)?"
)


@dataclass(frozen=True, slots=True)
class Trace:
    """One span of work: the trace it belongs to, its own id, and the request that caused it."""

    request_id: str
    trace_id: str
    span_id: str
    flags: str

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"

    def headers(self) -> dict[str, str]:
        """What a request made on behalf of this span carries."""
        return {"traceparent": self.traceparent, "x-request-id": self.request_id}


current: ContextVar[Trace | None] = ContextVar("current_trace", default=None)


def start_trace() -> Trace:
    return Trace(str(uuid4()), secrets.token_hex(16), secrets.token_hex(8), "00")


def continue_trace(request_id: str | None, traceparent: str | None) -> Trace:
    """A span below the caller's, if it sent one; `request_id` and `traceparent` are header values."""
    fresh = start_trace()
    identifier = request_id if request_id and _REQUEST_ID.fullmatch(request_id) else fresh.request_id
    parts = _TRACEPARENT.fullmatch(traceparent or "")
    if parts is None or not _is_valid(parts):
        return Trace(identifier, fresh.trace_id, fresh.span_id, fresh.flags)
    return Trace(identifier, parts["trace"], fresh.span_id, parts["flags"])


def _is_valid(parts: re.Match[str]) -> bool:
    # Version ff is forbidden, ids of zeros mean "none", and version 00 ends after its flags.
    return (
        parts["version"] != "ff"
        and parts["trace"].strip("0") != ""
        and parts["parent"].strip("0") != ""
        and (parts["rest"] is None or parts["version"] != "00")
    )
