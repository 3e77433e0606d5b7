"""Masks a body by what it is: JSON, a form, parts, a page, a text. What cannot be read is not kept.

What a body is, its bytes say before its Content-Type does: a wrong label hides nothing. A body in which a secret could
stand unseen (packed, in an unknown coding or alphabet, over the limit) is replaced by its size and the reason.
"""

import json
import re
from typing import Final
from urllib.parse import unquote

from proxy.wire.content_coding import Undecoded, decode
from proxy.wire.redaction.json_text import JsonRedaction
from proxy.wire.redaction.names import SecretNames
from proxy.wire.redaction.text import TextRedaction

WITHHELD: Final = b"[withheld: "
"""How a body begins that was not kept."""

MAX_PARTS: Final = 200
MAX_INSIDE: Final = 3  # parts within parts

_CHARSETS: Final = {
    "": "utf-8", "utf-8": "utf-8", "utf8": "utf-8", "us-ascii": "utf-8", "ascii": "utf-8", "utf-16": "utf-16",
    "iso-8859-1": "latin-1", "latin-1": "latin-1", "latin1": "latin-1", "windows-1252": "cp1252",
    "iso-8859-15": "iso-8859-15",
}  # fmt: skip
_PACKED = re.compile(r"protobuf|msgpack|messagepack|cbor|grpc|avro|thrift|bson|/amf|x-java-serialized")
_PICTURES: Final = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"wOFF", b"wOF2", b"\0\0\1\0")
_CONTROL = re.compile("[\0-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_PARAMETER = re.compile(r""";\s*([A-Za-z0-9*_-]+)=(?:"([^"]*)"|([^\s;"]*))""")
_FIRST_PART = re.compile(
    rb"(?i)\s*--([^\r\n]{1,70})\r?\n(?:[a-z-]+:[^\r\n]*\r?\n){0,8}?content-disposition:[ \t]*form-data"
)
_DISPOSITION = re.compile(r"(?im)^content-disposition:(.*)$")
_TYPE = re.compile(r"(?im)^content-type:(.*)$")


def is_withheld(body: bytes) -> bool:
    """Whether a redacted body is only the note that it was not kept."""
    return body.startswith(WITHHELD)


class BodyRedaction:
    """`max_bytes` bounds what a packed body may hold."""

    def __init__(self, names: SecretNames, text: TextRedaction, max_bytes: int) -> None:
        self._names = names
        self._text = text
        self._json = JsonRedaction(names, text)
        self._max_bytes = max_bytes

    def body(self, body: bytes, kind: str, codings: tuple[str, ...], *, cut: bool = False) -> bytes:
        """The body without its content coding and its secrets. `kind` is its Content-Type, or empty."""
        if not body or is_withheld(body):
            return body
        clear = decode(body, codings, self._max_bytes, cut=cut)
        if isinstance(clear, Undecoded):
            return _withheld(body, clear.value)
        return self._clear(clear, kind, cut, 0)

    def _clear(self, body: bytes, kind: str, cut: bool, inside: int) -> bytes:
        media_type, parameters = parse_type(kind)
        boundary = parameters.get("boundary", "") if media_type.startswith("multipart/") else _boundary(body)
        if boundary and inside < MAX_INSIDE:
            return self._parts(body, boundary, cut, inside)
        if boundary or media_type.startswith("multipart/"):
            return _withheld(body, "parts that cannot be told apart")
        if body.startswith(_PICTURES):
            return body
        charset = _CHARSETS.get(parameters.get("charset", "").lower())
        text = charset and not _PACKED.search(media_type) and _as_text(body, charset, cut)
        if not charset or not isinstance(text, str):
            return _withheld(body, media_type or "no text")
        masked = self._masked(text, media_type)
        return body if masked == text and not cut else masked.encode(charset, "xmlcharrefreplace")

    def _masked(self, text: str, media_type: str) -> str:
        start = text.lstrip("\ufeff \t\r\n")[:1]
        if start in ("{", "[", '"') or "json" in media_type:
            masked = self._json.json(text)
            return masked if masked == text and not self._text.suspects(text) else self._loose(text, masked)
        if media_type == "application/x-www-form-urlencoded":
            return self._text.form(text)
        is_markup = start == "<" or "html" in media_type or "script" in media_type or media_type == "text/css"
        return self._text.text(text, markup=is_markup)

    def _loose(self, text: str, masked: str) -> str:
        """What only looked like JSON (a file of settings begins with [ too) is read as any text as well."""
        return masked if _begins_with_json(text) else self._text.text(masked)

    def _parts(self, body: bytes, boundary: str, cut: bool, inside: int) -> bytes:
        """A body of parts (RFC 2046 section 5.1), each masked by its own name and type."""
        delimiter = b"--" + boundary.encode("latin-1", "replace")
        parts = body.split(delimiter)
        if len(parts) > MAX_PARTS + 2 or len(parts) < 2:
            return _withheld(body, "no parts, or too many")
        masked = [self._part(part, cut and part is parts[-1], inside) for part in parts[1:]]
        preamble = self._clear(parts[0], "text/plain", False, inside) if parts[0].strip() else parts[0]
        return delimiter.join((preamble, *masked))

    def _part(self, part: bytes, cut: bool, inside: int) -> bytes:
        head, blank, content = part.partition(b"\r\n\r\n")
        if not blank:
            return part if part.strip(b"-\r\n \t") == b"" else _withheld(part, "no part")
        end = b"\r\n" if content.endswith(b"\r\n") else b""
        content = content[: len(content) - len(end)]
        lines = head.decode("latin-1")
        disposition = _DISPOSITION.search(lines)
        parameters = parse_type(disposition[1])[1] if disposition else {}
        kind = _TYPE.search(lines)
        name = parameters.get("name") or unquote(parameters.get("name*", "").rpartition("'")[2])  # RFC 8187
        if name in self._names and content:
            content = self._text.secret(content.decode("utf-8", "backslashreplace")).encode()
        elif content:
            content = self._clear(content, kind[1].strip() if kind else "", cut, inside + 1)
        return self._text.text(lines).encode("latin-1", "replace") + blank + content + end


def _begins_with_json(text: str) -> bool:
    try:
        json.JSONDecoder().raw_decode(text.lstrip("\ufeff \t\r\n"))
    except (ValueError, RecursionError):
        return False
    return True


def _boundary(body: bytes) -> str:
    """What divides the parts of a body that does not say that it has parts."""
    found = _FIRST_PART.match(body)
    return found[1].decode("latin-1") if found else ""


def parse_type(kind: str) -> tuple[str, dict[str, str]]:
    """Media type and parameters, names in lower case (RFC 9110 section 8.3.1)."""
    media_type, _, _ = kind.partition(";")
    found = {name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(kind[:1000])}
    return media_type.strip().lower(), found


def _as_text(body: bytes, charset: str, cut: bool) -> str | None:
    """The text of a body, or None where it is none. Of a cut one a piece of the last character may be left out."""
    for missing in range(4 if cut else 1):
        try:
            text = body[: len(body) - missing].decode(charset)
        except UnicodeDecodeError:
            continue
        return None if _CONTROL.search(text) else text
    return None


def _withheld(body: bytes, why: str) -> bytes:
    return WITHHELD + f"{len(body)} bytes, {why}]".encode("latin-1", "replace")
