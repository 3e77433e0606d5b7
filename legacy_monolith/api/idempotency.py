"""Does a request that carries an Idempotency-Key once, and gives its first answer to every repetition.

The key's row is written first, in the transaction of the work itself: a second request with that key waits at it, and
finds the answer when it goes on. An answer that did nothing (400, 401, 403, 415, 422) leaves no row.
"""

import hashlib
import json
import re
from collections.abc import Callable

from django.db import transaction
from django.http import HttpRequest, HttpResponse

from .encoding import encode
from .endpoint import Reply
from .models import KeptAnswer
from .problems import MEDIA_TYPE, FieldError, Problem, with_errors

HEADER = "Idempotency-Key"
KEY = re.compile(r"[!-~]{1,255}")
KEPT_PROBLEMS = ("payment-declined", "insufficient-stock")


class Replayed(Reply):
    """A kept answer, sent as the bytes it was."""

    def response(self) -> HttpResponse:
        content_type = "application/json" if self.status < 400 else MEDIA_TYPE
        headers = {"Cache-Control": "no-store", "Idempotency-Replayed": "true", **self.headers}
        return HttpResponse(self.body, status=self.status, content_type=content_type, headers=headers)


def read_key(request: HttpRequest) -> str | None:
    key = request.headers.get(HEADER)
    if key is not None and not KEY.fullmatch(key):
        raise with_errors("invalid-parameter", [FieldError(HEADER, "must be 1 to 255 visible ASCII characters")])
    return key


def once(*, key: str | None, customer, path: str, body: object, act: Callable[[], Reply]) -> Reply:
    """The reply of `act()`, or the one it gave first for this key.

    Raises the problem 422 when the key came with another body before, and whatever problem `act` raises.
    """
    if key is None:
        return act()
    body_hash = fingerprint(body)
    with transaction.atomic():
        kept, is_first = KeptAnswer.objects.get_or_create(
            customer=customer, path=path, key=key, defaults={"body_hash": body_hash}
        )
        if not is_first:
            return _repeat(kept, body_hash)
        try:
            reply = act()
        except Problem as problem:
            if problem.kind not in KEPT_PROBLEMS:
                raise
            _keep(kept, problem.status, problem.document(), problem.headers)
            refusal = problem
        else:
            _keep(kept, reply.status, reply.body, reply.headers)
            return reply
    # Raised outside: inside it would undo the record of a declined payment.
    raise refusal


def fingerprint(body: object) -> str:
    """SHA-256 of the body as a JSON value. A card number counts by its length and last digits: it must not be guessable
    from what is stored."""
    return hashlib.sha256(json.dumps(_mask(body), sort_keys=True).encode()).hexdigest()


def _mask(value: object) -> object:
    match value:
        case {"card": {"number": str(number)} as card}:
            return value | {"card": card | {"number": f"{len(number)} digits, {number[-4:]}"}}
        case _:
            return value


def _keep(kept: KeptAnswer, status: int, body: object, headers: dict[str, str]) -> None:
    kept.status, kept.body, kept.location = status, encode(body).decode(), headers.get("Location", "")
    kept.save(update_fields=["status", "body", "location"])


def _repeat(kept: KeptAnswer, body_hash: str) -> Reply:
    if kept.body_hash != body_hash:
        raise Problem("idempotency-key-reused", "This Idempotency-Key came with another body before")
    return Replayed(kept.body.encode(), kept.status, {"Location": kept.location} if kept.location else {})
