"""Why a message is not forwarded: a refused request, or an answer of an upstream that is not HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxy.wire.head import RequestHead


class Refusal(Exception):
    """A request that is answered with an error and never forwarded.

    `outcome` is the last part of the problem's `urn:strangler:` type, `detail` a sentence for the client's developer,
    `head` what was asked for, where that was understood.
    """

    def __init__(self, status: int, outcome: str, detail: str, head: RequestHead | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.outcome = outcome
        self.detail = detail
        self.head = head


class BadAnswer(Exception):
    """An upstream's answer that breaks HTTP; the client gets 502 (RFC 9110 section 15.6.3)."""


def bad_head(detail: str) -> Refusal:
    return Refusal(400, "bad_request", detail)
