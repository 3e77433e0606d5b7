"""How an exchange can fail: a closed set, each with its stage, whom it blames, and the status the client gets.

The one place where a failure becomes 502, 503, 504 or 499.
"""

from enum import StrEnum

from proxy.resilience.outcome import CONNECT_ERROR, RESET, TIMEOUT


class Outcome(StrEnum):
    """The end of an exchange. Values are the last part of the problem's type."""

    ANSWERED = "answered"
    CONNECT_ERROR = "connect_error"  # refused, unreachable, unknown host, failed TLS handshake
    CONNECT_TIMEOUT = "connect_timeout"
    RESET = "reset"  # closed or reset before an answer's head was complete
    BAD_ANSWER = "bad_answer"  # not HTTP, or HTTP that breaks the rules
    RESPONSE_TIMEOUT = "response_timeout"
    TOTAL_TIMEOUT = "total_timeout"  # the whole took longer than it may, tries and pauses included
    TRUNCATED = "truncated"  # the upstream broke off inside its answer
    IDLE_TIMEOUT = "idle_timeout"  # the upstream fell silent inside its answer
    BODY_TIMEOUT = "body_timeout"  # the client fell silent inside its request
    BODY_TOO_LARGE = "body_too_large"
    BAD_REQUEST = "bad_request"  # the client's body is badly framed
    CLIENT_GONE = "client_gone"
    NO_ENDPOINT = "no_endpoint"  # discovery knows none
    OVERLOADED = "overloaded"  # no file was left for a connection: our fault, not the upstream's
    BREAKER_OPEN = "breaker_open"
    BULKHEAD_FULL = "bulkhead_full"
    BULKHEAD_TIMEOUT = "bulkhead_timeout"  # waited too long for a place
    RATE_LIMITED = "rate_limited"
    HOLD_EXPIRED = "hold_expired"  # a write, while writing moved to the other side
    HOLD_FULL = "hold_full"
    SIDE_LEFT = "side_left"  # an event stream, some time after its route went to the other side


STATUS = {
    Outcome.CONNECT_ERROR: 502,
    Outcome.CONNECT_TIMEOUT: 504,
    Outcome.RESET: 502,
    Outcome.BAD_ANSWER: 502,
    Outcome.RESPONSE_TIMEOUT: 504,
    Outcome.TRUNCATED: 502,
    Outcome.IDLE_TIMEOUT: 504,
    Outcome.BODY_TIMEOUT: 408,
    Outcome.BODY_TOO_LARGE: 413,
    Outcome.BAD_REQUEST: 400,
    Outcome.CLIENT_GONE: 499,
    Outcome.TOTAL_TIMEOUT: 504,
    Outcome.NO_ENDPOINT: 503,
    Outcome.OVERLOADED: 503,
    Outcome.BREAKER_OPEN: 503,
    Outcome.BULKHEAD_FULL: 503,
    Outcome.BULKHEAD_TIMEOUT: 503,
    Outcome.RATE_LIMITED: 429,
    Outcome.HOLD_EXPIRED: 503,
    Outcome.HOLD_FULL: 503,
    Outcome.SIDE_LEFT: 503,
}

UPSTREAM_BLAMED = frozenset(
    {
        Outcome.CONNECT_ERROR,
        Outcome.CONNECT_TIMEOUT,
        Outcome.RESET,
        Outcome.BAD_ANSWER,
        Outcome.RESPONSE_TIMEOUT,
        Outcome.TRUNCATED,
        Outcome.IDLE_TIMEOUT,
        Outcome.TOTAL_TIMEOUT,
    }
)

CONDITION = {
    Outcome.CONNECT_ERROR: CONNECT_ERROR,
    Outcome.CONNECT_TIMEOUT: CONNECT_ERROR,  # like one that is refused: nothing was sent
    Outcome.RESET: RESET,
    Outcome.BAD_ANSWER: RESET,
    Outcome.RESPONSE_TIMEOUT: TIMEOUT,
    Outcome.TOTAL_TIMEOUT: TIMEOUT,
}
"""As `retry.on`, `breaker.on` and `fallback.on` call it, where nothing of an answer went to the client."""

REFUSALS = frozenset(
    {
        Outcome.NO_ENDPOINT,
        Outcome.OVERLOADED,
        Outcome.BREAKER_OPEN,
        Outcome.BULKHEAD_FULL,
        Outcome.BULKHEAD_TIMEOUT,
    }
)
"""The upstream was not asked at all."""

OURS = frozenset(
    {
        Outcome.RATE_LIMITED,
        Outcome.BODY_TOO_LARGE,
        Outcome.BAD_REQUEST,
        Outcome.BODY_TIMEOUT,
        Outcome.OVERLOADED,
    }
)
"""The client's doing, or ours: an answer that says nothing about the upstream, and does not count as its side's."""

UNABLE = frozenset({502, 503, 504})
"""Statuses by which an endpoint says that it cannot serve. A 500 is an application's answer, the same from all."""
