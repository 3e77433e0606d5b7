"""The HTTP application of a service, from its parts; knows no settings and opens nothing."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from extracted_services.chassis.kept_answers import KeyReused
from extracted_services.chassis.keys import KeysUnavailable
from extracted_services.chassis.web import contract, probes
from extracted_services.chassis.web.identity import Keys
from extracted_services.chassis.web.observation import Observation
from extracted_services.chassis.web.probes import Checks
from extracted_services.chassis.web.problems import Problem, key_reused, method_not_allowed, nothing_here, unavailable

Refusals = Mapping[type[Exception], Callable[[Any], Problem]]
"""Which problem each refusal of the service's own layers is told as."""

_COMMON_REFUSALS: Refusals = {
    KeyReused: lambda _: key_reused(),
    KeysUnavailable: lambda _: unavailable("Tokens cannot be verified at the moment"),
}


@asynccontextmanager
async def _nothing_to_close() -> AsyncIterator[None]:
    yield


def create_app(
    routes: Sequence[BaseRoute],
    *,
    checks: Checks,
    tags: Sequence[str],
    keys: Keys | None = None,
    internal_token: str | None = None,
    refusals: Refusals | None = None,
    state: Mapping[str, object] | None = None,
    lifetime: Callable[[], AbstractAsyncContextManager[None]] = _nothing_to_close,
) -> Starlette:
    """An ASGI application with the service's own routes, its probes, and its part of the contract.

    `tags` choose that part. `keys` are needed behind `customer` and `staff`, `internal_token` behind `internal`.
    `state` is what the handlers find at `request.app.state`; `lifetime` surrounds the serving.
    """
    told: Refusals = {**_COMMON_REFUSALS, **(refusals or {})}
    app = Starlette(
        routes=[*routes, *probes.routes(checks), *contract.routes(tags)],
        middleware=[Middleware(Observation)],
        exception_handlers={
            Problem: _answer_problem,
            HTTPException: _answer_refusal,
            **{kind: _answering(as_problem) for kind, as_problem in told.items()},
        },
        lifespan=lambda _app: lifetime(),
    )
    app.router.redirect_slashes = False  # a path with a trailing slash is another path
    app.state.keys = keys
    app.state.internal_token = internal_token
    for name, value in (state or {}).items():
        setattr(app.state, name, value)
    return app


async def _answer_problem(_request: Request, problem: Exception) -> Response:
    if not isinstance(problem, Problem):
        raise problem
    return problem.response()


def _answering(as_problem: Callable[[Any], Problem]) -> Callable[[Request, Exception], Any]:
    async def answer(_request: Request, refusal: Exception) -> Response:
        return as_problem(refusal).response()

    return answer


async def _answer_refusal(_request: Request, refusal: Exception) -> Response:
    """What the router refused: a path it does not know, or a method on a probe."""
    if isinstance(refusal, HTTPException) and refusal.status_code == 405:
        return method_not_allowed("GET, HEAD").response()
    if isinstance(refusal, HTTPException) and refusal.status_code == 404:
        return nothing_here().response()
    raise refusal
