"""The Idempotency-Key of a request, and the answer it got first, given again."""

import re

from starlette.requests import Request
from starlette.responses import Response

from extracted_services.chassis.answers import Answer, Asked, fingerprint
from extracted_services.chassis.web.headers import read_header
from extracted_services.chassis.web.problems import MEDIA_TYPE, FieldError, invalid_parameters

HEADER = "Idempotency-Key"
_KEY = re.compile(r"[!-~]{1,255}")


def read_asked(request: Request, customer: str, document: object) -> Asked | None:
    """What identifies this request, None when it carries no key; `document` is its body as it was sent.

    Raises Problem 400. To be called before the fields of the body are checked, as the contract orders checks.
    """
    key = read_header(request, HEADER)
    if key is None:
        return None
    if _KEY.fullmatch(key) is None:
        raise invalid_parameters([FieldError(HEADER, "must be 1 to 255 visible ASCII characters")])
    return Asked(customer, request.scope["path"], key, fingerprint(document))


def replay(answer: Answer) -> Response:
    """A kept answer, sent as the bytes it was."""
    headers = {"Idempotency-Replayed": "true"} | ({"Location": answer.location} if answer.location else {})
    media_type = "application/json" if answer.status < 400 else MEDIA_TYPE
    return Response(answer.body.encode(), answer.status, headers, media_type)
