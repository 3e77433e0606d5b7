"""What every path of the JSON API has in common: methods, tokens, roles, and errors as problem documents.

A handler gets the request, the caller, and what the path captured; it returns a `Reply` or raises a `Problem`.
Sessions and cookies play no part here, so there is nothing a foreign page could ride on, and CSRF does not apply.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from django.core.exceptions import SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from legacy_monolith.accounts import tokens
from legacy_monolith.sync.ownership import NotOwner

from . import problems
from .encoding import encode
from .problems import Problem

logger = logging.getLogger("shop.api")


@dataclass(frozen=True)
class Reply:
    body: object
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    def response(self) -> HttpResponse:
        headers = {"Cache-Control": "no-store", **self.headers}
        return HttpResponse(encode(self.body), status=self.status, content_type="application/json", headers=headers)


Handler = Callable[..., Reply]


def public(handler: Handler) -> Handler:
    """For anyone, without a token."""
    return handler


def customer(handler: Handler) -> Handler:
    return _with_role(handler, tokens.CUSTOMER)


def staff(handler: Handler) -> Handler:
    return _with_role(handler, tokens.STAFF)


def _with_role(handler: Handler, role: str) -> Handler:
    def answer(request: HttpRequest, **captured) -> Reply:
        caller = tokens.authenticate(request.headers.get("Authorization"))
        if role not in caller.roles:
            raise problems.forbidden(role)
        return handler(request, caller, **captured)

    return answer


def endpoint(**methods: Handler):
    """A view that serves the methods named, HEAD wherever GET is, and OPTIONS."""
    served = {**({"GET": methods["GET"], "HEAD": methods["GET"]} if "GET" in methods else {}), **methods}
    allow = ", ".join([*served, "OPTIONS"])

    @csrf_exempt
    def view(request: HttpRequest, **captured) -> HttpResponse:
        if request.method == "OPTIONS":
            return _options(allow)
        try:
            if request.method not in served:
                raise problems.method_not_allowed(allow)
            return served[request.method](request, **captured).response()
        except Problem as problem:
            return problem.response()
        except NotOwner as refusal:
            return Problem("not-owner", str(refusal)).response()
        except (OperationalError, InterfaceError):
            logger.exception("The database is away")
            return problems.unavailable().response()
        except SuspiciousOperation:
            return problems.invalid_request("The request head is not acceptable").response()

    return view


def _options(allow: str) -> HttpResponse:
    response = HttpResponse(status=204, headers={"Allow": allow, "Cache-Control": "no-store"})
    del response["Content-Type"]  # there is no content to have one
    return response


@csrf_exempt
def nothing_here(request: HttpRequest, rest: str = "") -> HttpResponse:
    return problems.nothing_here().response()
