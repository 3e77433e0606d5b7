"""An exchange as one line of a capture, and back. Pure; the format is told in docs/captures.md.

Reads strictly: what is missing or of a wrong kind is a BadCapture that says where, never a guess. Keys that it does not
know are passed over, so that a later writer of the same version may add some.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from proxy.wire.exchange import CapturedAnswer, CapturedRequest, Exchange, Fields

VERSION: Final = 1
MARK: Final = "strangler_capture"
"""The key of the first line by which a capture is known; its value is the version."""

MAX_LINE_BYTES: Final = 16 * 1024 * 1024


class BadCapture(ValueError):
    """Why a line is no line of a capture, and perhaps what to do."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(f"{message} (hint: {hint})" if hint else message)
        self.message = message
        self.hint = hint


def encode_head(recording: datetime, part: int) -> bytes:
    """The first line. `recording` is when it began, which names it; `part` counts its files from 1."""
    return _line({MARK: VERSION, "recording": _time(recording), "part": part})


def check_head(line: bytes) -> None:
    """Raises BadCapture unless `line` is the head of a capture that we read."""
    head = _load(line)
    if MARK not in head:
        hint = "a HAR is read with --har" if "log" in head else f'its first line begins with {{"{MARK}": {VERSION}'
        raise BadCapture("not a capture", hint)
    version = head[MARK]
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise BadCapture(f'"{MARK}" is no version number')
    if version > VERSION:
        known = f"it has version {version} of the format, and this strangler reads version {VERSION}"
        raise BadCapture(known, "read it with a newer strangler")


def encode(exchange: Exchange) -> bytes:
    """One line, its line break included."""
    request = exchange.request
    return _line(
        {
            "at": _time(exchange.at),
            "route": exchange.route,
            "primary": exchange.primary,
            "request": {"method": request.method, "target": request.target, "fields": request.fields}
            | _body(request.body),
            "answers": {role: _answer(answer) for role, answer in exchange.answers.items()},
        }
    )


def decode(line: bytes) -> Exchange:
    """Raises BadCapture."""
    found = _load(line)
    answers = {role: _read_answer(role, answer) for role, answer in _mapping(found, "answers").items()}
    primary = _text(found, "primary")
    if primary not in answers:
        raise BadCapture(f'"primary" is "{primary[:40]}", and "answers" has none of that name')
    route = found.get("route")
    if route is not None and not isinstance(route, str):
        raise BadCapture('"route" is neither text nor null')
    request = _mapping(found, "request")
    return Exchange(_read_time(_text(found, "at")), route, _read_request(request), answers, primary)


def _line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _answer(answer: CapturedAnswer) -> dict[str, Any]:
    seconds = round(answer.seconds, 6)
    found = {"status": answer.status, "seconds": seconds, "fields": answer.fields, **_body(answer.body)}
    return found | {"cut": True} if answer.cut else found


def _body(body: bytes) -> dict[str, str]:
    """`text` where the bytes are UTF-8, which a person can read; else `base64`; nothing for nothing."""
    if not body:
        return {}
    try:
        return {"text": body.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}


def _load(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadCapture(f"not JSON: {getattr(error, 'msg', 'it cannot be read')}") from None
    if not isinstance(found, dict):
        raise BadCapture("not an object of JSON")
    return found


def _read_request(found: Mapping[str, Any]) -> CapturedRequest:
    method, target = _text(found, "method"), _text(found, "target")
    if not target.startswith("/") and target != "*":
        raise BadCapture('"target" does not begin with /')
    if not method.isascii() or not method.replace("-", "").replace("_", "").isalnum():
        raise BadCapture('"method" is no method')
    return CapturedRequest(method, target, _read_fields(found), _read_body(found))


def _read_answer(role: str, found: object) -> CapturedAnswer:
    if not isinstance(found, dict):
        raise BadCapture(f'the answer "{role[:40]}" is not an object')
    status, seconds = found.get("status"), found.get("seconds")
    if type(status) is not int or not 100 <= status <= 999:
        raise BadCapture('"status" is no status')
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 <= seconds < float("inf"):
        raise BadCapture('"seconds" is no time')
    return CapturedAnswer(status, _read_fields(found), _read_body(found), float(seconds), found.get("cut") is True)


def _read_fields(found: Mapping[str, Any]) -> Fields:
    lines = found.get("fields")
    if not isinstance(lines, list) or not all(
        isinstance(line, list) and len(line) == 2 and all(isinstance(part, str) for part in line) for line in lines
    ):
        raise BadCapture('"fields" is no list of [name, value]')
    for name, value in lines:
        if not name.isascii() or any(letter in "\r\n\0" or letter > "\xff" for letter in value):
            raise BadCapture('"fields" has a line that HTTP does not allow')
    return tuple((name, value) for name, value in lines)


def _read_body(found: Mapping[str, Any]) -> bytes:
    text, packed = found.get("text", ""), found.get("base64", "")
    if not isinstance(text, str) or not isinstance(packed, str) or (text and packed):
        raise BadCapture("a body is either text or base64")
    try:
        return text.encode() or base64.b64decode(packed, validate=True)
    except (binascii.Error, ValueError):
        raise BadCapture("the body cannot be decoded") from None


def _read_time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise BadCapture('"at" is no time') from None
    if at.tzinfo is None:
        raise BadCapture('"at" has no time zone', "times are in UTC and end with Z")
    return at.astimezone(UTC)


def _text(found: Mapping[str, Any], key: str) -> str:
    value = found.get(key)
    if not isinstance(value, str):
        raise BadCapture(f'"{key}" is missing' if value is None else f'"{key}" is not text')
    return value


def _mapping(found: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = found.get(key)
    if not isinstance(value, dict):
        raise BadCapture(f'"{key}" is missing' if value is None else f'"{key}" is not an object')
    return value
