"""The normal form of a request target: what is matched is what is forwarded.

Escapes of unreserved characters are decoded, other escapes upper-cased, nothing else is touched. A path that two
parsers could read differently is refused, never repaired (RFC 3986 section 6.2.2, RFC 9110 section 4.2.3).
"""

import re

UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")

_FORBIDDEN = re.compile(r"[\x00-\x20\x7f#\\]")
_PLAIN = re.compile(r"/[^\x00-\x20\x7f#\\%]*")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})?")


class BadTarget(ValueError):
    """A request target that is refused; the message says why."""


def split_target(target: str) -> tuple[str, str | None]:
    """Path and query of an origin-form target; the query is None where there is no `?`."""
    path, mark, query = target.partition("?")
    return path, query if mark else None


def normalise(path: str, *, allow_encoded_slash: bool = False) -> str:
    """The normal form of an absolute path (no query). Raises BadTarget where it has none."""
    if "%" not in path and "/." not in path and _PLAIN.fullmatch(path):
        return path
    if not path.startswith("/"):
        raise BadTarget("the path does not begin with /")
    if found := _FORBIDDEN.search(path):
        raise BadTarget(f"the path holds {found.group()!r}, which is not allowed there")
    if "%" in path:
        path = _ESCAPE.sub(lambda escape: _unescape(escape, allow_encoded_slash), path)
    _refuse_dot_segments(path)
    return path


def refuse_bad_query(query: str) -> None:
    """Raises BadTarget for bytes that may not stand in a query. Everything else is left as sent."""
    if found := re.search(r"[\x00-\x20\x7f#]", query):
        raise BadTarget(f"the query holds {found.group()!r}, which is not allowed there")


def _unescape(escape: re.Match[str], allow_encoded_slash: bool) -> str:
    digits = escape.group(1)
    if digits is None:
        raise BadTarget("the path holds a % that two hexadecimal digits do not follow")
    char = chr(int(digits, 16))
    if char in UNRESERVED:
        return char
    if char == "\x00" or char == "\\" or (char == "/" and not allow_encoded_slash):
        raise BadTarget(f"the path holds %{digits.upper()}, which servers read differently")
    return f"%{digits.upper()}"


def _refuse_dot_segments(path: str) -> None:
    for segment in path.split("/"):
        # `..;x` is a dot segment to servers that cut path parameters off first.
        if segment.partition(";")[0] in (".", ".."):
            raise BadTarget("the path holds a . or .. segment")
