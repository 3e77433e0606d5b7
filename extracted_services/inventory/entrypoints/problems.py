"""Errors of the API as RFC 9457 problem documents, in the very words of the contract."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from starlette.responses import JSONResponse

TITLES = {
    "invalid-request": (400, "The request is not valid"),
    "invalid-parameter": (400, "A parameter is not valid"),
    "not-found": (404, "Not found"),
    "method-not-allowed": (405, "Method not allowed"),
    "internal-error": (500, "Internal error"),
    "unavailable": (503, "Not available"),
}


class ParameterError(NamedTuple):
    """What is wrong with one query parameter; reads as a sentence: "limit must be …"."""

    field: str
    message: str


class Problem(Exception):
    """An answer that is an error; raised anywhere below an endpoint, it becomes the response."""

    def __init__(
        self,
        kind: str,
        detail: str,
        errors: Sequence[ParameterError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(kind)
        self.kind = kind
        self.detail = detail
        self.errors = errors
        self.headers = headers or {}

    def response(self) -> JSONResponse:
        status, title = TITLES[self.kind]
        document: dict[str, object] = {
            "type": f"urn:shop:{self.kind}",
            "title": title,
            "status": status,
            "detail": self.detail,
        }
        if self.errors:
            document["errors"] = [error._asdict() for error in self.errors]
        return JSONResponse(document, status, self.headers, media_type="application/problem+json")


def invalid_parameters(errors: Sequence[ParameterError]) -> Problem:
    return Problem("invalid-parameter", "; ".join(f"{error.field} {error.message}" for error in errors), errors)


def invalid_request() -> Problem:
    return Problem("invalid-request", "The request head is not acceptable")


def nothing_here() -> Problem:
    return Problem("not-found", "There is nothing at this path")


def not_found(what: str) -> Problem:
    """`what` as in "There is no product with this SKU"."""
    return Problem("not-found", f"There is no {what}")


def method_not_allowed(allow: str) -> Problem:
    return Problem("method-not-allowed", f"Allowed here: {allow}", headers={"Allow": allow})


def internal_error() -> Problem:
    return Problem("internal-error", "The request could not be completed")


def unavailable(why: str = "Ask again in a few seconds") -> Problem:
    """For a proxy in front: ask someone else, or later."""
    return Problem("unavailable", why, headers={"Retry-After": "5"})


def not_filled() -> Problem:
    """An empty list would say that the shop sells nothing."""
    return unavailable("The catalogue has not been copied yet")
