"""Errors of the console as problem details (RFC 9457)."""

from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from proxy.operations.errors import Code, OperationError

MEDIA_TYPE = "application/problem+json"
_STATUS = {Code.INVALID: 422, Code.REFUSED: 409, Code.NOT_MET: 409, Code.UNREACHABLE: 503}


def problem(
    status: int, outcome: str, detail: str, *, headers: dict[str, str] | None = None, **more: Any
) -> JSONResponse:
    """A problem document. `outcome` is a word for programs, `detail` a sentence for people."""
    body = {
        "type": f"urn:strangler:{outcome}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        **more,
    }
    return JSONResponse(body, status, headers=headers, media_type=MEDIA_TYPE)


async def on_http_exception(_request: Request, error: Exception) -> JSONResponse:
    """What Starlette refuses: an unknown path, a method that is not allowed."""
    if not isinstance(error, HTTPException):
        raise error
    phrase = HTTPStatus(error.status_code).phrase
    headers = dict(error.headers) if error.headers else None
    return problem(error.status_code, phrase.lower().replace(" ", "-"), f"{phrase}.", headers=headers)


async def on_operation_error(_request: Request, error: Exception) -> JSONResponse:
    """An operation that could not be done; its findings go along, one string each."""
    if not isinstance(error, OperationError):
        raise error
    return problem(_STATUS[error.code], error.code.value, error.message, problems=list(error.details), **error.data)
