"""The console's web application: health, metrics and the admin API, each a thin door to an operation.

It is served on `listen.console` only, never on the public port, and it must never read or change anything but through
`proxy.operations`.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from proxy import clock
from proxy.admin.guard import Bearer, Guard, host_check
from proxy.admin.problems import on_http_exception, on_operation_error
from proxy.control.plane import ControlPlane
from proxy.control.recordings import Recordings
from proxy.operations import (
    exposition,
    handover,
    history,
    inventory,
    moves,
    record,
    reload,
    restart,
    rollouts,
    status,
    upstreams,
)
from proxy.operations.errors import Code, OperationError
from proxy.operations.mismatches import mismatches, read_question
from proxy.operations.orders import Scope, read_order
from proxy.rollout.ports import Verb

MAX_BODY_BYTES = 64 * 1024  # of a call
CALLER = "operator"  # whose token it is, in the ledger: there is one token


def create_console(plane: ControlPlane, *, token: str | None, hosts: Collection[str] = ()) -> Starlette:
    """The application. `hosts` are names, besides its address, under which the console may be asked for."""
    doors = Doors(plane)
    api = [
        Route("/status", doors.status),
        Route("/routes", doors.routes),
        Route("/upstreams", doors.upstreams),
        Route("/inventory", doors.inventory),
        Route("/mismatches", doors.mismatches),
        Route("/rollouts", doors.rollouts),
        Route("/handovers", doors.handovers),
        Route("/routes/{name}/handover", doors.hand_over_route, methods=["POST"]),
        Route("/groups/{name}/handover", doors.hand_over_group, methods=["POST"]),
        Route("/reload", doors.reload, methods=["POST"]),
        Route("/record", doors.record, methods=["POST"]),
        Route("/restart", doors.restart, methods=["POST"]),
        Route("/history", doors.history),
        Route("/routes/{name}/{verb}", doors.move(Scope.ROUTE), methods=["POST"]),
        Route("/groups/{name}/{verb}", doors.move(Scope.GROUP), methods=["POST"]),
        Route("/rollback", doors.move(Scope.ALL), methods=["POST"]),
    ]
    return Starlette(
        routes=[
            Route("/livez", doors.livez),
            Route("/readyz", doors.readyz),
            Route("/metrics", doors.metrics),
            Mount("/api/v1", routes=api, middleware=[Middleware(Bearer, token=token)]),
        ],
        # Probes ask by whatever address they were given, and /livez has nothing to tell anybody.
        middleware=[
            Middleware(Guard, allowed=host_check(plane.launch.console_bound[0], hosts), exempt=frozenset({"/livez"}))
        ],
        exception_handlers={HTTPException: on_http_exception, OperationError: on_operation_error},
    )


class Doors:
    """One method a path."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._recordings = Recordings(plane.hub)

    async def livez(self, _request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(self, _request: Request) -> Response:
        body = status.readiness(self._plane)
        return JSONResponse(body, 200 if body["ready"] else 503)

    async def metrics(self, request: Request) -> Response:
        text, media_type = exposition.metrics(self._plane, request.headers.get("accept", ""))
        return Response(text, headers={"Content-Type": media_type})

    async def status(self, _request: Request) -> Response:
        return _json(status.status(self._plane))

    async def routes(self, _request: Request) -> Response:
        return _json(status.routes(self._plane))

    async def upstreams(self, _request: Request) -> Response:
        return _json(upstreams.upstreams(self._plane))

    async def inventory(self, _request: Request) -> Response:
        return _json(inventory.of_server(self._plane))

    async def mismatches(self, request: Request) -> Response:
        asked, snapshot = read_question(request.query_params), self._plane.active.snapshot
        return _json(await asyncio.to_thread(mismatches, snapshot, asked, clock.now()))

    async def rollouts(self, _request: Request) -> Response:
        return _json(rollouts.rollouts(self._plane))

    async def reload(self, _request: Request) -> Response:
        return _json(await reload.reload(self._plane))

    async def record(self, request: Request) -> Response:
        order = record.read_order(await _asked(request), self._plane.active.snapshot)
        return await _streamed(record.stream(self._recordings, order))

    async def handovers(self, _request: Request) -> Response:
        return _json(await handover.ownership(handover.handovers_of(self._plane.handovers)))

    async def hand_over_route(self, request: Request) -> Response:
        return await self._hand_over("route", request)

    async def hand_over_group(self, request: Request) -> Response:
        return await self._hand_over("group", request)

    async def _hand_over(self, kind: str, request: Request) -> Response:
        snapshot = self._plane.active.snapshot
        order = handover.read_order(await _asked(request), kind, request.path_params["name"], snapshot, CALLER)
        return await _streamed(handover.stream(handover.handovers_of(self._plane.handovers), order, snapshot))

    async def restart(self, _request: Request) -> Response:
        return JSONResponse(restart.rolling_restart(self._plane), 202)

    async def history(self, request: Request) -> Response:
        asked, state_dir = request.query_params, self._plane.active.snapshot.state_dir
        limit = history.read_limit(asked.get("limit"))
        return _json(await asyncio.to_thread(history.history, state_dir, asked.get("route"), limit))

    def move(self, scope: Scope) -> Callable[[Request], Awaitable[Response]]:
        """The door of one kind of names; without a verb in the path it is that of a rollback of everything."""

        async def door(request: Request) -> Response:
            name, verb = request.path_params.get("name", ""), request.path_params.get("verb", Verb.ROLLBACK.value)
            order = read_order(scope, name, verb, await _asked(request), CALLER)
            return _json(await moves.move(self._plane, order))

        return door


def _json(body: dict[str, Any]) -> JSONResponse:
    return JSONResponse(body)


async def _asked(request: Request) -> dict[str, Any]:
    """The body of a call. Raises OperationError."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            raise OperationError(Code.INVALID, f"more than {MAX_BODY_BYTES} bytes")
    try:
        found = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise OperationError(Code.INVALID, "not an object of JSON")
    return found


async def _streamed(lines: AsyncGenerator[bytes]) -> Response:
    first = await anext(lines)  # a refusal has a status only before the first line
    return StreamingResponse(_joined(first, lines), media_type="application/x-ndjson")


async def _joined(first: bytes, lines: AsyncGenerator[bytes]) -> AsyncIterator[bytes]:
    async with contextlib.aclosing(lines):
        yield first
        async for line in lines:
            yield line
