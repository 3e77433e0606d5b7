"""Does a request that carries an Idempotency-Key once, and gives its first answer to every repetition.

The key's row is written first, in the transaction of the work itself: a second request with that key waits at it, and
finds the answer when it goes on. An answer that did nothing (400, 401, 403, 415, 422) leaves no row.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse

from legacy_monolith.accounts.models import User
from legacy_monolith.sync.writing import attach_answer, writing

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
    with writing():
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


def to_document(kept: KeptAnswer) -> dict:
    """The answer as it travels with what was made together with it."""
    return {
        "customer": str(kept.customer.public_id),
        "path": kept.path,
        "key": kept.key,
        "body_hash": kept.body_hash,
        "status": kept.status,
        "location": kept.location,
        "body": kept.body,
    }


def adopt(answer: Mapping[str, Any], *, about: str, replace: bool) -> None:
    """Keeps a first answer that the other side gave; one that is kept here already stays unless `replace`."""
    customer = User.objects.filter(public_id=answer["customer"]).first()
    if customer is None:
        return  # nobody who could ask again
    name = {"customer": customer, "path": answer["path"], "key": answer["key"]}
    given = {column: answer[column] for column in ("body_hash", "status", "location", "body")} | {"about": about}
    _, is_new = KeptAnswer.objects.get_or_create(**name, defaults=given)
    if replace and not is_new:
        KeptAnswer.objects.filter(**name).update(**given)


def _keep(kept: KeptAnswer, status: int, body: object, headers: dict[str, str]) -> None:
    kept.status, kept.body, kept.location = status, encode(body).decode(), headers.get("Location", "")
    kept.about = attach_answer(to_document(kept))
    kept.save(update_fields=["status", "body", "location", "about"])


def _repeat(kept: KeptAnswer, body_hash: str) -> Reply:
    if kept.body_hash != body_hash:
        raise Problem("idempotency-key-reused", "This Idempotency-Key came with another body before")
    return Replayed(kept.body.encode(), kept.status, {"Location": kept.location} if kept.location else {})
