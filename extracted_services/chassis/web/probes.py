"""For whoever runs the service: does the process answer, and may it be sent requests.

Every check is asked each time, all at once, and none may keep the answer waiting. What is told is what the check
says; of a failure that nobody expected, only that it happened: the log has the rest.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from extracted_services.chassis.database import DatabaseUnavailable
from extracted_services.chassis.schema import SchemaMismatch
from extracted_services.chassis.web.problems import MEDIA_TYPE, unavailable

CHECK_SECONDS = 3.0

Details = Mapping[str, Any]
Checks = Mapping[str, Callable[[], Awaitable[Details | None]]]
"""What must hold, by name. A check returns what there is to tell, or raises NotReady."""

logger = logging.getLogger("probes")


class NotReady(Exception):
    """Why this process should not be sent requests now, in one line without secrets, and what else there is to tell."""

    def __init__(self, problem: str, details: Details | None = None) -> None:
        super().__init__(problem)
        self.details = details or {}


async def healthz(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


def routes(checks: Checks, *, seconds: float = CHECK_SECONDS) -> list[BaseRoute]:
    """`/healthz` and `/readyz`; a check that takes longer than `seconds` has failed."""

    async def readyz(_request: Request) -> Response:
        found = await asyncio.gather(*(_ask(name, check, seconds) for name, check in checks.items()))
        return _answer(dict(zip(checks, found, strict=True)))

    return [Route("/healthz", healthz), Route("/readyz", readyz)]


def _answer(found: dict[str, Details]) -> Response:
    """Ready: 200. Not ready: 503 and a problem document that has the same members besides its own."""
    problems = [f"{name}: {details['problem']}" for name, details in found.items() if details["problem"] is not None]
    told = {"ready": not problems, "checks": found}
    if not problems:
        return JSONResponse(told)
    problem = unavailable("; ".join(problems))
    return JSONResponse(problem.document() | told, problem.status, problem.headers, media_type=MEDIA_TYPE)


async def _ask(name: str, check: Callable[[], Awaitable[Details | None]], seconds: float) -> Details:
    try:
        async with asyncio.timeout(seconds):
            return {"problem": None, **(await check() or {})}
    except NotReady as refusal:
        return {"problem": str(refusal), **refusal.details}
    except (DatabaseUnavailable, SchemaMismatch) as problem:
        return {"problem": str(problem)}
    except TimeoutError:
        return {"problem": f"no answer within {seconds:g} s"}
    except Exception:
        logger.exception("the check %s failed", name)
        return {"problem": "the check failed"}
