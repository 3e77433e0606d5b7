"""Finds secrets in text of any kind: addresses, forms, pages, scripts, and sentences.

Works on spans, so that everything beside a secret stays as it was to the character. All expressions are RE2's: they
take linear time whatever a client sends. What cannot be told from the text (an opaque path segment, say) stays.
"""

import html
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote_plus, unquote_plus

import re2

from proxy.wire.redaction.marks import Marks
from proxy.wire.redaction.names import STEMS, WORDS, SecretNames

MAX_NESTING: Final = 6  # values within values: an address in a form in an address

Sub = Callable[[Any], str]

_SHAPES: Final = (
    r"\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*){1,3}",  # a JWT, signed or encrypted (RFC 7519)
    r"(?i)\b(?:bearer|basic|token|negotiate)(?:\s+|%20|\+)([A-Za-z0-9._~+/=%-]{16,})",
    r"://[^/\s:@\"'<>]*:([^/\s@\"'<>]+)@",  # user:password@ of an address
    r"\b(?:gh[opsur]_|github_pat_|glpat-|xox[abeprs]-|[rs]k_(?:live|test)_|AKIA|AIza)[A-Za-z0-9_-]{12,}",
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----([^-]+)",
)
"""Secrets that show what they are. Group 1 is the secret, or the whole match."""

_QUOTE = r"""(?:\\*["'`]|&quot;|&#34;|&#39;|&#x27;)"""
_QUOTED = r"""(?:\\+"([^"]*)|&(?:quot|#34|#39|#x27);([^&]*)|"((?:[^"\\]|\\.)*)|'((?:[^'\\]|\\.)*)|`([^`]*))"""
_BARE = r"""([^\s&;,"'`<>(){}\[\]\\]+)"""
_TAG = r"""(?i)<(?:input|meta|param|option|button)\b(?:[^>"']|"[^"]*"|'[^']*')*>?"""
_ATTRIBUTE = re.compile(r"""(?i)\b(name|id|type|property|value|content)\s*=\s*("[^"]*"?|'[^']*'?|[^\s"'>]+)""")
_SHAPED = (
    r"eyJ|bearer|basic|negotiate|://[^/\s]*@|gh[opsur]_|github_pat_|glpat-|xox[a-z]-|k_live_|k_test_|AKIA|AIza|-----"
)
_SCHEME = r"(?:(?:bearer|basic|digest|negotiate)[ \t]+)?"


class TextRedaction:
    """Masks what it finds in texts. `patterns` are RE2: what they match is a secret, or their first group is."""

    def __init__(self, names: SecretNames, patterns: Iterable[str], marks: Marks) -> None:
        self._names = names
        self._marks = marks
        self._own = tuple(_compile(pattern) for pattern in patterns)
        self._shapes = tuple(_compile(pattern) for pattern in _SHAPES)
        key = _key_expression(names.extra)
        self._likely = _compile(rf"(?i){key}|{_SHAPED}")
        self._hint = _compile(rf"(?i){_anywhere(names.extra)}|{_SHAPED}")
        self._quoted = _compile(rf"(?is){key}{_QUOTE}?\s*\]?\s*(?:=>|[:=])\s*{_QUOTED}")
        self._assigned = _compile(rf"(?i){key}={_SCHEME}{_BARE}")
        self._told = _compile(rf"(?im){key}{_QUOTE}?[ \t]*(?::|=)[ \t]*{_SCHEME}{_BARE}")
        self._element = _compile(rf"(?i)<[\w:.-]*?{key}(?:\s[^>]*)?>(?:<!\[CDATA\[)?([^<\]]+)")
        self._tag = _compile(_TAG)
        self._area = _compile(r"(?i)(<textarea\b[^>]*>)([^<]*)")

    def text(self, text: str, *, markup: bool = False) -> str:
        """A text without its secrets. In `markup`, `name: value` is no secret: pages explain passwords."""
        if not self._is_likely(text):
            return text
        text = self._shapes_in(text)
        if "<" in text:
            text = self._tag.sub(self._masked_tag, text)
            text = self._area.sub(self._masked_area, text)
            text = self._element.sub(self._masked_group, text)
        text = self._quoted.sub(self._masked_group, text)
        masked: str = (self._assigned if markup else self._told).sub(self._masked_group, text)
        return masked

    def suspects(self, text: str) -> bool:
        """Whether there may be a secret in `text`, or a name of one, escapes aside."""
        return bool(self._own) or self._hint.search(text) is not None

    def url(self, address: str, depth: int = 0) -> str:
        """An address, its query and fragment taken apart, so that no escape hides a name (RFC 3986 section 3)."""
        address, hash_mark, fragment = address.partition("#")
        path, question_mark, query = address.partition("?")
        path = self.text(path, markup=True)  # which may have parameters of its own: /cart;jsessionid=…
        return path + question_mark + self.form(query, depth) + hash_mark + self.form(fragment, depth)

    def form(self, form: str, depth: int = 0) -> str:
        """`name=value&…`, as in a query or a form (URL Standard section 5)."""
        pairs = [pair.partition("=") for pair in form.split("&")]
        names = {name for name, _, _ in pairs}
        is_grant = "code" in names and "state" in names  # an authorization code (RFC 6749 section 4.1.2)
        return "&".join(self._pair(*pair, is_grant, depth) for pair in pairs)

    def value(self, value: str, depth: int = 0) -> str:
        """A value by itself, its escapes undone: an address, a form, or any other text."""
        if depth > MAX_NESTING:
            return self.secret(value)
        if "%" in value and (clear := unquote_plus(value)) != value:
            masked = self.value(clear, depth + 1)
            return value if masked == clear else quote_plus(masked, safe="*")
        if "=" in value and ("?" in value or "#" in value or ("&" in value and " " not in value)):
            value = self.url(value, depth) if "?" in value or "#" in value else self.form(value, depth)
        return self.text(value)

    def secret(self, secret: str) -> str:
        return self._marks.mark(secret)

    def _pair(self, name: str, equals: str, value: str, is_grant: bool, depth: int) -> str:
        if not equals:
            return self._shapes_in(name)
        clear = unquote_plus(value)
        called = unquote_plus(name)
        if called in self._names or (is_grant and called == "code"):
            return f"{name}={self.secret(clear)}"
        masked = self.value(clear, depth + 1)
        return f"{name}={value if masked == clear else quote_plus(masked, safe='*')}"

    def _is_likely(self, text: str) -> bool:
        """Most texts are of no interest, which one look tells."""
        return bool(self._own) or self._likely.search(text) is not None

    def _shapes_in(self, text: str) -> str:
        if not self._is_likely(text):
            return text
        for pattern in (*self._own, *self._shapes):
            text = pattern.sub(self._masked_group, text)
        return text

    def _masked_group(self, match: Any) -> str:
        """The match, with its group that took part masked; without any, the whole."""
        whole: str = match[0]
        taken = next((number for number in range(1, match.re.groups + 1) if match[number] is not None), 0)
        start, end = match.start(taken) - match.start(), match.end(taken) - match.start()
        kept = whole[start:end].rstrip("\\") if taken else whole
        return whole[:start] + self.secret(kept) + whole[start + len(kept) :]

    def _masked_tag(self, match: Any) -> str:
        tag: str = match[0]
        found = {name.lower(): _unquoted(value) for name, value in _ATTRIBUTE.findall(tag)}
        called = (found.get(name, "") for name in ("name", "id", "property"))
        if found.get("type", "").lower() != "password" and not any(name in self._names for name in called):
            return tag
        return _ATTRIBUTE.sub(self._masked_attribute, tag)

    def _masked_area(self, match: Any) -> str:
        found = {name.lower(): _unquoted(value) for name, value in _ATTRIBUTE.findall(match[1])}
        is_secret = any(found.get(name, "") in self._names for name in ("name", "id"))
        tag, content = str(match[1]), str(match[2])
        return tag + (self.secret(html.unescape(content)) if is_secret else content)

    def _masked_attribute(self, match: re.Match[str]) -> str:
        if match[1].lower() not in ("value", "content"):
            return match[0]
        written = match[2]
        quote = written[0] if written[0] in "\"'" else ""
        whole = match[0].removesuffix(written)
        return f"{whole}{quote}{self.secret(html.unescape(_unquoted(written)))}{quote}"


def _unquoted(written: str) -> str:
    return written.strip(written[0]) if written[:1] in ("'", '"') else written


def _key_expression(extra: Iterable[str]) -> str:
    """A name with a stem in it, from the stem on, or one that is a secret's as a whole."""
    stems = "|".join("[_.-]?".join(re2.escape(letter) for letter in stem) for stem in STEMS)
    words = "|".join(map(re2.escape, (*WORDS, *sorted(extra))))
    return rf"(?:(?:{stems})[\w.\[\]-]{{0,64}}|(?:\b|_)(?:{words})(?:[_.-][\w.-]{{0,64}})?(?:\[\w*\])?)"


def _anywhere(extra: Iterable[str]) -> str:
    """Finds at least what `SecretNames` does, wherever a name begins and ends."""
    stems = "|".join(r"[\W_]{0,3}".join(re2.escape(letter) for letter in stem) for stem in STEMS)
    return "|".join((stems, *map(re2.escape, (*WORDS, *sorted(extra)))))


@lru_cache(64)
def _compile(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 64 * 1024 * 1024
    return re2.compile(pattern, options)
