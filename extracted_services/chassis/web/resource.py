"""What every path of the API has in common: methods, tokens, roles, and the order in which they are checked.

Path (404), method (405, with `Allow`), token (401), role (403); the handler checks the rest. A handler returns the
response or raises a Problem.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from extracted_services.chassis.paging import ID_FORM
from extracted_services.chassis.web.identity import CUSTOMER, STAFF, Caller, authenticate
from extracted_services.chassis.web.internal import require_internal_token
from extracted_services.chassis.web.problems import forbidden, method_not_allowed

Handler = Callable[[Request], Awaitable[Response]]
CallersHandler = Callable[[Request, Caller], Awaitable[Response]]


class _Id(Convertor[str]):
    """`{order_id:id}` in a path: a UUID in lower case; anything else is another path."""

    regex = ID_FORM.pattern

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("id", _Id())


@dataclass(frozen=True, slots=True)
class Access:
    """A handler behind what a request must show to reach it."""

    answer: Handler


def public(handler: Handler) -> Access:
    """Anyone, without a token."""
    return Access(handler)


def customer(handler: CallersHandler) -> Access:
    return _with_role(handler, CUSTOMER)


def staff(handler: CallersHandler) -> Access:
    return _with_role(handler, STAFF)


def internal(handler: Handler) -> Access:
    """The shop's other processes, by their token."""

    async def answer(request: Request) -> Response:
        require_internal_token(request)
        return await handler(request)

    return Access(answer)


def resource(path: str, **methods: Access) -> Route:
    """A route that serves the methods named, HEAD wherever GET is, and OPTIONS; 405 for the rest."""
    served = {**({"GET": methods["GET"], "HEAD": methods["GET"]} if "GET" in methods else {}), **methods}
    route = Route(path, _Endpoint(served))
    # "$" would also match before a line feed: "/api/products%0A" is another path.
    route.path_regex = re.compile(route.path_regex.pattern.removesuffix("$") + r"\Z")
    return route


def reply(document: object, status: int = 200, location: str | None = None) -> JSONResponse:
    return JSONResponse(document, status, {"Location": location} if location else None)


class _Endpoint:
    """An ASGI application, so that the router leaves the choice of the method to it."""

    def __init__(self, served: dict[str, Access]) -> None:
        self._served = served
        self._allow = ", ".join([*served, "OPTIONS"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        response = await self._answer(request)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={"Allow": self._allow})
        if request.method not in self._served:
            raise method_not_allowed(self._allow)
        return await self._served[request.method].answer(request)


def _with_role(handler: CallersHandler, role: str) -> Access:
    async def answer(request: Request) -> Response:
        caller = await authenticate(request)
        if role not in caller.roles:
            raise forbidden(role)
        return await handler(request, caller)

    return Access(answer)
