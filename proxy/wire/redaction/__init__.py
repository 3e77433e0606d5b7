"""Takes the secrets out of exchanges before anything is written: masked at capture, never afterwards.

What is masked by default: credentials and cookies, whatever is called like a secret at any depth of any body, and what
looks like one. Never writes, never fails: a body that it cannot read is replaced by a note.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from proxy.wire.content_coding import content_codings
from proxy.wire.exchange import CapturedAnswer, CapturedRequest, Exchange, Fields, value, values
from proxy.wire.redaction.body import BodyRedaction, is_withheld
from proxy.wire.redaction.marks import Marks
from proxy.wire.redaction.names import SecretNames
from proxy.wire.redaction.text import TextRedaction

__all__ = ["Redaction", "Redactor", "is_withheld", "redact"]

_CREDENTIALS: Final = frozenset({"authorization", "proxy-authorization"})
_SCHEMES: Final = frozenset(
    {"apikey", "aws4-hmac-sha256", "basic", "bearer", "digest", "dpop", "hmac", "jwt", "negotiate", "ntlm", "token"}
)
_DIGESTS: Final = frozenset({"content-md5", "digest", "content-digest", "repr-digest", "etag"})
_CONDITIONS: Final = frozenset({"if-match", "if-none-match", "if-range"})


@dataclass(frozen=True, slots=True)
class Redaction:
    """What is masked beside what always is. `max_body_bytes` bounds what a packed body may hold."""

    names: tuple[str, ...] = ()  # of fields, cookies, form fields, JSON keys; as a whole, whatever their case
    patterns: tuple[str, ...] = ()  # RE2: what they match, or their first group, is a secret
    max_body_bytes: int = 1024 * 1024


class Redactor:
    """Masks the exchanges of one recording, in which equal secrets get equal marks. Not for two threads at once."""

    def __init__(self, redaction: Redaction | None = None) -> None:
        """Raises ValueError for a pattern that RE2 does not take."""
        chosen = redaction or Redaction()
        self._names = SecretNames(chosen.names)
        self._marks = Marks()
        try:
            self._text = TextRedaction(self._names, chosen.patterns, self._marks)
        except Exception as error:
            raise ValueError("a pattern is not a regular expression of RE2") from error
        self._body = BodyRedaction(self._names, self._text, chosen.max_body_bytes)

    def redact(self, exchange: Exchange) -> Exchange:
        """The exchange with every secret replaced by its mark, its bodies without their content coding.

        Takes some 10 ms for 20 KB of JSON in which something is called like a secret, 0.1 ms where nothing is: not for
        a loop that serves requests.
        """
        request = self._request(exchange.request)
        answers = {role: self._answer(answer) for role, answer in exchange.answers.items()}
        return replace(exchange, request=request, answers=answers)

    def text(self, text: str) -> str:
        """Any other text about the same exchanges: a message, a line of a log."""
        return self._text.text(text)

    def _request(self, request: CapturedRequest) -> CapturedRequest:
        target = self._text.url(request.target)
        fields, body = self._message(request.fields, request.body, cut=False)
        return replace(request, target=target, fields=fields, body=body)

    def _answer(self, answer: CapturedAnswer) -> CapturedAnswer:
        fields, body = self._message(answer.fields, answer.body, cut=answer.cut)
        return replace(answer, fields=fields, body=body, cut=answer.cut or (body != answer.body and is_withheld(body)))

    def _message(self, fields: Fields, body: bytes, *, cut: bool) -> tuple[Fields, bytes]:
        codings = content_codings(values(fields, "content-encoding"))
        masked = self._body.body(body, value(fields, "content-type") or "", codings, cut=cut)
        return tuple(self._fields(fields, masked if masked != body else None)), masked

    def _fields(self, fields: Fields, new_body: bytes | None) -> Iterator[tuple[str, str]]:
        """`new_body` is None where the body stays: what tells its length, coding or hash may then stay as well."""
        for name, found in fields:
            lower = name.lower()
            if new_body is not None and lower == "content-encoding":
                continue
            if new_body is not None and lower == "content-length":
                yield name, str(len(new_body))
            elif new_body is not None and lower in _DIGESTS:
                yield name, self._marks.mark(found)
            elif lower in _CONDITIONS:
                yield name, self._marks.mark(found) if self._marks.knows(found) else found
            else:
                yield name, self._value(lower, found)

    def _value(self, name: str, found: str) -> str:
        if name in _CREDENTIALS:
            return self._credentials(found)
        if name == "cookie":
            return "; ".join(self._cookie(cookie.strip()) for cookie in found.split(";"))
        if name == "set-cookie":
            cookie, semicolon, attributes = found.partition(";")
            return self._cookie(cookie) + semicolon + attributes
        if name in self._names:
            return self._credentials(found)
        if found.startswith("/") or "://" in found:
            return self._text.text(self._text.url(found))
        return self._text.text(found)

    def _credentials(self, found: str) -> str:
        """`scheme ***1`; what has no scheme is a secret as a whole (RFC 9110 section 11.4)."""
        scheme, space, rest = found.partition(" ")
        if space and scheme.lower() in _SCHEMES:
            return f"{scheme} {self._marks.mark(rest.strip())}"
        return self._marks.mark(found)

    def _cookie(self, cookie: str) -> str:
        name, equals, found = cookie.partition("=")
        if not equals:
            return self._marks.mark(cookie.strip())
        quote = '"' if len(found) > 1 and found[0] == found[-1] == '"' else ""
        return f"{name}={quote}{self._marks.mark(found.strip(quote or None))}{quote}"


def redact(exchange: Exchange, redaction: Redaction | None = None) -> Exchange:
    """One exchange by itself. A recording has one `Redactor`, so that its marks agree."""
    return Redactor(redaction).redact(exchange)
