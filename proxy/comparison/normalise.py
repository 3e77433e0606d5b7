"""What an answer's body says, by its content type: a tree, a page, lines, or bytes. Bounded before it is read.

Content codings are undone up to a limit, so that a compressed bomb costs no more than it. What does not hold to its
type falls back to text, and that to bytes: whatever comes, something is compared.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import parse_qsl

from proxy.comparison.difference import Undecided
from proxy.comparison.findings import TooMuch
from proxy.comparison.html_body import Element, read_html
from proxy.comparison.json_body import TooDeep, Tree, read_json
from proxy.comparison.rules import Rules
from proxy.wire.content_coding import Undecoded, content_codings, decode
from proxy.wire.exchange import CapturedAnswer, value, values

MAX_BODY: Final = 2 * 1024 * 1024
"""Bytes of a body after its content codings are undone."""

MAX_FORM_FIELDS: Final = 10_000

_UNDECODED: Final = {
    Undecoded.UNKNOWN: Undecided.ENCODING,
    Undecoded.DAMAGED: Undecided.UNDECODABLE,
    Undecoded.TOO_LARGE: Undecided.TOO_LARGE,
}
_JSON: Final = frozenset({"application/json", "text/json", "application/problem+json"})
_HTML: Final = frozenset({"text/html", "application/xhtml+xml"})
_FORM: Final = "application/x-www-form-urlencoded"
_TEXT: Final = frozenset({"application/javascript", "application/xml", "application/x-ndjson", "application/yaml"})
# A closed list: the other codecs of Python are no charsets of the web, and some are slow.
_CHARSETS: Final = frozenset(
    {"utf-8", "ascii", "iso8859-1", "iso8859-15", "cp1252", "iso8859-2", "cp1250", "cp1251", "koi8-r", "utf-16"}
)


class Form(StrEnum):
    """How a body is read."""

    EMPTY = "nothing"
    JSON = "JSON"
    HTML = "HTML"
    FIELDS = "a form"
    TEXT = "text"
    BYTES = "bytes"


@dataclass(frozen=True, slots=True)
class Body:
    """`content`: a `Tree` for JSON, forms and text (its lines), an `Element` for HTML, else bytes."""

    form: Form
    content: Tree | Element


def plain_body(answer: CapturedAnswer) -> bytes | Undecided:
    """The body without its content codings."""
    if answer.cut:
        return Undecided.TOO_LARGE
    found = decode(answer.body, content_codings(values(answer.fields, "content-encoding")), MAX_BODY)
    if isinstance(found, Undecoded):
        return _UNDECODED[found]
    return found if len(found) <= MAX_BODY else Undecided.TOO_LARGE


def read(body: bytes, content_type: str | None, rules: Rules) -> Body | Undecided:
    """What a body says."""
    if not body:
        return Body(Form.EMPTY, b"")
    kind, charset = _parse(content_type or "")
    try:
        return _read(body, kind, charset, rules)
    except (TooDeep, RecursionError):
        return Undecided.TOO_DEEP
    except TooMuch:
        return Undecided.TOO_COMPLEX


def _read(body: bytes, kind: str, charset: str | None, rules: Rules) -> Body:
    if kind in _JSON or kind.endswith("+json"):
        try:
            return Body(Form.JSON, read_json(body))
        except TooDeep:
            raise
        except ValueError:
            return _lines(body, charset)
    if kind in _HTML:
        text = _decoded(body, charset)
        return Body(Form.BYTES, body) if text is None else Body(Form.HTML, read_html(text, rules.ignored_elements))
    if kind == _FORM:
        return _fields(body, charset)
    if kind.startswith("text/") or kind in _TEXT or kind.endswith("+xml"):
        return _lines(body, charset)
    return Body(Form.BYTES, body)


def _fields(body: bytes, charset: str | None) -> Body:
    text = _decoded(body, charset)
    if text is None:
        return Body(Form.BYTES, body)
    if text.count("&") >= MAX_FORM_FIELDS:
        raise TooMuch
    found: dict[str, list[Tree]] = {}
    for name, given in parse_qsl(text, keep_blank_values=True):
        found.setdefault(name, []).append(given)
    return Body(Form.FIELDS, {name: given if len(given) > 1 else given[0] for name, given in found.items()})


def _lines(body: bytes, charset: str | None) -> Body:
    text = _decoded(body, charset)
    return Body(Form.BYTES, body) if text is None else Body(Form.TEXT, list(text.split("\n")))


def _decoded(body: bytes, charset: str | None) -> str | None:
    """UTF-8 where nothing else is said; what is no UTF-8 then is read byte by byte, as HTTP once had it."""
    for name in (charset,) if charset else ("utf-8", "latin-1"):
        try:
            return body.decode(name)
        except ValueError:
            continue
    return None


def _parse(content_type: str) -> tuple[str, str | None]:
    """Type and charset, in lower case (RFC 9110 section 8.3.1). A charset that is not known here is none."""
    kind, _, parameters = content_type.partition(";")
    for parameter in parameters.split(";"):
        name, _, given = parameter.partition("=")
        if name.strip().lower() == "charset":
            return kind.strip().lower(), _charset(given.strip().strip('"'))
    return kind.strip().lower(), None


def _charset(name: str) -> str | None:
    try:
        found = codecs.lookup(name).name
    except (LookupError, ValueError):
        return None
    return found if found in _CHARSETS else None


def content_type_of(answer: CapturedAnswer) -> str | None:
    return value(answer.fields, "content-type")
