"""Where requests to compare with come from: one after the other, and perhaps more of them by what was answered.

Plain values. A source never asks anything itself, and says of what it left out how much that was, by reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Final, Protocol

from proxy.wire.exchange import CapturedAnswer, CapturedRequest, Fields
from proxy.wire.redaction import is_withheld

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that are asked without leave (RFC 9110 section 9.2.1); TRACE is nothing that a system should answer."""

_DECODED: Final = "gzip"
"""The coding that a comparison undoes; of answers in others nothing could be said."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to both sides, and how many links lead to it."""

    request: CapturedRequest
    depth: int = 0


class Source(Protocol):
    """Requests, and `skipped`: how many were left out, by reason."""

    skipped: Counter[str]

    def take(self) -> Asked | None:
        """The next one, or None if there is none now: an answer that is still to come may lead to more."""
        ...

    def learn(self, asked: Asked, answer: CapturedAnswer) -> None:
        """What the left side answered."""
        ...

    def __len__(self) -> int:
        """How many are known of and have not been taken."""
        ...


class Listed:
    """Requests that were known before. `headers` stand in the place of those that were recorded."""

    def __init__(
        self, requests: Iterable[CapturedRequest], *, headers: Fields = (), allow_writes: bool = False, most: int
    ) -> None:
        self.skipped: Counter[str] = Counter()
        kept = (one for one in requests if self._is_asked(one, allow_writes))
        self._waiting = [Asked(dressed(one, headers)) for one in islice(kept, most)][::-1]
        self.skipped["over_the_limit"] += sum(1 for _ in kept)
        self.skipped = +self.skipped

    def take(self) -> Asked | None:
        return self._waiting.pop() if self._waiting else None

    def learn(self, asked: Asked, answer: CapturedAnswer) -> None: ...

    def __len__(self) -> int:
        return len(self._waiting)

    def _is_asked(self, request: CapturedRequest, allow_writes: bool) -> bool:
        if request.method not in SAFE and not allow_writes:
            self.skipped["unsafe_method"] += 1
        elif not request.target.startswith("/"):
            self.skipped["no_path"] += 1
        elif is_withheld(request.body):
            self.skipped["body_withheld"] += 1
        else:
            return True
        return False


def dressed(request: CapturedRequest, headers: Fields) -> CapturedRequest:
    """The request with these fields in the place of its own, and no coding asked for that cannot be undone."""
    replaced = {name.lower() for name, _ in headers} | {"accept-encoding"}
    kept = tuple((name, value) for name, value in request.fields if name.lower() not in replaced)
    named = {name.lower() for name, _ in headers}
    coding = () if "accept-encoding" in named else (("Accept-Encoding", _DECODED),)
    return CapturedRequest(request.method, request.target, (*kept, *coding, *headers), request.body)
