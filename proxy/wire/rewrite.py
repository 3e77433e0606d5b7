"""Changes to field lines that a route asks for, and those that keep a split route reversible.

Set-Cookie is never touched. Location is mapped back only where it surely points at the endpoint itself.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from proxy.wire.fields import split_line

_SPLIT_STATUS: Final = {301: b"HTTP/1.1 302 Found", 308: b"HTTP/1.1 307 Temporary Redirect"}
# A directive's value may be a quoted list of names (RFC 9111 section 5.2.2.7).
_DIRECTIVE = re.compile(rb'(?:[^,"]|"(?:[^"\\]|\\.)*"?)+')
_SHARED: Final = (b"public", b"s-maxage", b"private")


class LineEdits:
    """Edits of field lines, prepared once: remove, then set, then add."""

    def __init__(
        self, remove: Iterable[str], replace: Sequence[tuple[str, str]], add: Sequence[tuple[str, str]]
    ) -> None:
        gone = [name for name, _ in replace]
        self._gone = frozenset(name.lower().encode("latin-1") for name in [*remove, *gone])
        self._new = [f"{name}: {value}".encode("latin-1") for name, value in [*replace, *add]]

    def apply(self, lines: list[bytes]) -> list[bytes]:
        kept = [line for line in lines if split_line(line)[0] not in self._gone] if self._gone else lines
        return kept + self._new


def temporary_status_line(status: int) -> bytes | None:
    """What a permanent redirect of a split route leaves as, so that no browser remembers it past a rollback."""
    return _SPLIT_STATUS.get(status)


@lru_cache(maxsize=64)
def private_cache_control(lines: tuple[bytes, ...]) -> bytes | None:
    """The Cache-Control line that keeps shared caches off a split route; None where no-store does so already.

    `lines` are the Cache-Control lines of the answer.
    """
    members = [member.strip() for line in lines for member in _DIRECTIVE.findall(split_line(line)[1]) if member.strip()]
    lowered = [member.lower() for member in members]
    if b"no-store" in lowered:
        return None
    kept = [member for member in members if member.lower().partition(b"=")[0].strip() not in _SHARED]
    return b"Cache-Control: " + b", ".join([b"private", *kept])


def map_location(
    location: bytes, authority: bytes, public: bytes, prefixes: tuple[bytes, bytes] | None
) -> bytes | None:
    """Where the client must go for a Location the endpoint gave; None where it needs no change.

    `authority` is the endpoint's, `public` the origin the client sees (`https://shop.example`), `prefixes` the
    endpoint's path prefix and the public one it stands for.
    """
    path = location
    for scheme in (b"http://", b"https://"):
        if location[: len(scheme)].lower() == scheme and location[len(scheme) :].startswith(authority):
            path = location[len(scheme) + len(authority) :]
            if path[:1] not in (b"", b"/", b"?"):
                return None  # the authority only begins alike
            break
    foreign = path is not location
    if not foreign and (not location.startswith(b"/") or location.startswith(b"//")):
        return None  # relative to the page, or an authority of its own (RFC 3986 section 4.2)
    if prefixes is not None:
        inner, outer = prefixes
        if path == inner or path.startswith((inner + b"/", inner + b"?")):
            mapped = outer + path[len(inner) :]
            return public + mapped if foreign else mapped
    return public + path if foreign else None
