"""The endpoints through which the writing of orders, payments and stock is moved to the services and back.

They are for the shop's own processes, which know the internal token; no part of the public API. A move does all that
it is asked for or nothing, and may be repeated.
"""

import hmac
from collections.abc import Callable
from functools import cache

from django.conf import settings
from django.http import HttpRequest

from legacy_monolith.api import fields
from legacy_monolith.api.endpoint import Handler, Reply
from legacy_monolith.api.problems import FieldError, Problem
from legacy_monolith.config.keys import make_internal_token, read_or_make

from . import ownership
from .models import Entity
from .ownership import Standing
from .status import read_status

MOST_EPOCH = 2**53 - 1  # what every JSON reader can hold
Move = Callable[..., dict[str, Standing]]
"""`fence` or `own`."""


def show_sync(request: HttpRequest) -> Reply:
    return Reply({"entities": read_status()})


def fence(request: HttpRequest) -> Reply:
    return _move(request, ownership.fence)


def own(request: HttpRequest) -> Reply:
    return _move(request, ownership.own, heard=_heard)


def internal(handler: Handler) -> Handler:
    """For who sends the internal token as a bearer token."""

    def answer(request: HttpRequest, **captured) -> Reply:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise _refused("Send the internal token as a bearer token", 'Bearer realm="internal"')
        if not hmac.compare_digest(token.strip().encode(), internal_token().encode()):
            raise _refused("This is not the internal token", 'Bearer realm="internal", error="invalid_token"')
        return handler(request, **captured)

    return answer


@cache
def internal_token() -> str:
    """What is configured, or what the first process on this machine has made and the others have found."""
    environment = settings.ENVIRONMENT
    return environment.internal_token or read_or_make(environment.internal_token_file, make_internal_token).decode()


def _move(request: HttpRequest, move: Move, **optional: fields.Field) -> Reply:
    sent = fields.read_json(request)
    more = {name: field for name, field in optional.items() if isinstance(sent, dict) and name in sent}
    entities = fields.array(_entity, most=len(Entity))
    wanted = fields.check(sent, fields.record(entities=entities, epoch=fields.whole_number(1, MOST_EPOCH), **more))
    try:
        moved = move(sorted(set(wanted["entities"])), wanted["epoch"], **{name: wanted[name] for name in more})
    except ownership.StaleEpoch as refusal:
        raise Problem("stale-epoch", str(refusal)) from None
    except ownership.Behind as refusal:
        raise Problem("behind", str(refusal)) from None
    except ownership.Immovable as refusal:
        raise Problem("conflict", str(refusal)) from None
    return Reply({"entities": {entity: standing.show() for entity, standing in moved.items()}})


def _entity(value: object, path: str, errors: list[FieldError]) -> str | None:
    if isinstance(value, str) and value in Entity:
        return value
    errors.append(FieldError(path, f"must be one of {', '.join(sorted(Entity))}"))
    return None


def _heard(value: object, path: str, errors: list[FieldError]) -> dict[str, int] | None:
    if isinstance(value, dict) and all(entity in Entity and _is_position(last) for entity, last in value.items()):
        return value
    errors.append(FieldError(path, "must be an object with a position for each entity"))
    return None


def _is_position(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_EPOCH


def _refused(detail: str, challenge: str) -> Problem:
    return Problem("unauthenticated", detail, headers={"WWW-Authenticate": challenge})
