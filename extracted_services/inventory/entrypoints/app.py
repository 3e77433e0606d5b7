"""The HTTP application, from its parts; knows no settings and opens nothing."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from extracted_services.inventory.entrypoints import contract, probes, resources
from extracted_services.inventory.entrypoints.observation import Observation
from extracted_services.inventory.entrypoints.problems import Problem, method_not_allowed, nothing_here
from extracted_services.inventory.service_layer.ports import Catalogue
from extracted_services.inventory.service_layer.readiness import Gate


@asynccontextmanager
async def _nothing_to_close() -> AsyncIterator[None]:
    yield


def create_app(
    catalogue: Catalogue,
    gate: Gate,
    lifetime: Callable[[], AbstractAsyncContextManager[None]] = _nothing_to_close,
) -> Starlette:
    """An ASGI application; `lifetime` surrounds its serving, to close what the caller opened."""
    app = Starlette(
        routes=[*resources.routes(), *probes.routes(), *contract.routes()],
        middleware=[Middleware(Observation)],
        exception_handlers={Problem: _answer_problem, HTTPException: _answer_refusal},
        lifespan=lambda _app: lifetime(),
    )
    app.router.redirect_slashes = False  # a path with a trailing slash is another path
    app.state.catalogue = catalogue
    app.state.gate = gate
    return app


async def _answer_problem(_request: Request, problem: Exception) -> Response:
    if not isinstance(problem, Problem):
        raise problem
    return problem.response()


async def _answer_refusal(_request: Request, refusal: Exception) -> Response:
    """What the router refused: a path it does not know, or a method on a probe."""
    if isinstance(refusal, HTTPException) and refusal.status_code == 405:
        return method_not_allowed("GET, HEAD").response()
    if isinstance(refusal, HTTPException) and refusal.status_code == 404:
        return nothing_here().response()
    raise refusal
