"""One header of a request, as the monolith sees it: fields of the same name are one list (RFC 9110, section 5.3)."""

from starlette.requests import Request


def read_header(request: Request, name: str) -> str | None:
    """A field that was sent twice is "a,b", so that it is refused where only one value makes sense."""
    values = request.headers.getlist(name)
    return ",".join(values) if values else None
