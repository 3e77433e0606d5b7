"""What every path of the JSON API has in common: methods, tokens, roles, and errors as problem documents.

A handler gets the request, the caller, and what the path captured; it returns a `Reply` or raises a `Problem`.
Sessions and cookies play no part here, so there is nothing a foreign page could ride on, and CSRF does not apply.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from legacy_monolith.accounts import tokens

from . import problems
from .encoding import encode
from .problems import Problem


@dataclass(frozen=True)
class Reply:
    body: object
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    def response(self) -> HttpResponse:
        headers = {"Cache-Control": "no-store", **self.headers}
        return HttpResponse(encode(self.body), status=self.status, content_type="application/json", headers=headers)


@dataclass(frozen=True)
class Access:
    """A handler and who may call it: `role` None means anyone, without a token."""

    handler: Callable[..., Reply]
    role: str | None


def public(handler: Callable[..., Reply]) -> Access:
    return Access(handler, None)


def customer(handler: Callable[..., Reply]) -> Access:
    return Access(handler, tokens.CUSTOMER)


def staff(handler: Callable[..., Reply]) -> Access:
    return Access(handler, tokens.STAFF)


def endpoint(**methods: Access):
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
            return _call(served[request.method], request, captured).response()
        except Problem as problem:
            return problem.response()
        except SuspiciousOperation:
            return problems.invalid_request("The request head is not acceptable").response()

    return view


def _call(access: Access, request: HttpRequest, captured: dict) -> Reply:
    if access.role is None:
        return access.handler(request, **captured)
    caller = tokens.authenticate(request.headers.get("Authorization"))
    if access.role not in caller.roles:
        raise problems.forbidden(access.role)
    return access.handler(request, caller, **captured)


def _options(allow: str) -> HttpResponse:
    response = HttpResponse(status=204, headers={"Allow": allow, "Cache-Control": "no-store"})
    del response["Content-Type"]  # there is no content to have one
    return response


@csrf_exempt
def nothing_here(request: HttpRequest, rest: str = "") -> HttpResponse:
    return problems.nothing_here().response()
