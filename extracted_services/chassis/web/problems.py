"""Errors of the API as RFC 9457 problem documents, in the very words of the contract."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from starlette.responses import JSONResponse

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5
TITLES = {
    "invalid-request": (400, "The request is not valid"),
    "invalid-parameter": (400, "A parameter is not valid"),
    "unauthenticated": (401, "Authentication required"),
    "payment-declined": (402, "Payment declined"),
    "forbidden": (403, "Not allowed"),
    "not-found": (404, "Not found"),
    "method-not-allowed": (405, "Method not allowed"),
    "insufficient-stock": (409, "Not enough in stock"),
    "conflict": (409, "Not possible in this state"),
    "not-owner": (409, "Not the owner"),
    "stale-epoch": (409, "Stale epoch"),
    "behind": (409, "Behind the other side"),
    "too-large": (413, "The body is too large"),
    "unsupported-media-type": (415, "Unsupported media type"),
    "invalid-fields": (422, "The body has invalid fields"),
    "idempotency-key-reused": (422, "Idempotency key used before"),
    "internal-error": (500, "Internal error"),
    "unavailable": (503, "Not available"),
}


class FieldError(NamedTuple):
    """What is wrong with one parameter or property; reads as a sentence: "limit must be …"."""

    field: str
    message: str


class Problem(Exception):
    """An answer that is an error; raised anywhere below an endpoint, it becomes the response.

    `references` are the members that name something: `order_id`, `payment_id`.
    """

    def __init__(
        self,
        kind: str,
        detail: str,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        references: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(kind)
        self.kind = kind
        self.detail = detail
        self.errors = errors
        self.headers = headers or {}
        self.references = references or {}

    @property
    def status(self) -> int:
        return TITLES[self.kind][0]

    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = {
            "type": f"urn:shop:{self.kind}",
            "title": TITLES[self.kind][1],
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            document["errors"] = [error._asdict() for error in self.errors]
        return document | dict(self.references)

    def response(self) -> JSONResponse:
        return JSONResponse(self.document(), self.status, self.headers, media_type=MEDIA_TYPE)


def with_errors(kind: str, errors: Sequence[FieldError]) -> Problem:
    return Problem(kind, "; ".join(f"{error.field} {error.message}" for error in errors), errors)


def invalid_parameters(errors: Sequence[FieldError]) -> Problem:
    return with_errors("invalid-parameter", errors)


def invalid_fields(errors: Sequence[FieldError]) -> Problem:
    return with_errors("invalid-fields", errors)


def invalid_request(detail: str = "The request head is not acceptable") -> Problem:
    return Problem("invalid-request", detail)


def no_token() -> Problem:
    return _challenge("Send a bearer token from POST /api/token", 'Bearer realm="shop"')


def bad_token() -> Problem:
    return _challenge("The token is not valid or has expired", 'Bearer realm="shop", error="invalid_token"')


def forbidden(role: str) -> Problem:
    return Problem("forbidden", f"This needs the role {role}")


def nothing_here() -> Problem:
    return Problem("not-found", "There is nothing at this path")


def not_found(what: str) -> Problem:
    """`what` as in "There is no product with this SKU"."""
    return Problem("not-found", f"There is no {what}")


def method_not_allowed(allow: str) -> Problem:
    return Problem("method-not-allowed", f"Allowed here: {allow}", headers={"Allow": allow})


def conflict(detail: str) -> Problem:
    return Problem("conflict", detail)


def key_reused() -> Problem:
    return Problem("idempotency-key-reused", "This Idempotency-Key came with another body before")


def internal_error() -> Problem:
    return Problem("internal-error", "The request could not be completed")


def unavailable(why: str = "Ask again in a few seconds") -> Problem:
    """For a proxy in front: ask someone else, or later."""
    return Problem("unavailable", why, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


def _challenge(detail: str, challenge: str) -> Problem:
    return Problem("unauthenticated", detail, headers={"WWW-Authenticate": challenge})
