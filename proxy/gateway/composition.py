"""The answer that is made of parts: a pure function of their results, in the order of the file.

A required part that failed decides alone; everything else is 200, with what is missing named in the body and in a
header. Bytes of parts are put together, never read.
"""

import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from proxy.config.policy import AggregatePart
from proxy.gateway.part import HTTP_ERROR, TIMEOUT, Content, Failure, PartAnswer
from proxy.wire.problem import LocalAnswer, problem

Result = Content | Failure

PASSED_ON: Final = frozenset({401, 403, 404, 410, 429})
"""What a required part says of the client or of the resource: it says it of the composed answer as well."""

SAFE_FIELDS: Final = {
    b"content-type": b"Content-Type",
    b"content-language": b"Content-Language",
    b"retry-after": b"Retry-After",
    b"www-authenticate": b"WWW-Authenticate",
}
"""Fields that go with a status that is passed on. Cookies and validators belong to the part's own address."""

NO_STORE: Final = b"Cache-Control: no-store"
JSON: Final = b"Content-Type: application/json"

# Made with the user's credentials, so never for a shared cache; and how long the shortest-lived part holds is not
# known, so a private one asks again.
WHOLE: Final = (JSON, b"Cache-Control: private, no-cache")


def compose_answer(parts: Sequence[AggregatePart], results: Sequence[Result], request_id: str) -> LocalAnswer:
    """The answer when every part has come to an end. Failures of required parts: the first in the file decides."""
    for part, result in zip(parts, results, strict=True):
        if part.required and isinstance(result, Failure):
            return refuse(part.name, result, request_id)
    failures = [(part.name, it) for part, it in zip(parts, results, strict=True) if isinstance(it, Failure)]
    members = [_member(part.name, _text(part, result)) for part, result in zip(parts, results, strict=True)]
    if not failures:
        return _answer(WHOLE, members)
    errors = {name: {"status": failure.status, "code": failure.code} for name, failure in failures}
    partial = ", ".join(f"{name};{failure.status}" for name, failure in failures)
    lines = (JSON, NO_STORE, b"X-Partial: " + partial.encode("ascii"))
    return _answer(lines, [*members, _member("_errors", _dump(errors))])


def refuse(name: str, failure: Failure, request_id: str) -> LocalAnswer:
    """The answer when a required part failed."""
    answer = failure.answer
    if answer is not None and answer.status in PASSED_ON:
        return _pass_on(name, answer, request_id)
    if failure.code == TIMEOUT:
        return problem(504, "part_timeout", request_id, f"the part {name} did not answer in time")
    what = f"answered {failure.status}" if failure.code == HTTP_ERROR else f"failed: {failure.code}"
    return problem(502, "part_failed", request_id, f"the part {name} {what}")


def _pass_on(name: str, answer: PartAnswer, request_id: str) -> LocalAnswer:
    lines = [b"%b: %b" % (SAFE_FIELDS[key], value) for key, value in answer.fields if key in SAFE_FIELDS]
    if answer.encoded or answer.body is None:  # in a coding that the client may not know
        own = problem(answer.status, "part_failed", request_id, f"the part {name} answered {answer.status}")
        kept = [line for line in lines if not line.startswith(b"Content-")]
        said = [line for line in own.lines if not line.startswith(b"Retry-After")]
        return LocalAnswer(answer.status, _phrase(answer.status), (*said, *kept), own.body)
    return LocalAnswer(answer.status, _phrase(answer.status), (*lines, NO_STORE), answer.body)


def _answer(lines: tuple[bytes, ...], members: Sequence[bytes]) -> LocalAnswer:
    return LocalAnswer(200, "OK", lines, b"{" + b",".join(members) + b"}")


def _member(name: str, text: bytes) -> bytes:
    return b"%b:%b" % (_dump(name), text)


def _text(part: AggregatePart, result: Result) -> bytes:
    return result.text if isinstance(result, Content) else _dump(part.default)


def _dump(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase
