"""Probes and error pages. An error below /api/ or /internal/ is a problem document, everywhere else a page."""

import sys
from http import HTTPStatus

from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from legacy_monolith.api import problems
from legacy_monolith.sync import background


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """The database answers and has our tables. A broker that is away is told, but the shop serves without it."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM catalogue_product LIMIT 1")
    except DatabaseError:
        return JsonResponse({"ready": False, "database": "not reachable or not migrated"}, status=503)
    trouble = background.find_trouble()
    return JsonResponse({"ready": True} | ({"broker": f"away: {trouble}"} if trouble else {}))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error(request, HTTPStatus.BAD_REQUEST)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error(request, HTTPStatus.FORBIDDEN)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error(request, HTTPStatus.NOT_FOUND)


def server_error(request: HttpRequest) -> HttpResponse:
    """Called while the failure is being handled. A database that is away is no defect, and passes."""
    if isinstance(sys.exc_info()[1], OperationalError | InterfaceError):
        return _error(request, HTTPStatus.SERVICE_UNAVAILABLE)
    return _error(request, HTTPStatus.INTERNAL_SERVER_ERROR)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return render(request, "errors/csrf.html", status=HTTPStatus.FORBIDDEN)


def _error(request: HttpRequest, status: HTTPStatus) -> HttpResponse:
    if request.path.startswith(("/api/", "/internal/")):
        return problems.for_status(status).response()
    # After a broken request or a failure, a context processor that reads the session could fail for the same reason.
    context_of = request if status in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND) else None
    page = render(context_of, f"errors/{status.value}.html", status=status.value)
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        page["Retry-After"] = str(problems.RETRY_AFTER_S)
    return page
