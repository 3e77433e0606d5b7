"""A captured request as a command that a person can run: for messages and reports. Pure.

What was masked stays masked: whoever runs the command puts a secret of their own where a mark stands.
"""

import shlex
from typing import Final

from proxy.wire.exchange import CapturedRequest, value

MAX_BODY_BYTES: Final = 4000  # that are written out; more than that nobody pastes

_OF_THE_CLIENT: Final = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade", "expect",
     "accept-encoding", "user-agent"}
)  # fmt: skip
"""What curl says by itself, or what would show a packed answer."""


def curl(request: CapturedRequest, url: str) -> str:
    """The request, sent to the system at `url`, on one line of a POSIX shell. A body that is no text is a file."""
    where = url.rstrip("/") + request.target
    words = ["curl", "-sS", *(["-g"] if set(where) & set("[]{}") else [])]
    if request.method == "HEAD":
        words.append("--head")
    elif request.method != ("POST" if request.body else "GET"):
        words += ["-X", request.method]
    for name, said in request.fields:
        if name.lower() not in _OF_THE_CLIENT and (name.lower(), said) != ("accept", "*/*"):
            words += ["-H", f"{name}: {said}" if said else f"{name};"]
    if request.body and value(request.fields, "content-type") is None:
        words += ["-H", "Content-Type:"]  # else curl says that it is a form
    body = _text(request.body)
    if body is None:
        return f"{shlex.join([*words, '--data-binary', '@body', where])}  # body: a file of {len(request.body)} bytes"
    return shlex.join([*words, *(["--data-raw", body] if body else []), where])


def _text(body: bytes) -> str | None:
    """None for what cannot stand in a command: no text, or too much of it."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    return None if len(body) > MAX_BODY_BYTES or "\0" in text else text
