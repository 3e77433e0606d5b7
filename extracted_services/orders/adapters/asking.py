"""Asking another service, as a saga needs it: what its answer, or its silence, means for the step.

answered as expected                                  → done
a refusal of the business                             → refused
certainly not done: not sent, or owned by others now  → not now
anything else: no answer, or one that nobody expects  → unknown, perhaps it was done; asked again, and then for a
                                                        person to look at
"""

from collections.abc import Callable, Mapping
from typing import Any

from extracted_services.chassis import client
from extracted_services.chassis.client import Answered, Unreachable
from extracted_services.orders.saga.outcomes import Done, Json, NotNow, Outcome, Refused, Unknown

TakeResult = Callable[[Any], Json]
Meaning = Callable[[client.Refused], Outcome]


def judge(answer: client.Outcome, result: TakeResult, refusals: Mapping[str, Meaning] | None = None) -> Outcome:
    """`result` takes what is needed out of the body of an answer; `refusals` says what the problems of the business
    mean, by kind (`insufficient-stock`)."""
    match answer:
        case Answered(body=body):
            return Done(result(body))
        case Unreachable(reason, may_be_done):
            return Unknown(reason) if may_be_done else NotNow(reason)
        case client.Refused(kind="not-owner", problem=problem):
            return NotNow(str(problem.get("detail", "it is owned by others")))
        case client.Refused(kind=kind) if refusals and kind in refusals:
            return refusals[kind](answer)
        case client.Refused(status, problem):
            return Unknown(f"refused with {status}: {problem.get('detail', 'no reason given')}")


def refused(reason: str) -> Meaning:
    """The step is refused for that reason; the problem's `errors` are kept for the customer."""
    return lambda refusal: Refused(reason, {"errors": refusal.problem["errors"]} if "errors" in refusal.problem else {})


def nothing(_body: Any) -> Json:
    return {}
