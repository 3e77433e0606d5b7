"""A captured request as a command of curl, to be pasted into a shell. Pure.

What was masked stays masked: whoever runs the command puts a secret of their own where a mark stands.
"""

from __future__ import annotations

import shlex
from typing import Final

from proxy.wire.exchange import CapturedRequest, value

MAX_BODY: Final = 4096  # characters of a command line that a person still reads

_OF_THE_CLIENT: Final = frozenset(
    {"accept-encoding", "connection", "content-length", "keep-alive", "te", "transfer-encoding", "user-agent"}
)
"""What curl says by itself, or what would show a packed answer."""


def curl(request: CapturedRequest, base: str) -> str:
    """The command that asks the system at `base`. A body that cannot be typed is left to be filled in."""
    words = ["curl", "-i"]
    if request.method == "HEAD":
        words.append("--head")
    elif request.method != ("POST" if request.body else "GET"):
        words += ["-X", request.method]
    for name, said in request.fields:
        if name.lower() not in _OF_THE_CLIENT and (name.lower(), said) != ("accept", "*/*"):
            text = said.encode("latin-1").decode("utf-8", "replace")
            words += ["-H", f"{name}: {text}" if text else f"{name};"]  # `Name:` would take the field out
    if request.body and value(request.fields, "content-type") is None:
        words += ["-H", "Content-Type:"]  # else curl says that it is a form
    words += _body(request.body)
    words += ["--path-as-is", "-g", base.rstrip("/") + request.target]
    return shlex.join(words)


def _body(body: bytes) -> list[str]:
    if not body:
        return []
    text = body.decode("utf-8", "replace")
    typeable = len(text) <= MAX_BODY and "\0" not in text and "\ufffd" not in text
    return ["--data-raw", text] if typeable else ["--data-binary", "@body"]
