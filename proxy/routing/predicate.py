"""Conditions on headers, cookies and query keys.

Each looks at one value. A header sent on several lines counts as their values joined by `, ` (RFC 9110 section 5.3:
any intermediary may have joined them already). A query key or a cookie sent twice satisfies only `present`: whoever
reads it next may take the first or the last.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote_plus

from proxy.config.model import RouteMatch, ValuePredicate
from proxy.routing.expression import Expressions
from proxy.routing.head import Head
from proxy.wire.fields import SECRET_NAMES

_SECRET_WORDS = ("auth", "key", "password", "secret", "session", "signature", "token")


class Source(StrEnum):
    """Where a condition finds its value."""

    HEADER = "header"
    COOKIE = "cookie"
    QUERY = "query"


@dataclass(frozen=True, slots=True)
class Condition:
    """One compiled condition; `holds` answers for a head."""

    source: Source
    predicate: ValuePredicate
    holds: Callable[[Head], bool]

    @property
    def name(self) -> str:
        return self.predicate.name.lower() if self.source is Source.HEADER else self.predicate.name

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for conditions that say the same."""
        asked = self.predicate
        return (self.source, self.name, asked.exact, asked.regex, asked.present)

    @property
    def secret(self) -> bool:
        """Whether the value it looks for must not be shown: it may well be a credential, to judge by its name."""
        name = self.name.lower()
        known = self.source is Source.COOKIE or name.encode() in SECRET_NAMES
        return known or any(word in name for word in _SECRET_WORDS)

    def implied_by(self, other: "Condition") -> bool:
        """Whether a head for which `other` holds satisfies this one too. False where it is not known."""
        if self.key == other.key:
            return True
        if (self.source, self.name) != (other.source, other.name) or other.predicate.present is False:
            return False
        if self.predicate.present is not None or other.predicate.exact is None:
            return self.predicate.present is True
        return _value_test(self.predicate)([other.predicate.exact])

    def __str__(self) -> str:
        """As it would be read aloud: `header X-Beta is "yes"`."""
        subject, asked = f"{self.source} {self.predicate.name}", self.predicate
        if asked.present is not None:
            return f"{subject} is {'there' if asked.present else 'absent'}"
        return f"{subject} {'is' if asked.regex is None else 'matches'} {self._shown}"

    def failure(self, head: Head) -> str:
        """Why it does not hold; never says what the request's value is."""
        subject, asked = f"{self.source} {self.predicate.name}", self.predicate
        values = _READERS[self.source](self.name)(head)
        if not values:
            return f"{subject} is missing"
        if asked.present is False:
            return f"{subject} is there and must not be"
        if len(values) > 1:
            return f"{subject} is there more than once, which satisfies only `present`"
        return f"{subject} {'is not' if asked.regex is None else 'does not match'} {self._shown}"

    @property
    def _shown(self) -> str:
        if self.predicate.regex is not None:
            return "…" if self.secret else self.predicate.regex
        return '"…"' if self.secret else f'"{self.predicate.exact}"'


def compile_conditions(match: RouteMatch) -> tuple[Condition, ...]:
    """The conditions of a match on headers, cookies and query. Raises ValueError for a regex RE2 refuses."""
    return tuple(
        Condition(source, predicate, _holder(source, predicate))
        for source, predicates in (
            (Source.HEADER, match.headers),
            (Source.COOKIE, match.cookies),
            (Source.QUERY, match.query),
        )
        for predicate in predicates
    )


def _holder(source: Source, predicate: ValuePredicate) -> Callable[[Head], bool]:
    read = _READERS[source](predicate.name.lower() if source is Source.HEADER else predicate.name)
    test = _value_test(predicate)
    return lambda head: test(read(head))


def _value_test(predicate: ValuePredicate) -> Callable[[Sequence[str]], bool]:
    if predicate.present is not None:
        wanted = predicate.present
        return lambda values: bool(values) is wanted
    if predicate.regex is not None:
        expression = Expressions([predicate.regex])
        return lambda values: len(values) == 1 and bool(expression.match(values[0]))
    exact = predicate.exact
    return lambda values: len(values) == 1 and values[0] == exact


Read = Callable[[Head], Sequence[str]]


def _text(value: str) -> str:
    """A value off the wire as routes.yaml writes it: its bytes are UTF-8, if they are not ASCII."""
    return value if value.isascii() else value.encode("latin-1", "replace").decode("utf-8", "replace")


def read_header(name: str) -> Read:
    """Reads a header (`name` in lower case): its one value, or nothing."""

    def read(head: Head) -> Sequence[str]:
        values = head.values(name)
        return [_text(", ".join(values))] if values else ()

    return read


def read_cookie(name: str) -> Read:
    """RFC 6265 section 4.2.1: pairs separated by `; `; a value is kept as sent, quotes too."""

    def read(head: Head) -> Sequence[str]:
        lines = [line for line in head.values("cookie") if name in line]
        if not lines:  # as mostly, and so it is soon known
            return ()
        pairs = (pair.partition("=") for line in lines for pair in line.split(";"))
        return [_text(value.strip()) for key, _, value in pairs if key.strip() == name]

    return read


def _read_query(name: str) -> Read:
    """Keys and values are compared decoded, `+` as a space, as HTML forms write them."""

    def read(head: Head) -> Sequence[str]:
        if not head.query:
            return ()
        pairs = (pair.partition("=") for pair in head.query.split("&") if pair)
        return [unquote_plus(value) for key, _, value in pairs if unquote_plus(key) == name]

    return read


_READERS: dict[Source, Callable[[str], Read]] = {
    Source.HEADER: read_header,
    Source.COOKIE: read_cookie,
    Source.QUERY: _read_query,
}
