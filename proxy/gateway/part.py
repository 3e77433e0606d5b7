"""What came of one part of a composed answer: JSON to mount, or a failure with a status and a code of a closed set.

Judges whole answers, without any network. A part's bytes are never changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from proxy.forwarding.outcome import STATUS, Outcome
from proxy.wire.json_text import WHITE_SPACE, is_deep, is_json

MAX_BYTES: Final = 1024 * 1024
"""Of one part. Parts are held in memory until all are there."""

TIMEOUT: Final = "timeout"
HTTP_ERROR: Final = "http_error"  # it answered with another status than 2xx
NOT_JSON: Final = "not_json"
TOO_LARGE: Final = "too_large"
TOO_DEEP: Final = "too_deep"


@dataclass(frozen=True, slots=True)
class PartAnswer:
    """What an upstream answered. `fields` have names in lower case; `body` is None where it was larger than allowed."""

    status: int
    fields: Sequence[tuple[bytes, bytes]]
    body: bytes | None

    @property
    def encoded(self) -> bool:
        return any(name == b"content-encoding" and value.lower() != b"identity" for name, value in self.fields)


@dataclass(frozen=True, slots=True)
class Content:
    """JSON text, as the part sent it."""

    text: bytes


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no content. `answer` is the part's own, where it answered with an error."""

    status: int
    code: str
    answer: PartAnswer | None = None


def failed(outcome: Outcome) -> Failure:
    """The failure of a part that did not answer. Every time limit is a `timeout`: a client need not know which."""
    status = STATUS.get(outcome, 502)
    return Failure(status, TIMEOUT if status == 504 else outcome.value)


def judge(answer: PartAnswer) -> Content | Failure:
    """Whether an answer can be mounted."""
    if answer.body is None:
        return Failure(502, TOO_LARGE)
    if not 200 <= answer.status < 300:
        return Failure(answer.status, HTTP_ERROR, answer)
    if answer.encoded:
        return Failure(502, NOT_JSON)
    if is_deep(answer.body):
        return Failure(502, TOO_DEEP)
    return Content(answer.body.strip(WHITE_SPACE)) if is_json(answer.body) else Failure(502, NOT_JSON)
