"""For whoever runs the service: does the process answer, and may it be sent requests."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from extracted_services.inventory.domain.backfill import Run
from extracted_services.inventory.entrypoints.representations import show_time
from extracted_services.inventory.service_layer.readiness import Readiness


async def healthz(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def readyz(request: Request) -> Response:
    readiness: Readiness = await request.app.state.gate.assess()
    document: dict[str, Any] = {"ready": readiness.problem is None}
    if readiness.problem is not None:
        document["problem"] = readiness.problem
    document["backfill"] = _show_backfill(readiness)
    return JSONResponse(document, status_code=200 if readiness.problem is None else 503)


def routes() -> list[BaseRoute]:
    return [Route("/healthz", healthz), Route("/readyz", readyz)]


def _show_backfill(readiness: Readiness) -> dict[str, Any]:
    return {
        "finished": None if readiness.finished is None else _show_run(readiness.finished),
        "unfinished": None if readiness.unfinished is None else _show_run(readiness.unfinished),
    }


def _show_run(run: Run) -> dict[str, Any]:
    return {
        "started_at": show_time(run.started_at),
        "finished_at": None if run.finished_at is None else show_time(run.finished_at),
        **{collection: tally.read for collection, tally in run.tallies.items()},
    }
