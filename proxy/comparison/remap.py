"""Values that a recording's answers gave out and its later requests used, and what stands in their place in a replay.

Pure. Learns by laying a recorded answer beside the one that the replay got: cookies by name, JSON by path, form fields
by name, `Location` by segment. Learnt are secrets (`***1` in the recording) and, of what a write answered, ids. What
it knows of secrets never leaves memory.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote, quote_plus, unquote, unquote_plus, urlsplit

from selectolax.lexbor import LexborHTMLParser

from proxy.comparison.normalise import plain_body
from proxy.comparison.sources import SAFE
from proxy.wire.exchange import CapturedAnswer, CapturedRequest, Fields, value, values
from proxy.wire.redaction.marks import PLAIN

NUMBERED: Final = re.compile(r"\*\*\*[0-9]{1,9}")
MAX_VALUES: Final = 100_000
MAX_TEXT: Final = 8192  # characters of a value that is learnt
MAX_MARKS: Final = 4  # in one value
MAX_DEPTH: Final = 64

_ID_NAME: Final = re.compile(
    r"(?i)(?:^|[_-])(?:id|uuid|guid|key|code|slug|number|token|ref|reference|href|url)s?$|[a-z]Id$"
)
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_NUMBER_OF_ID: Final = re.compile(r'("(?:[^"\\]*[_-])?(?:id|[a-z]+Id)"\s*:\s*)([0-9]{1,19})(?=\s*[,}\]])')


class Remap:
    """What a replay has learnt so far. `known` are values to begin with."""

    def __init__(self, known: Mapping[str, str] | None = None) -> None:
        self._live = dict(known or {})

    def plain(self) -> dict[str, str]:
        """What may be written to disk: all but secrets."""
        return {recorded: live for recorded, live in self._live.items() if not NUMBERED.search(recorded)}

    # Requests

    def request(self, recorded: CapturedRequest) -> CapturedRequest:
        """The request with live values wherever learnt ones stood."""
        kind = value(recorded.fields, "content-type") or ""
        return CapturedRequest(
            recorded.method,
            self._target(recorded.target),
            tuple((name, self._field(name.lower(), found)) for name, found in recorded.fields),
            self._body(recorded.body, kind.lower()),
        )

    def _target(self, target: str) -> str:
        path, mark, query = target.partition("?")
        path = "/".join(self._segment(segment) for segment in path.split("/"))
        return path + mark + (self._form(query) if mark else "")

    def _segment(self, segment: str) -> str:
        live = self._live.get(unquote(segment))
        return self._marks(segment, quote) if live is None else quote(live, safe="")

    def _form(self, form: str) -> str:
        return "&".join(self._pair(*pair.partition("=")) for pair in form.split("&"))

    def _pair(self, name: str, equals: str, found: str) -> str:
        live = self._live.get(unquote_plus(found))
        if live is None or (live.isdigit() and not _ID_NAME.search(unquote_plus(name))):
            return name + equals + self._marks(found, quote_plus)
        return name + equals + quote_plus(live)

    def _field(self, name: str, found: str) -> str:
        if name == "cookie":
            return "; ".join(self._cookie(pair.strip()) for pair in found.split(";"))
        live = None if found.isdigit() else self._live.get(found)
        text = self._marks(found) if live is None else live
        return (
            "".join(each for each in text if each >= " " or each == "\t").encode().decode("latin-1")
            if text != found
            else found
        )

    def _cookie(self, pair: str) -> str:
        name, equals, found = pair.partition("=")
        return name + equals + self._live.get(found, self._marks(found))

    def _body(self, body: bytes, kind: str) -> bytes:
        if not body:
            return body
        try:
            text = body.decode()
        except UnicodeDecodeError:
            return body
        if "json" in kind or (not kind and text.lstrip()[:1] in "{["):
            text = _STRING.sub(self._string, text)
            text = _NUMBER_OF_ID.sub(lambda match: match[1] + self._number(match[2]), text)
        elif "x-www-form-urlencoded" in kind:
            text = self._form(text)
        else:
            text = self._marks(text)
        return text.encode()

    def _string(self, match: re.Match[str]) -> str:
        try:
            found = json.loads(match[0])
        except ValueError:
            return match[0]
        live = None if found.isdigit() else self._live.get(found)
        text = self._marks(found) if live is None else live
        return match[0] if text == found else json.dumps(text, ensure_ascii=False)

    def _number(self, found: str) -> str:
        live = self._live.get(found, found)
        return live if live.isdigit() else found

    def _marks(self, text: str, escape: Any = str) -> str:
        """Every known mark in a text replaced."""
        if PLAIN not in text:
            return text
        return NUMBERED.sub(lambda match: escape(self._live[match[0]]) if match[0] in self._live else match[0], text)

    # Answers

    def learn(self, request: CapturedRequest, recorded: CapturedAnswer, live: CapturedAnswer) -> None:
        """What the live answer gave out where the recorded one gave out something else."""
        ids = request.method not in SAFE
        ours, theirs = dict(_cookies(recorded.fields)), dict(_cookies(live.fields))
        for name in ours.keys() & theirs.keys():
            self._pair_up(ours[name], theirs[name], whole=True)
        for name in ("etag", "x-csrf-token", "x-csrftoken", "authorization"):
            self._pair_fields(name, recorded.fields, live.fields)
        self._learn_location(recorded.fields, live.fields, ids)
        self._learn_body(recorded, live, ids)

    def _pair_fields(self, name: str, recorded: Fields, live: Fields) -> None:
        one, other = value(recorded, name), value(live, name)
        if one and other:
            self._pair_up(one, other, whole=name == "etag")

    def _learn_location(self, recorded: Fields, live: Fields, ids: bool) -> None:
        one, other = value(recorded, "location"), value(live, "location")
        if not one or not other:
            return
        ours, theirs = (urlsplit(each).path.split("/") for each in (one, other))
        if len(ours) == len(theirs):
            for segment, found in zip(ours, theirs, strict=True):
                self._pair_up(unquote(segment), unquote(found), whole=ids and any(each.isdigit() for each in segment))

    def _learn_body(self, recorded: CapturedAnswer, live: CapturedAnswer, ids: bool) -> None:
        one, other = plain_body(recorded), plain_body(live)
        if not isinstance(one, bytes) or not isinstance(other, bytes):
            return
        if "html" in (value(recorded.fields, "content-type") or ""):
            ours, theirs = dict(_inputs(one)), dict(_inputs(other))
            for name in ours.keys() & theirs.keys():
                self._pair_up(ours[name], theirs[name], whole=False)
            return
        try:
            self._walk(json.loads(one), json.loads(other), "", ids, 0)
        except (ValueError, RecursionError):
            return

    def _walk(self, one: Any, other: Any, name: str, ids: bool, depth: int) -> None:
        if depth > MAX_DEPTH:
            return
        if isinstance(one, dict) and isinstance(other, dict):
            for key in one.keys() & other.keys():
                self._walk(one[key], other[key], key, ids, depth + 1)
        elif isinstance(one, list) and isinstance(other, list):
            for first, second in zip(one, other, strict=False):
                self._walk(first, second, name, ids, depth + 1)
        elif type(one) in (str, int) and type(other) in (str, int):
            self._pair_up(str(one), str(other), whole=ids and bool(_ID_NAME.search(name)))

    def _pair_up(self, recorded: str, live: str, *, whole: bool) -> None:
        """Learn marks in a recorded text by what stands in their place; or the text as a whole."""
        if recorded == live or not live or max(len(recorded), len(live)) > MAX_TEXT or len(self._live) >= MAX_VALUES:
            return
        marks = NUMBERED.findall(recorded)
        if marks:
            if len(marks) <= MAX_MARKS:
                self._learn_marks(recorded, live, marks)
        elif whole and recorded and recorded != PLAIN:
            self._live[recorded] = live

    def _learn_marks(self, recorded: str, live: str, marks: list[str]) -> None:
        pattern = "(.+?)".join(map(re.escape, NUMBERED.split(recorded)))
        found = re.fullmatch(pattern, live, re.DOTALL)
        if found:
            self._live.update(zip(marks, found.groups(), strict=True))


def unknown(request: CapturedRequest) -> bool:
    """Whether a request still has a mark in it, so that a secret is missing."""
    texts = [request.target, *(found for _, found in request.fields)]
    return any(NUMBERED.search(text) for text in texts) or re.search(rb"\*\*\*[0-9]", request.body) is not None


def unmarked(request: CapturedRequest) -> CapturedRequest:
    """With no number on what is still masked: numbers of one recording mean nothing in another."""
    fields = tuple((name, NUMBERED.sub(PLAIN, found)) for name, found in request.fields)
    body = re.sub(rb"\*\*\*[0-9]{1,9}", PLAIN.encode(), request.body)
    return replace(request, target=NUMBERED.sub(PLAIN, request.target), fields=fields, body=body)


def _cookies(fields: Fields) -> Iterator[tuple[str, str]]:
    for line in values(fields, "set-cookie"):
        name, _, found = line.partition(";")[0].partition("=")
        yield name.strip(), found.strip().strip('"')


def _inputs(body: bytes) -> Iterator[tuple[str, str]]:
    for node in LexborHTMLParser(body).css("input[name][value], meta[name][content]"):
        found = node.attributes
        yield f"{node.tag}:{found.get('name')}", found.get("value") or found.get("content") or ""
