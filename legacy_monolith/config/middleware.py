"""One log line per request, joined to the caller's ids.

The ids are read from the request and written to the log only; answers stay the same whoever asks.
"""

import logging
import re
import time
from uuid import uuid4

from django.utils.decorators import sync_only_middleware

from . import log

logger = logging.getLogger("shop.request")
REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")  # W3C Trace Context, level 1
PROBES = ("/healthz", "/readyz")


@sync_only_middleware
def request_log(get_response):
    def middleware(request):
        started = _begin(request)
        response = get_response(request)
        _end(request, response, started)
        return response

    return middleware


@sync_only_middleware
def in_one_thread(get_response):
    """Does nothing, but must stand last: for a middleware that can be both, Django takes the kind of the one behind it.

    So the whole chain runs in one thread; otherwise each member of it would go to a thread and back, twice a request.
    """
    return get_response


def _begin(request) -> float:
    # Whatever does not look like an id is replaced, so that a caller cannot write into the log.
    sent = request.headers.get("X-Request-Id", "")
    log.request_id.set(sent if REQUEST_ID.fullmatch(sent) else str(uuid4()))
    parent = request.headers.get("traceparent", "")
    log.traceparent.set(parent if TRACEPARENT.fullmatch(parent) else None)
    return time.perf_counter()


def _end(request, response, started: float) -> None:
    level = logging.DEBUG if request.path in PROBES else logging.INFO
    duration_ms = round((time.perf_counter() - started) * 1000, 2)
    fields = {
        "method": request.method,
        "path": request.path,
        "status": response.status_code,
        "duration_ms": duration_ms,
    }
    logger.log(level, "%s %s %d", request.method, request.path, response.status_code, extra=fields)
