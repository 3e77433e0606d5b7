"""The shape of a head's fields: which lines there are, in what order. Clients send head after head of the same one.

A shape is a regular expression made from fields that were read line by line. Fields that it matches are read in one
step, and mean just what they would mean line by line: names are spelled as they were, a line whose value the proxy
heeds is the same to the byte, and only what is merely passed on, the trace and the length may differ. Everything else
does not match, and is read line by line.

What is kept is bounded, and so is the work: of the heads without a shape, one in `Shapes.PACE` may be made one of.
"""

from __future__ import annotations

import re
from typing import Final

from proxy.observability.tracing import IDS, TRACEPARENT_LINE
from proxy.wire.fields import DROP, PASS, LineTable
from proxy.wire.head import NO_EXTRAS, RequestFields

_VALUE: Final = rb"[^\x00-\x08\x0a-\x1f\x7f]*+"
_TRACE: Final = rb"[ \t]*(?P<trace>00" + IDS + rb")[ \t]*"
_LENGTH: Final = rb"[ \t]*(?P<length>[1-9][0-9]{0,17})[ \t]*"


class Shape:
    """How fields like `pattern` are read: their Host is that of `made_from`, of which nothing else is kept."""

    __slots__ = ("_has_length", "_has_trace", "_host", "_host_line", "_host_value", "_pattern", "_segments")

    def __init__(self, pattern: bytes, made_from: RequestFields) -> None:
        self._pattern = re.compile(pattern)
        groups = self._pattern.groupindex
        self._has_trace = "trace" in groups
        self._has_length = "length" in groups
        self._segments = [number for name, number in groups.items() if name.startswith("pass")]
        self._host = made_from.host
        self._host_line = made_from.host_line
        self._host_value = made_from.host_value

    def read(self, raw: bytes) -> RequestFields | None:
        """The fields in `raw`, each line with a leading CRLF; None where they have another shape."""
        match = self._pattern.fullmatch(raw)
        if match is None:
            return None
        fields = RequestFields(raw)
        fields.host = self._host
        fields.host_line = self._host_line
        fields.host_value = self._host_value
        fields.block = b"".join(match.group(*self._segments)) if len(self._segments) > 1 else match["pass0"]
        if self._has_trace:
            fields.traceparent = match["trace"]
            fields.trace = TRACEPARENT_LINE + fields.traceparent
        if self._has_length:
            fields.content_length = int(match["length"])
        return fields


class Shapes:
    """The shapes that are known."""

    BOUND: Final = 64
    PACE: Final = 64
    MOST_BYTES: Final = 4096  # of fields that are made a shape of
    MOST_LINES: Final = 40

    def __init__(self, table: LineTable) -> None:
        self._table = table
        self._known: dict[bytes, Shape] = {}  # by pattern
        self._once: set[bytes] = set()  # patterns that were met; at most `PACE`
        self._wait = 0  # heads until another may be made
        self.resets = 0

    def __len__(self) -> int:
        return len(self._known)

    def find(self, fields: RequestFields) -> Shape | None:
        """The shape of fields of HTTP/1.1 that were read line by line; the second that ask for it may make it known."""
        if fields.extras is not NO_EXTRAS or fields.chunked or len(fields.raw) > self.MOST_BYTES:
            return None
        pattern = self._pattern(fields)
        shape = self._known.get(pattern)
        if shape is None and pattern:
            self._wait -= 1
            if pattern in self._once and self._wait <= 0:
                return self._make(pattern, fields)
            if len(self._once) >= self.PACE:
                self._once.clear()
            self._once.add(pattern)
        return shape

    def _make(self, pattern: bytes, fields: RequestFields) -> Shape:
        self._wait = self.PACE
        if len(self._known) >= self.BOUND:
            self._known.clear()
            self.resets += 1
        shape = self._known[pattern] = Shape(pattern, fields)
        return shape

    def _pattern(self, fields: RequestFields) -> bytes:
        """What fields of this shape match, with the lines that are passed on in groups; empty where there is none."""
        lines = fields.raw.split(b"\r\n")[1:]
        if len(lines) > self.MOST_LINES:
            return b""
        parts: list[bytes] = []
        forwarded = frozenset(fields.lines)
        segments, inside = 0, False
        for line in lines:
            name, colon, _ = line.partition(b":")
            meaning, passes = self._table.meaning(name), line in forwarded
            if passes != inside:
                parts.append(b"(?P<pass%d>" % segments if passes else b")")
                segments += passes
                inside = passes
            if meaning is PASS or meaning is DROP:
                value = _VALUE
            elif passes and name.lower() == b"content-length":
                value = _LENGTH
            elif fields.trace and name.lower() == b"traceparent":
                value = _TRACE
            elif passes or name.lower() == b"connection":
                value = re.escape(line[len(name) + 1 :])
            else:
                return b""  # it was changed on its way
            parts.append(rb"\r\n" + re.escape(name) + colon + value)
        return b"".join(parts) + (b")" if inside else b"")
