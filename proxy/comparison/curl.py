"""A captured request as a command of curl, to be pasted into a shell. Pure; the request must have been masked."""

from __future__ import annotations

import shlex
from typing import Final

from proxy.wire.exchange import CapturedRequest

MAX_BODY: Final = 4096  # characters of a command line that a person still reads

_MADE_ANEW: Final = frozenset({"accept-encoding", "connection", "content-length", "transfer-encoding"})


def curl(request: CapturedRequest, base: str) -> str:
    """The command that asks the system at `base`. A body that cannot be typed is left to be filled in."""
    words = ["curl", "-i"]
    if request.method == "HEAD":
        words.append("--head")
    elif request.method != ("POST" if request.body else "GET"):
        words += ["-X", request.method]
    for name, value in request.fields:
        if name.lower() not in _MADE_ANEW:
            words += ["-H", f"{name}: {value.encode('latin-1').decode('utf-8', 'replace')}"]
    words += _body(request.body)
    words += ["--path-as-is", "-g", base.rstrip("/") + request.target]
    return " ".join(shlex.quote(word) for word in words)


def _body(body: bytes) -> list[str]:
    if not body:
        return []
    text = body.decode("utf-8", "replace")
    typeable = len(text) <= MAX_BODY and "\0" not in text and "\ufffd" not in text and not text.startswith("@")
    return ["--data-binary", text if typeable else "@body"]
