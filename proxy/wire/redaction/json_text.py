"""Masks JSON by the spans of its values: key order, spaces, number forms and repeated keys stay as they were.

Does not need valid JSON, nor the end of it: what is cut in the middle of a secret is masked up to there.
"""

import json
import re
from dataclasses import dataclass
from typing import Final

from proxy.wire.redaction.names import MAX_NAME, SecretNames
from proxy.wire.redaction.text import TextRedaction

MAX_INSIDE: Final = 8  # JSON in a string of JSON in a string …

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"?|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_NAMING: Final = frozenset({"name", "key", "field", "id"})
_NAMED: Final = frozenset({"value", "content", "data"})
_NO_SECRET: Final = frozenset({"true", "false", "null"})


@dataclass(slots=True)
class _Level:
    """An object or array being read. `secret`: it is the value of a secret's name. `key`: of its current member.

    `named`: it is a pair, {"name": "password", "value": …}, and of a secret.
    """

    is_object: bool
    secret: bool
    key: str | None = None
    named: bool = False


class JsonRedaction:
    """Remembers the keys in which nothing was found, within a bound: most have been seen before."""

    BOUND: Final = 4096

    def __init__(self, names: SecretNames, text: TextRedaction) -> None:
        self._harmless: set[str] = set()
        self._names = names
        self._text = text

    def json(self, text: str, inside: int = 0) -> str:
        """The text with every secret in it masked; a number that is one becomes a string."""
        if "\\" not in text and "%" not in text and not self._text.suspects(text):
            return text
        pieces: list[str] = []
        levels = [_Level(is_object=False, secret=False)]
        end = 0
        for match in _TOKEN.finditer(text):
            token = match[0]
            masked = self._token(token, levels, inside)
            if masked is not token:
                pieces += (text[end : match.start()], masked)
                end = match.end()
        return "".join((*pieces, text[end:])) if pieces else text

    def _token(self, token: str, levels: list[_Level], inside: int) -> str:
        level = levels[-1]
        match token:
            case "{" | "[":
                levels.append(_Level(token == "{", self._is_in_secret(level)))
                return token
            case "}" | "]":
                if len(levels) > 1:
                    levels.pop()
                levels[-1].key = None
                return token
            case ",":
                level.key = None
                return token
            case ":":
                return token
        if level.is_object and level.key is None:
            level.key = _decoded(token)
            return self._name(token, level.key)
        if level.key in _NAMING and token.startswith('"'):
            level.named = _decoded(token) in self._names
        return self._value(token, self._is_in_secret(level), inside)

    def _is_in_secret(self, level: _Level) -> bool:
        return level.secret or self._is_secret(level.key) or (level.named and level.key in _NAMED)

    def _is_secret(self, key: str | None) -> bool:
        return key is not None and key in self._names

    def _name(self, token: str, key: str) -> str:
        """A key, which may be a secret itself where an object is a table."""
        if key in self._harmless:
            return token
        masked = self._text.text(key)
        if masked != key:
            return _encoded(masked, token)
        if len(self._harmless) >= self.BOUND:
            self._harmless.clear()
        if len(key) <= MAX_NAME:
            self._harmless.add(key)
        return token

    def _value(self, token: str, secret: bool, inside: int) -> str:
        if secret:
            return token if token in _NO_SECRET else _encoded(self._text.secret(_decoded(token)), token)
        if not token.startswith('"') or len(token) < 6:
            return token
        clear = _decoded(token)
        masked = self._inner(clear, inside)
        return token if masked == clear else _encoded(masked, token)

    def _inner(self, value: str, inside: int) -> str:
        if value.lstrip()[:1] not in ("{", "["):
            return self._text.value(value)
        if inside >= MAX_INSIDE:
            return self._text.secret(value)
        return self._text.text(self.json(value, inside + 1))


def _decoded(token: str) -> str:
    """What a token says; of a broken one, its letters."""
    if not token.startswith('"'):
        return token
    if "\\" not in token:
        return token.strip('"')
    try:
        found: str = json.loads(token, strict=False)
    except ValueError:
        return token.strip('"')
    return found.encode(errors="replace").decode()  # half a pair of \\u escapes is no character


def _encoded(value: str, before: str) -> str:
    """A string in the place of `before`, in the same alphabet."""
    return json.dumps(value, ensure_ascii=before.isascii())
