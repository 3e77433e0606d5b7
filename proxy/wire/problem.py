"""Errors the proxy answers itself, as RFC 9457 problem+json: closed outcomes, no detail of upstreams."""

import json
from dataclasses import dataclass
from math import ceil

TITLES = {
    "bad_request": "The request is not well-formed HTTP",
    "body_too_large": "The request body is larger than allowed",
    "body_timeout": "The request body did not arrive in time",
    "connect": "CONNECT is not served",
    "connect_error": "The upstream could not be reached",
    "connect_timeout": "The upstream did not accept a connection in time",
    "connection_limit": "Too many connections",
    "breaker_open": "The upstream fails too often and is left alone for a moment",
    "bulkhead_full": "The upstream has as much to do as it may have",
    "bulkhead_timeout": "The upstream had no place for the request in time",
    "bad_answer": "The upstream's answer is not well-formed HTTP",
    "grpc": "gRPC is not served",
    "head_timeout": "The request head did not arrive in time",
    "head_too_large": "The request head is larger than allowed",
    "hold_expired": "Writing is being moved, and that took too long",
    "hold_full": "Writing is being moved, and too many requests wait for it",
    "internal": "There is nothing here",
    "no_endpoint": "The upstream has no endpoint",
    "overloaded": "The server has as much to do as it can",
    "part_failed": "A required part of the answer could not be had",
    "part_timeout": "A required part of the answer did not come in time",
    "rate_limited": "Too many requests",
    "reset": "The upstream closed the connection before it answered",
    "response_timeout": "The upstream did not answer in time",
    "retired": "This resource is gone",
    "target_too_long": "The request target is too long",
    "total_timeout": "The request took longer than it may",
    "trace": "TRACE is not allowed",
    "tunnel": "WebSockets are not served here",
    "version": "The HTTP version is not served",
}

ALLOW_LINE = b"Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"


@dataclass(frozen=True, slots=True)
class LocalAnswer:
    """An answer made here: a status, field lines without framing, and a whole body."""

    status: int
    reason: str
    lines: tuple[bytes, ...]
    body: bytes = b""


REASONS = {
    200: "OK",
    301: "Moved Permanently",
    302: "Found",
    307: "Temporary Redirect",
    308: "Permanent Redirect",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    410: "Gone",
    413: "Content Too Large",
    414: "URI Too Long",
    415: "Unsupported Media Type",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    505: "HTTP Version Not Supported",
}


def problem(
    status: int, outcome: str, request_id: str, detail: str | None = None, *, retry_after: float = 1.0
) -> LocalAnswer:
    """A problem+json answer of type `urn:strangler:<outcome>`. `retry_after`: in seconds, said with 429 and 503."""
    content = {
        "type": f"urn:strangler:{outcome}",
        "title": TITLES.get(outcome, REASONS.get(status, "Error")),
        "status": status,
        "request_id": request_id,
    }
    if detail:
        content["detail"] = detail
    lines = [b"Content-Type: application/problem+json", b"Cache-Control: no-store"]
    if status in (429, 503):
        lines.append(b"Retry-After: %d" % max(ceil(retry_after), 1))
    if status == 405:
        lines.append(ALLOW_LINE)
    return LocalAnswer(status, REASONS.get(status, ""), tuple(lines), json.dumps(content).encode() + b"\n")
