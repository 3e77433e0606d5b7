"""What two answers differ in before their bodies: status, whether the caller was let in, and the fields that count.

A field is compared as it is meant: lists without their order, Location without the host of either side, Set-Cookie by
name and attributes. The value of a cookie is never looked at.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Final
from urllib.parse import urlsplit

from proxy.comparison.difference import Kind, shown
from proxy.comparison.findings import Findings
from proxy.comparison.rules import Rules
from proxy.comparison.texts import Hosts
from proxy.wire.exchange import CapturedAnswer, value, values

LOGIN: Final = frozenset({"login", "log-in", "signin", "sign-in", "auth", "sso", "authorize"})
"""Segments of a path that a redirect to asks for a login."""

MAX_COOKIES: Final = 100

_CHALLENGE = re.compile(r"(?:^|,)\s*([A-Za-z0-9!#$%&'*+.^_`|~-]+)(?=\s|,|$)(?!\s*=)")
_REALM = re.compile(r'realm\s*=\s*("[^"]*"|[^\s,]*)', re.IGNORECASE)
_UNCOMPARED_ATTRIBUTES: Final = frozenset({"expires"})  # a clock; Max-Age says the same and is compared


class Access(Enum):
    """What an answer says about the caller."""

    GRANTED = "granted"
    DENIED = "denied"
    UNSAID = "unsaid"  # an error, or nothing there


def access(answer: CapturedAnswer) -> Access:
    """Denied: 401, 403, or a redirect to a login. Granted: any other answer below 400."""
    if answer.status in (401, 403) or (300 <= answer.status < 400 and _leads_to_login(answer)):
        return Access.DENIED
    return Access.GRANTED if 200 <= answer.status < 400 else Access.UNSAID


def _leads_to_login(answer: CapturedAnswer) -> bool:
    try:
        path = urlsplit(value(answer.fields, "location") or "").path
    except ValueError:
        return False
    return not LOGIN.isdisjoint(path.lower().strip("/").split("/"))


def compare_status(left: CapturedAnswer, right: CapturedAnswer, rules: Rules, findings: Findings) -> bool:
    """Add what differs; whether the rest of the two answers can be compared at all."""
    accesses = {access(left), access(right)}
    if accesses == {Access.GRANTED, Access.DENIED}:
        _add(findings, Kind.AUTHORISATION, "authorisation", _outcome(left), _outcome(right))
        return False
    if left.status == right.status or any({left.status, right.status} <= same for same in rules.equal_status):
        return True
    _add(findings, Kind.STATUS, "status", str(left.status), str(right.status))
    return left.status // 100 == right.status // 100


def _outcome(answer: CapturedAnswer) -> str:
    return f"{answer.status} {access(answer).value}"


def compare_fields(left: CapturedAnswer, right: CapturedAnswer, rules: Rules, hosts: Hosts, findings: Findings) -> None:
    """Add the fields of the allow-list that differ."""
    for name, shown_name in rules.headers.items():
        if name in rules.ignored_headers:
            continue
        path = f"header:{shown_name}"
        one, other = list(values(left.fields, name)), list(values(right.fields, name))
        if one == other:
            continue
        if name == "set-cookie":
            _compare_cookies(one, other, path, rules, findings)
        elif _meant(name, one, hosts) != _meant(name, other, hosts):
            _add(findings, Kind.HEADER, path, *(", ".join(given) if given else None for given in (one, other)))


def _compare_cookies(one: list[str], other: list[str], path: str, rules: Rules, findings: Findings) -> None:
    left, right = _cookies(one), _cookies(other)
    for name in dict.fromkeys([*left, *right]):
        if left.get(name) != right.get(name) and f"set-cookie:{name.lower()}" not in rules.ignored_headers:
            texts = (None if name not in side else "; ".join([f"{name}=…", *side[name]]) for side in (left, right))
            _add(findings, Kind.HEADER, f"{path}:{shown(name)[:60]}", *texts)


def _cookies(lines: list[str]) -> dict[str, list[str]]:
    """The attributes of each cookie (RFC 6265 section 4.1), sorted; the last line of a name is what a client keeps."""
    found: dict[str, list[str]] = {}
    for line in lines[:MAX_COOKIES]:
        pair, *attributes = line.split(";")
        named = (_attribute(attribute) for attribute in attributes)
        found[pair.partition("=")[0].strip()] = sorted(
            attribute for attribute in named if attribute and attribute.partition("=")[0] not in _UNCOMPARED_ATTRIBUTES
        )
    return found


def _attribute(text: str) -> str:
    name, equals, given = text.strip().partition("=")
    return f"{name.strip().lower()}{equals}{given.strip()}"


def _words(lines: list[str], hosts: Hosts) -> object:
    """A list of tokens, in any case and order."""
    return Counter(word for line in lines for part in line.split(",") if (word := part.strip().lower()))


def _parameters(lines: list[str], hosts: Hosts) -> object:
    """A type and its parameters, in any case, with or without blanks and quotes."""
    return [sorted(part.strip().lower().replace('"', "") for part in line.split(";")) for line in lines]


def _urls(lines: list[str], hosts: Hosts) -> object:
    return [hosts.bare(line.strip()) for line in lines]


def _challenges(lines: list[str], hosts: Hosts) -> object:
    """Schemes and realms; the rest is new each time."""
    text = ", ".join(lines)
    return [scheme.lower() for scheme in _CHALLENGE.findall(text)], _REALM.findall(text)


_READERS: Final[Mapping[str, Callable[[list[str], Hosts], object]]] = {
    "allow": _words,
    "cache-control": _words,
    "content-language": _words,
    "content-location": _urls,
    "content-type": _parameters,
    "link": _urls,
    "location": _urls,
    "vary": _words,
    "www-authenticate": _challenges,
}


def _meant(name: str, lines: list[str], hosts: Hosts) -> object:
    read = _READERS.get(name)
    return [line.strip() for line in lines] if read is None else read(lines, hosts)


def _add(findings: Findings, kind: Kind, path: str, left: str | None, right: str | None) -> None:
    one, other = (None if text is None else shown(text) for text in (left, right))
    findings.add(kind, path, one, other, path)
