"""Paths that are never routed: what is meant for services among themselves stays off the public address."""

INTERNAL = "/internal"
MAYBE_INTERNAL = (INTERNAL, "//")
"""How every internal path begins; others that begin so must be asked about with `is_internal`."""


def is_internal(path: str) -> bool:
    """Whether `path` (normal form) lies under /internal, and is answered 404 before any route is asked.

    Slashes at its beginning count as one, because there are servers that merge them.
    """
    path = "/" + path.lstrip("/")
    return path.startswith(INTERNAL) and (len(path) == len(INTERNAL) or path[len(INTERNAL)] == "/")
