"""Asking another service, as a saga needs it: what its answer, or its silence, means for the step.

answered as expected                        → done
certainly not sent; somebody else owns it   → not now
sent, and the answer lost or a failure      → unknown: perhaps it was done
anything else                               → unknown, too: a person has to look, and until then it is asked again
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from extracted_services.orders.saga.outcomes import Done, Json, NotNow, Outcome, Refused, Unknown

Meaning = Callable[[Mapping[str, Any]], Outcome]


class Unreachable(Exception):
    """No answer that says anything; `unsent`: certainly nothing happened there."""

    def __init__(self, why: str, *, unsent: bool) -> None:
        super().__init__(why)
        self.unsent = unsent


class Client(Protocol):
    """One other service. An answer is its status and its document."""

    async def ask(
        self, method: str, path: str, *, document: object = None, key: str | None = None
    ) -> tuple[int, Mapping[str, Any]]:
        """Asked once. Raises Unreachable, also for 502, 503 and 504."""


async def ask(
    client: Client,
    method: str,
    path: str,
    *,
    done: Callable[[Mapping[str, Any]], Json],
    refusals: Mapping[str, Meaning] | None = None,
    document: object = None,
    key: str | None = None,
) -> Outcome:
    """`done` takes the result out of an answer below 300; `refusals` says what the problems of the business mean, by
    kind (`insufficient-stock`)."""
    try:
        status, told = await client.ask(method, path, document=document, key=key)
    except Unreachable as failure:
        return NotNow(str(failure)) if failure.unsent else Unknown(str(failure))
    if status < 300:
        return Done(done(told))
    kind = str(told.get("type", "")).removeprefix("urn:shop:")
    if kind == "not-owner":
        return NotNow(str(told.get("detail", kind)))
    if refusals and kind in refusals:
        return refusals[kind](told)
    return Unknown(f"{method} {path} was answered with {status}{f' ({kind})' if kind else ''}")


def refused(reason: str) -> Meaning:
    """The step is refused for that reason; the problem's `errors` are kept for the customer."""
    return lambda told: Refused(reason, {"errors": told["errors"]} if "errors" in told else {})
