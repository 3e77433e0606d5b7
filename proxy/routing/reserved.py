"""Paths that are never routed: what is meant for services among themselves stays off the public address."""

INTERNAL = "/internal"


def is_internal(path: str) -> bool:
    """Whether `path` (normal form) lies under /internal, and is answered 404 before any route is asked."""
    return path.startswith(INTERNAL) and (len(path) == len(INTERNAL) or path[len(INTERNAL)] == "/")
