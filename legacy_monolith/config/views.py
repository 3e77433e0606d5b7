"""Probes and error pages. An error below /api/ or /internal/ is a problem document, everywhere else a page."""

from http import HTTPStatus

from django.db import DatabaseError, connection
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
    return _error(request, HTTPStatus.INTERNAL_SERVER_ERROR)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return render(request, "errors/csrf.html", status=HTTPStatus.FORBIDDEN)


def _error(request: HttpRequest, status: HTTPStatus) -> HttpResponse:
    if request.path.startswith(("/api/", "/internal/")):
        return problems.for_status(status).response()
    # After a broken request or a failure, a context processor that reads the session could fail for the same reason.
    context_of = request if status in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND) else None
    return render(context_of, f"errors/{status.value}.html", status=status.value)
