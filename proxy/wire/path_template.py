"""The template of a path that was asked for: `/api/orders/17` is one of `/api/orders/{id}`.

Worked out from the path alone, never from a query. What stands in a template was written by a programmer: a segment
stays only where it looks like a word, so that no number, key, token or address of a person is kept. Rather one segment
too many becomes `{id}` than one too few.
"""

import re
from typing import Final

from proxy.wire.redaction.names import SecretNames

ANY: Final = "{id}"
REST: Final = "**"

OTHER: Final = "other"
"""In the place of a template, a method or a program for which a table has no room."""

NOT_FOUND: Final = "(not found)"
"""In the place of a template that was only ever answered 404, so that those who guess paths fill no table."""

MAX_SEGMENTS: Final = 8
MAX_LENGTH: Final = 40  # of a segment

# Words as programmers write them: lower, Capitalised, camelCase, ALLCAPS, v1, oauth2, 2fa; joined by . _ ~ or -.
_WORD = (
    r"(?:[a-z]{1,20}(?:[A-Z][a-z]{1,15}){0,3}|(?:[A-Z][a-z]{1,15}){1,4}|[A-Z]{1,8}|[a-z]{1,12}\d{1,2}|\d[a-z]{1,12})"
)
_WORDS = re.compile(rf"\.?{_WORD}(?:[._~-](?:{_WORD}|\d{{1,2}})){{0,5}}")
_PLAIN_WORDS = re.compile(r"[a-z]{2,12}(?:-[a-z]{2,12}){0,2}")
_HEX = re.compile(r"[0-9a-f]{8,}", re.IGNORECASE)
_NO_VOWEL = re.compile(r"(?:(?![aeiouy])[a-z]){6}", re.IGNORECASE)
MAX_REMEMBERED: Final = 4096


class Words:
    """Which segments are words, and which of these name a secret. Remembers words within a bound, and nothing else."""

    def __init__(self) -> None:
        self._secret_names = SecretNames()
        self.known: dict[str, bool] = {"": False}  # by word, whether what follows it is a secret

    @property
    def remembered(self) -> int:
        return len(self.known)

    def find(self, segment: str) -> bool | None:
        """None for what is no word, else whether it names a secret."""
        known = self.known.get(segment)
        if known is None and is_word(segment):
            if len(self.known) >= MAX_REMEMBERED:
                self.known.clear()
            known = self.known[segment] = segment in self._secret_names
        return known


_words = Words()


def template_of(path: str) -> str:
    """The template of a path in normal form. At most `MAX_SEGMENTS` segments; what is deeper is `**`."""
    first, *written = path.split("/", MAX_SEGMENTS + 1)
    if first or not written:
        return path if path == "*" else f"/{ANY}"
    deeper = len(written) > MAX_SEGMENTS
    segments: list[str] = []
    known = _words.known.get
    behind_a_secret = False
    for segment in written[:MAX_SEGMENTS]:
        names_secret = known(segment)
        if names_secret is None and not is_id(segment):
            names_secret = _words.find(segment)
        if behind_a_secret and segment and not _PLAIN_WORDS.fullmatch(segment):
            names_secret = None
        segments.append(ANY if names_secret is None else segment)
        behind_a_secret = bool(names_secret)
    return "/" + "/".join([*segments, REST] if deeper else segments)


def is_id(segment: str) -> bool:
    """Whether it is what most ids are, a number or a UUID, which one look tells."""
    return segment.isdigit() or (len(segment) == 36 and segment[8] == segment[13] == segment[18] == segment[23] == "-")


def is_word(segment: str) -> bool:
    """Whether a programmer may have written it. True for the empty one, which a slash at the end leaves."""
    if not segment:
        return True
    return (
        len(segment) <= MAX_LENGTH
        and _WORDS.fullmatch(segment) is not None
        and sum(map(str.isdigit, segment)) <= 2
        and _HEX.search(segment) is None
        and _NO_VOWEL.search(segment) is None
    )
