"""Every error the JSON API can answer, as RFC 9457 problem documents. The texts are part of the contract."""

from dataclasses import dataclass, field
from http import HTTPStatus
from uuid import UUID

from django.http import HttpResponse

from .encoding import encode

RETRY_AFTER_S = 5
MEDIA_TYPE = "application/problem+json"
TITLES = {
    "invalid-request": (400, "The request is not valid"),
    "invalid-parameter": (400, "A parameter is not valid"),
    "unauthenticated": (401, "Authentication required"),
    "invalid-credentials": (401, "Wrong user name or password"),
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


@dataclass(frozen=True)
class FieldError:
    field: str
    message: str


@dataclass(eq=False)  # not frozen: Python writes a traceback onto what is raised
class Problem(Exception):
    """Raise it anywhere below an endpoint, and it becomes the answer."""

    kind: str
    detail: str
    errors: tuple[FieldError, ...] = ()
    references: dict[str, UUID] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def status(self) -> int:
        return TITLES[self.kind][0]

    def document(self) -> dict:
        document = {
            "type": f"urn:shop:{self.kind}",
            "title": TITLES[self.kind][1],
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            document["errors"] = [{"field": error.field, "message": error.message} for error in self.errors]
        return document | {name: str(value) for name, value in self.references.items()}

    def response(self) -> HttpResponse:
        headers = {"Cache-Control": "no-store", **self.headers}
        return HttpResponse(encode(self.document()), status=self.status, content_type=MEDIA_TYPE, headers=headers)


def with_errors(kind: str, errors: list[FieldError]) -> Problem:
    return Problem(kind, "; ".join(f"{error.field} {error.message}" for error in errors), tuple(errors))


def invalid_request(detail: str) -> Problem:
    return Problem("invalid-request", detail)


def unauthenticated(*, token_was_sent: bool) -> Problem:
    if token_was_sent:
        challenge = 'Bearer realm="shop", error="invalid_token"'
        return Problem(
            "unauthenticated", "The token is not valid or has expired", headers={"WWW-Authenticate": challenge}
        )
    challenge = 'Bearer realm="shop"'
    return Problem(
        "unauthenticated", "Send a bearer token from POST /api/token", headers={"WWW-Authenticate": challenge}
    )


def invalid_credentials() -> Problem:
    headers = {"WWW-Authenticate": 'Bearer realm="shop"'}
    return Problem("invalid-credentials", "The user name or the password is wrong", headers=headers)


def forbidden(role: str) -> Problem:
    return Problem("forbidden", f"This needs the role {role}")


def not_found(what: str) -> Problem:
    """`what` as in "There is no product with this SKU"."""
    return Problem("not-found", f"There is no {what}")


def unavailable() -> Problem:
    return Problem("unavailable", "Ask again in a few seconds", headers={"Retry-After": str(RETRY_AFTER_S)})


def nothing_here() -> Problem:
    return Problem("not-found", "There is nothing at this path")


def method_not_allowed(allow: str) -> Problem:
    return Problem("method-not-allowed", f"Allowed here: {allow}", headers={"Allow": allow})


def for_status(status: HTTPStatus) -> Problem:
    """The problem for an error that Django found before an endpoint was reached."""
    match status:
        case HTTPStatus.NOT_FOUND:
            return nothing_here()
        case HTTPStatus.INTERNAL_SERVER_ERROR:
            return Problem("internal-error", "The request could not be completed")
        case HTTPStatus.SERVICE_UNAVAILABLE:
            return unavailable()
        case _:
            return invalid_request("The request head is not acceptable")
