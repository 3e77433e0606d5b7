"""How many connections a process's open files allow.

It decides the number of clients, so that one too many is told so instead of left waiting by an accept that fails. It
never changes the limit: that is the worker's, before it serves.
"""

import resource
from errno import EMFILE, ENFILE
from typing import Final

SPARE_FILES: Final = 64
"""For listeners, links and logs, about twenty, and for clients that are being refused."""

REFUSED_AT_ONCE: Final = 16
"""Refused clients that are given time to read why. One more is closed at once, for it would hold a file."""


def most_clients() -> int | None:
    """Client connections that leave each a file for its upstream's; at least one. None: as many as one likes."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if allowed == resource.RLIM_INFINITY else max((allowed - SPARE_FILES) // 2, 1)


def files_are_used_up(error: BaseException) -> bool:
    """Whether a connection failed for want of a file: of this process, or of the machine."""
    return isinstance(error, OSError) and error.errno in (EMFILE, ENFILE)
