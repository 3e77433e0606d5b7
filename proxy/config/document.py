"""YAML text → a tree of nodes that know their line and column. The only importer of yaml.

Reads parser events and never constructs objects, so no tag can run code. Size, depth, and what aliases unfold to are
limited, so that no input is slow. A repeated key is a problem, never a silent choice.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import yaml

from proxy.config.core_schema import resolve
from proxy.config.errors import ConfigError, Problem
from proxy.config.nodes import Document, Mapping, Node, Scalar, Sequence
from proxy.config.place import Place
from proxy.config.refused import Refused
from proxy.config.spans import Span
from proxy.config.substitution import Substitution

MAX_BYTES = 1024 * 1024  # a route takes about 150 bytes: room for thousands
MAX_DEPTH = 32  # the deepest key of the format is at 8; libyaml's scanner is quadratic in depth
MAX_NODES = 200_000  # after aliases are unfolded

_LOADER: type[yaml.SafeLoader] | type[yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_FORBIDDEN = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)  # YAML 1.2 §5.1

_TAG_OF_TEXT = frozenset({"!", "tag:yaml.org,2002:str"})

_FLOW_HINT = (
    "inside {} a value with {{ }} [ ] or a comma needs quotes, also one with ${{…}}; or a line above lacks its {}"
)

_SYNTAX_HINTS = (
    ("cannot start any token", "indent with spaces, not tabs; a value beginning with %, @ or ` needs quotes"),
    ("mapping values are not allowed", 'a value with ": " in it needs quotes; keys of one mapping stand in one column'),
    ("expected ',' or '}'", _FLOW_HINT.format("{ }", "}")),
    ("expected ',' or ']'", _FLOW_HINT.format("[ ]", "]")),
    ("expected node content", "a value beginning with a comma or a colon needs quotes"),
    ("expected key", "keys of one mapping stand in one column"),
    ("expected <block end>", "keys of one mapping stand in one column"),
    ("expected alphabetic or numeric character", "a value beginning with * or & needs quotes"),
    ("could not find expected ':'", "each line of a mapping reads key: value"),
    ("unexpected end of stream", "a quote or bracket is not closed"),
)


class _Mark(Protocol):
    index: int
    line: int
    column: int


def parse(text: str | bytes, file: str, substitution: Substitution) -> Document:
    """Raises ConfigError for what is not one YAML document of a mapping, within the limits."""
    document = read_tree(text, file, substitution)
    if not isinstance(document.root, Mapping):
        hint = "it begins with version: 1" if document.root == Scalar(document.root.place, None) else None
        message = "the file is empty" if hint else "the file must be a mapping: lines of key: value"
        raise ConfigError([Problem(document.root.place, message, hint or "it begins with version: 1")])
    return document


def read_tree(text: str | bytes, file: str, substitution: Substitution) -> Document:
    """Like `parse`, of any one YAML document."""
    return _Builder(file, substitution).build(_decode(text, file))


def read_spans(text: str, file: str) -> Span:
    """Where in `text` each value is written, for edits. Raises ConfigError for what is not YAML.

    For a text that `parse` has taken: it stands within the limits, and has no tags.
    """
    open_spans: list[Span] = []
    root = Span("scalar", 0, 0)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            if isinstance(event, yaml.CollectionEndEvent):
                open_spans.pop().end = _index(event.end_mark)
            elif isinstance(event, yaml.NodeEvent):
                span = _span(event)
                if open_spans:
                    open_spans[-1].inner.append(span)
                else:
                    root = span
                if isinstance(event, yaml.CollectionStartEvent):
                    open_spans.append(span)
    except yaml.MarkedYAMLError as error:
        raise ConfigError([_Builder(file, Substitution({}, str)).syntax_problem(error)]) from None
    return root


def _span(event: yaml.NodeEvent) -> Span:
    start, end, anchor = _index(event.start_mark), _index(event.end_mark), event.anchor or ""
    match event:
        case yaml.ScalarEvent():
            is_plain = not event.style and event.tag is None
            value = resolve(event.value) if is_plain else event.value
            return Span("scalar", start, end, style=event.style or "", value=value, text=event.value, anchor=anchor)
        case yaml.MappingStartEvent():
            return Span("mapping", start, end, style="flow" if event.flow_style else "", anchor=anchor)
        case yaml.SequenceStartEvent():
            return Span("sequence", start, end, style="flow" if event.flow_style else "", anchor=anchor)
    return Span("alias", start, end, text=anchor)


def _index(mark: _Mark | None) -> int:
    return mark.index if mark else 0


def check_size(size: int, file: str) -> None:
    """Raises ConfigError when a file of `size` bytes is larger than we read."""
    if size > MAX_BYTES:
        message = f"the file has {size:,} bytes; at most {MAX_BYTES:,} (1 MiB) are read"
        raise ConfigError([Problem(Place(file, 1, 1), message)])


def _decode(text: str | bytes, file: str) -> str:
    try:
        data = text.encode() if isinstance(text, str) else text
        check_size(len(data), file)
        decoded = data.decode("utf-8-sig")
    except UnicodeEncodeError as error:
        place = _place_after(file, error.object[: error.start])
        raise ConfigError([Problem(place, "a lone surrogate is not text")]) from None
    except UnicodeDecodeError as error:
        place = _place_after(file, error.object[: error.start].decode())
        message = f"byte 0x{error.object[error.start]:02x} is not UTF-8"
        raise ConfigError([Problem(place, message, "save the file as UTF-8")]) from None
    if forbidden := _FORBIDDEN.search(decoded):
        place = _place_after(file, decoded[: forbidden.start()])
        raise ConfigError([Problem(place, f"not YAML: the character U+{ord(forbidden[0]):04X} is not allowed")])
    return decoded


def _place_after(file: str, before: str) -> Place:
    return Place(file, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)


class _Stop(Exception):
    def __init__(self, place: Place, message: str, hint: str | None = None) -> None:
        self.problem = Problem(place, message, hint)


@dataclass(slots=True)
class _Frame:
    """A collection being read. `size` and `depth` are those of the unfolded tree below it."""

    node: Sequence | Mapping
    anchor: str | None
    size: int = 1
    depth: int = 1
    key: tuple[str, Place] | None = None  # of a mapping: read, and waiting for its value


class _Builder:
    """Turns parser events into nodes with a stack of its own, so that no input can exhaust Python's."""

    def __init__(self, file: str, substitution: Substitution) -> None:
        self._file = file
        self._substitution = substitution
        self._problems: list[Problem] = []
        self._stack: list[_Frame] = []
        self._anchors: dict[str, tuple[Node, int, int]] = {}  # node, size, depth
        self._root: Node | None = None

    def build(self, text: str) -> Document:
        try:
            self._read(yaml.parse(text, Loader=_LOADER))
        except yaml.MarkedYAMLError as error:
            raise ConfigError([self.syntax_problem(error)]) from None
        except yaml.YAMLError as error:
            raise ConfigError([Problem(Place(self._file, 1, 1), f"not YAML: {error}")]) from None
        except _Stop as stop:
            raise ConfigError([stop.problem]) from None
        return Document(self._file, self._root or Scalar(Place(self._file, 1, 1), None), tuple(self._problems))

    def _read(self, events: Iterator[yaml.Event]) -> None:
        for event in events:
            place = self._place(event.start_mark)
            match event:
                case yaml.DocumentStartEvent() if self._root is not None:
                    raise _Stop(place, "a second document begins here", "a file has one: remove the ---")
                case yaml.ScalarEvent():
                    self._scalar(event, place)
                case yaml.SequenceStartEvent():
                    self._open(_Frame(Sequence(place), event.anchor), event.tag)
                case yaml.MappingStartEvent():
                    self._open(_Frame(Mapping(place), event.anchor), event.tag)
                case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                    frame = self._stack.pop()
                    self._finish(frame.node, frame.anchor, frame.size, frame.depth)
                case yaml.AliasEvent():
                    self._alias(event.anchor or "", place)

    def _open(self, frame: _Frame, tag: str | None) -> None:
        place = frame.node.place
        if tag is not None:
            raise _Stop(place, f"the tag {tag[:40]} is not read here", "write the value without it")
        if len(self._stack) >= MAX_DEPTH:
            raise _Stop(place, f"nested more than {MAX_DEPTH} levels deep")
        if self._stack and isinstance(self._stack[-1].node, Mapping) and self._stack[-1].key is None:
            raise _Stop(place, "a key must be text", "a value beginning with { or [ needs quotes")
        self._stack.append(frame)

    def _scalar(self, event: yaml.ScalarEvent, place: Place) -> None:
        if event.tag is not None and event.tag not in _TAG_OF_TEXT:
            raise _Stop(place, f"the tag {event.tag[:40]} is not read here", "write the value without it")
        frame = self._stack[-1] if self._stack else None
        if frame and isinstance(frame.node, Mapping) and frame.key is None:
            self._key(frame, frame.node, event.value, place)
            if event.anchor:
                self._anchors[event.anchor] = (Scalar(place, event.value), 1, 1)
            return
        is_plain = not event.style and event.tag is None  # plain: None in Python's parser, "" in libyaml's
        self._finish(self._leaf(event.value, is_plain, place), event.anchor, 1, 1)

    def _leaf(self, text: str, is_plain: bool, place: Place) -> Scalar:
        try:
            filled, outside = self._substitution.fill(text)
        except Refused as refused:
            self._problems.append(Problem(place, refused.message, refused.hint))
            return Scalar(place, text, written=text)
        # A substituted value stays text: whether it looks like a number must not depend on the environment.
        if outside:
            return Scalar(place, filled, written=text)
        return Scalar(place, resolve(filled) if is_plain else filled)

    def _key(self, frame: _Frame, node: Mapping, key: str, place: Place) -> None:
        frame.key = (key, place)
        if key in node.keys:
            first = node.keys[key]
            self._problems.append(Problem(place, f'key "{key[:60]}" is repeated (first on line {first.line})'))

    def _alias(self, anchor: str, place: Place) -> None:
        if any(frame.anchor == anchor for frame in self._stack):
            raise _Stop(place, f"*{anchor[:60]} stands inside what it refers to")
        if anchor not in self._anchors:
            hint = "a value beginning with * needs quotes"
            raise _Stop(place, f"*{anchor[:60]} refers to no &{anchor[:60]} above", hint)
        node, size, depth = self._anchors[anchor]
        frame = self._stack[-1] if self._stack else None
        if frame and isinstance(frame.node, Mapping) and frame.key is None:
            raise _Stop(place, "a key must be written out", "aliases stand for values")
        self._finish(node, None, size, depth)

    def _finish(self, node: Node, anchor: str | None, size: int, depth: int) -> None:
        """Puts a whole node where it belongs, and counts it there."""
        if anchor:
            self._anchors[anchor] = (node, size, depth)
        if not self._stack:
            self._root = node
            return
        frame = self._stack[-1]
        frame.size += size
        frame.depth = max(frame.depth, depth + 1)
        if frame.size > MAX_NODES or len(self._stack) + depth > MAX_DEPTH + 1:
            raise _Stop(node.place, f"more than {MAX_NODES:,} values, or {MAX_DEPTH} levels, once aliases are unfolded")
        if isinstance(frame.node, Sequence):
            frame.node.items.append(node)
        elif frame.key is not None:
            key, place = frame.key
            frame.node.keys.setdefault(key, place)  # of a repeated key the first stands, so that the rest can be judged
            frame.node.entries.setdefault(key, node)
            frame.key = None

    def _place(self, mark: _Mark | None) -> Place:
        return Place(self._file, mark.line + 1, mark.column + 1) if mark else Place(self._file, 1, 1)

    def syntax_problem(self, error: yaml.MarkedYAMLError) -> Problem:
        place = self._place(error.problem_mark or error.context_mark)
        what = error.problem or "it cannot be read"
        context = f" {error.context}" if error.context else ""
        hint = next((hint for text, hint in _SYNTAX_HINTS if text in what), None)
        printable = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in f"not YAML: {what}{context}")
        return Problem(place, printable, hint)
