"""Around every request: its ids, its log line, the headers all answers have, and an answer when all else fails.

A plain ASGI middleware: nothing is buffered, and no task is added.
"""

import logging
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from extracted_services.chassis.database import DatabaseUnavailable
from extracted_services.chassis.trace import continue_trace, current
from extracted_services.chassis.web.problems import internal_error, unavailable

logger = logging.getLogger("request")

PROBES = ("/healthz", "/readyz")

# The monolith's own, so that a page that reads the API sees no difference.
COMMON_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Observation:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        token = current.set(continue_trace(headers.get("x-request-id"), headers.get("traceparent")))
        try:
            await self._observe(scope, receive, send)
        finally:
            current.reset(token)

    async def _observe(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        status = 0  # while no head was sent

        async def send_observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                answer = MutableHeaders(scope=message)
                for name, value in COMMON_HEADERS.items():
                    answer.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, send_observed)
        except DatabaseUnavailable as problem:
            logger.error("the database is not available: %s", problem)  # noqa: TRY400 - the reason says all, a stack none
            await _answer_unless_begun(status, unavailable().response(), scope, receive, send_observed)
        except ClientDisconnect:
            logger.info("the client left before it had sent its request")
        except Exception:
            logger.exception("a request failed")
            await _answer_unless_begun(status, internal_error().response(), scope, receive, send_observed)
        finally:
            _log(scope, status, time.perf_counter() - started)


async def _answer_unless_begun(status: int, answer: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    if status == 0:
        await answer(scope, receive, send)


def _log(scope: Scope, status: int, seconds: float) -> None:
    level = logging.DEBUG if scope["path"] in PROBES else logging.INFO
    fields = {
        "method": scope["method"],
        "path": scope["path"],
        "status": status,
        "duration_ms": round(seconds * 1000, 2),
    }
    logger.log(level, "%s %s %d", scope["method"], scope["path"], status, extra={"fields": fields})
