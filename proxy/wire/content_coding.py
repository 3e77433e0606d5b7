"""Takes off the content coding of a body (RFC 9110 section 8.4.1), within a limit: a bomb costs no more than that.

Never guesses: a coding it does not know, damaged data and too much data are three answers, not an empty body.
"""

import zlib
from collections.abc import Iterable
from enum import Enum
from typing import Final

MAX_CODINGS: Final = 3

_GZIP = 16 + zlib.MAX_WBITS
_ANY_ZLIB = zlib.MAX_WBITS
_RAW = -zlib.MAX_WBITS


class Undecoded(Enum):
    """Why a body stays as it is."""

    UNKNOWN = "an unknown content coding"
    DAMAGED = "damaged data"
    TOO_LARGE = "more than the limit"


def content_codings(values: Iterable[str]) -> tuple[str, ...]:
    """The codings in the values of Content-Encoding, in the order in which they were put on; identity left out."""
    names = (name.strip().lower() for value in values for name in value.split(","))
    return tuple(name for name in names if name not in ("", "identity"))


def decode(body: bytes, codings: tuple[str, ...], limit_bytes: int, *, cut: bool = False) -> bytes | Undecoded:
    """The body without `codings`. Of a `cut` one, as much as can be decoded."""
    if len(codings) > MAX_CODINGS:
        return Undecoded.UNKNOWN
    for coding in reversed(codings):
        found = _inflate(body, coding, limit_bytes, cut) if body else b""
        if isinstance(found, Undecoded):
            return found
        body = found
    return body


def _inflate(body: bytes, coding: str, limit: int, cut: bool) -> bytes | Undecoded:
    if coding in ("gzip", "x-gzip"):
        return _members(body, limit, cut)
    if coding == "deflate":  # zlib by the standard, and raw by a mistake as old as it is
        found = _member(body, _ANY_ZLIB, limit, cut)
        found = _member(body, _RAW, limit, cut) if found is Undecoded.DAMAGED else found
        return found if isinstance(found, Undecoded) else found[0]
    return Undecoded.UNKNOWN


def _members(body: bytes, limit: int, cut: bool) -> bytes | Undecoded:
    """All members of a gzip file, one behind the other (RFC 1952 section 2.2)."""
    whole = bytearray()
    while body:
        found = _member(body, _GZIP, limit - len(whole), cut)
        if isinstance(found, Undecoded):
            return found
        data, body = found
        whole += data
        body = body.lstrip(b"\0")  # padding
    return bytes(whole)


def _member(body: bytes, window: int, limit: int, cut: bool) -> tuple[bytes, bytes] | Undecoded:
    """What one compressed stream holds, and the bytes behind it."""
    stream = zlib.decompressobj(window)
    try:
        data = stream.decompress(body, limit + 1)
    except zlib.error:
        return Undecoded.DAMAGED
    if len(data) > limit:
        return Undecoded.TOO_LARGE
    if not stream.eof and not cut:
        return Undecoded.DAMAGED
    return data, stream.unused_data
