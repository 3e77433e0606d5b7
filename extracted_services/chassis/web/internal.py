"""Whether a request comes from one of the shop's own processes: the bearer token that only these know."""

import hmac

from starlette.requests import Request

from extracted_services.chassis.web.headers import read_header
from extracted_services.chassis.web.problems import Problem


def require_internal_token(request: Request) -> None:
    """Compares in constant time with the application's token. Raises Problem 401."""
    scheme, _, token = (read_header(request, "authorization") or "").partition(" ")
    if scheme.lower() != "bearer":
        raise _refused("Send the internal token as a bearer token", 'Bearer realm="internal"')
    expected: str = request.app.state.internal_token
    if not hmac.compare_digest(token.strip().encode("latin-1"), expected.encode()):
        raise _refused("This is not the internal token", 'Bearer realm="internal", error="invalid_token"')


def _refused(detail: str, challenge: str) -> Problem:
    return Problem("unauthenticated", detail, headers={"WWW-Authenticate": challenge})
