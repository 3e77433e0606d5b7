"""Exchanges as HAR 1.2 and back, for browsers and for tools that speak it. Pure: text in, text out.

Out of a HAR comes what a browser recorded: fields of HTTP/2's making (`:path`) are dropped, bodies are unpacked as the
format keeps them. Into a HAR goes only what was masked before; that is the caller's to see to.
Source: the W3C draft "HTTP Archive (HAR) format", 1.2.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from proxy.comparison.capture_format import VERSION, BadCapture
from proxy.wire.exchange import LEGACY, CapturedAnswer, CapturedRequest, Exchange, Fields, value, values

MAX_HAR_BYTES: Final = 256 * 1024 * 1024

_TRANSFER: Final = frozenset({"transfer-encoding", "connection", "keep-alive", "proxy-connection"})
_PACKED: Final = frozenset({"content-encoding", "content-length"})  # a HAR's bodies are unpacked


def to_har(exchanges: Iterable[Exchange], origin: str) -> str:
    """A HAR with one entry for every answer of every exchange. `origin`, as http://host, precedes their targets."""
    entries = [
        _entry(exchange, role, answer, origin) for exchange in exchanges for role, answer in exchange.answers.items()
    ]
    log = {"version": "1.2", "creator": {"name": "strangler", "version": f"capture {VERSION}"}, "entries": entries}
    return json.dumps({"log": log}, ensure_ascii=False, indent=1)


def from_har(text: str | bytes, origins: Sequence[str] = ()) -> tuple[list[Exchange], int]:
    """The exchanges of a HAR, and how many entries were left out.

    Left out are those of other `origins` (all are taken without any), without an answer (aborted, blocked), and of
    other schemes (data:, ws:). Raises BadCapture, which names the entry by its number from 1.
    """
    exchanges = []
    entries = _entries(text)
    for number, entry in enumerate(entries, 1):
        try:
            exchange = _exchange(entry, origins)
        except (BadCapture, KeyError, TypeError, ValueError, AttributeError) as error:
            reason = str(error) if isinstance(error, BadCapture) else "it is no entry of HAR 1.2"
            raise BadCapture(f"entry {number}: {reason}") from None
        if exchange:
            exchanges.append(exchange)
    return exchanges, len(entries) - len(exchanges)


def _entries(text: str | bytes) -> list[Any]:
    try:
        found = json.loads(text if isinstance(text, str) else text.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise BadCapture(f"not JSON: {getattr(error, 'msg', 'it cannot be read')}") from None
    log = found.get("log") if isinstance(found, dict) else None
    entries = log.get("entries") if isinstance(log, dict) else None
    if not isinstance(entries, list):
        raise BadCapture("not a HAR: it has no log.entries", "a capture of our own is read with --capture")
    return entries


def _entry(exchange: Exchange, role: str, answer: CapturedAnswer, origin: str) -> dict[str, Any]:
    milliseconds = round(answer.seconds * 1000, 3)
    return {
        "startedDateTime": exchange.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "time": milliseconds,
        "request": _request_out(exchange.request, origin),
        "response": _response_out(answer),
        "cache": {},
        "timings": {"send": 0, "wait": milliseconds, "receive": 0},
        "_strangler": {"route": exchange.route, "role": role, "primary": role == exchange.primary},
    }


def _request_out(request: CapturedRequest, origin: str) -> dict[str, Any]:
    query = request.target.partition("?")[2]
    found: dict[str, Any] = {
        "method": request.method,
        "url": origin.rstrip("/") + request.target,
        "httpVersion": "HTTP/1.1",
        "headers": _pairs(request.fields),
        "cookies": _cookies(values(request.fields, "cookie")),
        "queryString": [
            {"name": name, "value": found}
            for name, found in parse_qsl(query, keep_blank_values=True, max_num_fields=None)
        ],
        "headersSize": -1,
        "bodySize": len(request.body),
    }
    if request.body:
        kind = value(request.fields, "content-type") or ""
        found["postData"] = {"mimeType": kind, **_text_out(request.body)}
    return found


def _response_out(answer: CapturedAnswer) -> dict[str, Any]:
    kind = value(answer.fields, "content-type") or ""
    content = {"size": len(answer.body), "mimeType": kind, **_text_out(answer.body)}
    return {
        "status": answer.status,
        "statusText": "",
        "httpVersion": "HTTP/1.1",
        "headers": _pairs(answer.fields),
        "cookies": _cookies(found.partition(";")[0] for found in values(answer.fields, "set-cookie")),
        "content": content | ({"comment": "cut"} if answer.cut else {}),
        "redirectURL": value(answer.fields, "location") or "",
        "headersSize": -1,
        "bodySize": len(answer.body),
    }


def _pairs(fields: Fields) -> list[dict[str, str]]:
    return [{"name": name, "value": found} for name, found in fields]


def _cookies(found: Iterable[str]) -> list[dict[str, str]]:
    pairs = (pair.strip().partition("=") for line in found for pair in line.split(";"))
    return [{"name": name, "value": content} for name, _, content in pairs if name]


def _text_out(body: bytes) -> dict[str, str]:
    try:
        return {"text": body.decode()}
    except UnicodeDecodeError:
        return {"text": base64.b64encode(body).decode(), "encoding": "base64"}


def _exchange(entry: Mapping[str, Any], origins: Sequence[str]) -> Exchange | None:
    request, response = entry["request"], entry["response"]
    url = urlsplit(request["url"])
    origin = f"{url.scheme}://{url.netloc}".lower()
    if url.scheme not in ("http", "https", "") or (url.scheme and origins and origin not in origins):
        return None
    if not response or not response.get("status"):
        return None
    answer = _answer_in(response, float(entry.get("time") or 0) / 1000)
    ours = entry.get("_strangler") or {}
    role = str(ours.get("role") or LEGACY)
    route = ours.get("route")
    captured = _request_in(request, quote(url.path or "/", safe="/%:@!$&'()*+,;=~"), url.query, url.netloc)
    return Exchange(_at(entry["startedDateTime"]), str(route) if route else None, captured, {role: answer}, role)


def _at(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)


def _request_in(request: Mapping[str, Any], path: str, query: str, host: str) -> CapturedRequest:
    fields = _fields_in(request.get("headers") or (), _TRANSFER)
    if host and value(fields, "host") is None:
        fields = (("Host", host), *fields)
    if value(fields, "cookie") is None and (cookies := request.get("cookies")):
        fields = (*fields, ("Cookie", "; ".join(f"{each['name']}={each['value']}" for each in cookies)))
    body = _body_in(request.get("postData") or {})
    target = (path if path.startswith("/") else f"/{path}") + (f"?{quote(query, safe=_QUERY)}" if query else "")
    return CapturedRequest(str(request["method"]).upper(), target, _with_length(fields, body), body)


_QUERY: Final = "/%:@!$&'()*+,;=~?[]{}|\"<>^`\\"
"""A query stays as it was sent, but for what no request line may hold."""


def _answer_in(response: Mapping[str, Any], seconds: float) -> CapturedAnswer:
    fields = _fields_in(response.get("headers") or (), _TRANSFER | _PACKED)
    content = response.get("content") or {}
    body = _body_in(content)
    is_missing = not body and bool(content.get("size")) and "text" not in content
    cut = is_missing or content.get("comment") == "cut"
    return CapturedAnswer(int(response["status"]), fields, body, max(seconds, 0.0), cut)


def _fields_in(headers: Iterable[Mapping[str, Any]], left_out: frozenset[str]) -> Fields:
    """Browsers join repeated fields with line breaks; each becomes a line of its own again."""
    pairs = ((str(each["name"]), str(each["value"])) for each in headers)
    return tuple(
        (name, line.strip().encode("latin-1", "replace").decode("latin-1"))
        for name, found in pairs
        if not name.startswith(":") and name.isascii() and name.lower() not in left_out
        for line in found.splitlines() or [""]
    )


def _with_length(fields: Fields, body: bytes) -> Fields:
    """The length of a request's body as it is here: browsers record the one before they packed it, or none."""
    return tuple((name, str(len(body)) if name.lower() == "content-length" else found) for name, found in fields)


def _body_in(content: Mapping[str, Any]) -> bytes:
    text = content.get("text")
    if text is None and content.get("params"):
        return urlencode([(each["name"], each.get("value", "")) for each in content["params"]]).encode()
    if content.get("encoding") != "base64":
        return str(text or "").encode(errors="replace")
    try:
        return base64.b64decode(str(text or ""), validate=False)
    except binascii.Error:
        raise BadCapture("its content is not base64") from None
