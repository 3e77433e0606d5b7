"""Pairs on the link: exchanges whose answers are to be compared, from a worker to the control process.

They may be dropped, and are counted then: whoever sends asks first whether there is room. What comes is as it was on
the wire, with its secrets: it must not be written anywhere before they are masked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from proxy.control.link import Message
from proxy.forwarding.recording import Wanted
from proxy.wire.exchange import CapturedAnswer, CapturedRequest, Exchange, Fields

MAX_UNSENT_PAIR_BYTES: Final = 8 * 1024 * 1024
"""Above it a pair is dropped: the control process has more to compare than it can."""


@dataclass(frozen=True, slots=True)
class Pair:
    """`failure` is what became of the copy if it was not answered: an outcome of the data path."""

    exchange: Exchange
    failure: str | None = None


def to_message(pair: Pair) -> tuple[Message, Sequence[bytes]]:
    """A message of type `pair` and the bodies that go with it."""
    one, request = pair.exchange, pair.exchange.request
    answers = [
        {"role": role, "status": answer.status, "fields": answer.fields, "seconds": answer.seconds, "cut": answer.cut}
        for role, answer in one.answers.items()
    ]
    message: Message = {
        "type": "pair",
        "at": one.at.isoformat(),
        "route": one.route,
        "primary": one.primary,
        "method": request.method,
        "target": request.target,
        "fields": request.fields,
        "answers": answers,
        "failure": pair.failure,
    }
    return message, [request.body, *(answer.body for answer in one.answers.values())]


def from_message(message: Message) -> Pair:
    """What `to_message` wrote. Raises `KeyError`, `TypeError` or `ValueError` for anything else."""
    body, *bodies = message["bodies"]
    request = CapturedRequest(message["method"], message["target"], _fields(message["fields"]), body)
    answers = {
        answer["role"]: CapturedAnswer(
            answer["status"], _fields(answer["fields"]), data, answer["seconds"], answer["cut"]
        )
        for answer, data in zip(message["answers"], bodies, strict=True)
    }
    at = datetime.fromisoformat(message["at"])
    return Pair(Exchange(at, message["route"], request, answers, message["primary"]), message["failure"])


def wanted_message(wanted: Wanted | None) -> Message:
    """A message of type `record`: what workers shall record from now on."""
    return {"type": "record", "wanted": [wanted.route, wanted.share] if wanted else None}


def wanted_from(message: Message) -> Wanted | None:
    """What `wanted_message` wrote."""
    return Wanted(*message["wanted"]) if message["wanted"] else None


def _fields(rows: Sequence[Any]) -> Fields:
    return tuple((name, value) for name, value in rows)
