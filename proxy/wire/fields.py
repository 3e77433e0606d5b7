"""Field lines: their grammar, and a table that remembers what was found about a line by its exact bytes.

Most lines of most requests have been seen before, to the byte. What a line means is worked out once and looked up
afterwards. The table holds no secrets (Cookie, Authorization and their kin are read each time), no line over 256
bytes, and never more than `LineTable.BOUND` lines: when it is full it starts again empty.
"""

import re
from collections.abc import Callable
from enum import Enum
from itertools import filterfalse
from typing import Any, Final, NamedTuple

# RFC 9110 sections 5.1 and 5.5. No obs-fold, no bare CR or LF, no control bytes but HTAB; obs-text passes.
_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
BARE_LF: Final = re.compile(rb"(?<!\r)\n")
_FORBIDDEN = bytes([*range(0x09), *range(0x0A, 0x20), 0x7F])

SECRET_NAMES: Final = frozenset(
    {b"authorization", b"proxy-authorization", b"cookie", b"set-cookie", b"x-api-key", b"x-auth-token"}
)
_UNIQUE_NAMES: Final = frozenset({b"traceparent", b"tracestate", b"x-request-id", b"sec-websocket-key"})
_NEVER_KEPT: Final = SECRET_NAMES | _UNIQUE_NAMES


class Field(NamedTuple):
    """A line that the proxy itself looks at. `parsed` is what its reader made of the value."""

    name: str
    value: bytes
    parsed: Any = None


class Fate(Enum):
    """What becomes of a line that the proxy itself has no interest in."""

    PASS = "forwarded as it is"
    DROP = "not forwarded"


PASS: Final = Fate.PASS
DROP: Final = Fate.DROP

Verdict = Fate | Field
Read = Callable[[bytes], Verdict]
"""Works out what a line of a certain name means by its value; may raise."""

Classify = Callable[[bytes], Fate | Read]
"""What a name (lower case) means by itself, or how its values are to be read."""


class BadLine(ValueError):
    """A line that is no field line."""


def split_line(line: bytes) -> tuple[bytes, bytes]:
    """Name (lower case) and value (white space around it cut) of a field line. Raises BadLine."""
    name, colon, value = line.partition(b":")
    if not colon or not _NAME.fullmatch(name) or len(value.translate(None, _FORBIDDEN)) != len(value):
        raise BadLine(_explain(line))
    return name.lower(), value.strip(b" \t")


def _explain(line: bytes) -> str:
    if line[:1] in (b" ", b"\t"):
        return "a field line begins with white space (obsolete line folding)"
    name, colon, _value = line.partition(b":")
    if not colon:
        return "a field line has no colon"
    if name.endswith((b" ", b"\t")):
        return "white space stands before the colon of a field line"
    if b"\n" in line or b"\r" in line:
        return "a bare CR or LF stands in a field line"
    return "a field line holds bytes that HTTP does not allow"


class LineTable:
    """What is known of lines, by their exact bytes: those that simply pass, and the verdicts on the others."""

    BOUND: Final = 4096
    LONGEST: Final = 256

    def __init__(self, classify: Classify) -> None:
        self._classify = classify
        self._names: dict[bytes, tuple[Fate | Read, bool]] = {}  # by the name as spelled
        self._plain: set[bytes] = set()
        self.verdicts: dict[bytes, Verdict] = {}
        self._is_plain = self._plain.__contains__
        self.resets = 0

    def meaning(self, name: bytes) -> Fate | Read:
        """What a field's name, as spelled, means by itself, or how its values are read."""
        known = self._names.get(name)
        return known[0] if known else self._classify(name.lower())

    def unusual(self, lines: list[bytes]) -> list[bytes]:
        """Those of the lines that are not known to simply pass, in order."""
        return list(filterfalse(self._is_plain, lines))

    def __len__(self) -> int:
        return len(self._plain) + len(self.verdicts)

    def learn(self, line: bytes) -> Verdict:
        """The verdict on a line that is not in `verdicts`. Raises BadLine, or what reading its value raises."""
        colon = line.find(b":")
        if colon < 0:
            raise BadLine(_explain(line))
        read, kept = self._names.get(line[:colon]) or self._learn_name(line, colon)
        if len(line.translate(None, _FORBIDDEN)) != len(line):
            raise BadLine("a field line holds bytes that HTTP does not allow")
        verdict = read if read is PASS or read is DROP else read(line[colon + 1 :].strip(b" \t"))
        if kept and len(line) <= self.LONGEST:
            self._keep(line, verdict)
        return verdict

    def _keep(self, line: bytes, verdict: Verdict) -> None:
        if len(self) >= self.BOUND:
            self._plain.clear()
            self.verdicts.clear()
            self.resets += 1
        if verdict is PASS:
            self._plain.add(line)
        else:
            self.verdicts[line] = verdict

    def _learn_name(self, line: bytes, colon: int) -> tuple[Fate | Read, bool]:
        """What a name means, and whether lines with it are kept."""
        name = line[:colon]
        if not _NAME.fullmatch(name):
            raise BadLine(_explain(line))
        lower = name.lower()
        meaning = (self._classify(lower), lower not in _NEVER_KEPT)
        if len(name) <= self.LONGEST:
            if len(self._names) >= self.BOUND:  # names are few; a client that makes them up fills no memory
                self._names.clear()
                self.resets += 1
            self._names[name] = meaning
        return meaning


def tokens(value: bytes) -> tuple[bytes, ...]:
    """The members of a comma-separated list, lower case, empty ones left out (RFC 9110 section 5.6.1)."""
    return tuple(item for item in (part.strip(b" \t").lower() for part in value.split(b",")) if item)


def parse_length(value: bytes) -> int | None:
    """A Content-Length, or None where it is not plain digits of a sane number (RFC 9110 section 8.6)."""
    return int(value) if value.isdigit() and len(value) <= 18 else None
